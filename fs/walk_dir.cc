#include "kioto/fs/walk_dir.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kioto/fs/job.h"
#include "kioto/fs/walk_job.h"

namespace kioto::fs {
namespace internal {
namespace {

constexpr size_t kMostInARow = 16;  // directories a job

}  // namespace

// The walk stands on a path of directories, the stack: each is somewhere in its entries, and has read ahead of that the next few
// directories among them. The bottom is not a directory: its only entry is the root.
class Walk {
 public:
  explicit Walk(std::string root) { stack_.push_back(std::make_unique<Dir>(std::move(root), -1, nullptr)); }

  WalkOptions& options() { return options_; }

  Poll<std::optional<StatusOr<WalkEntry>>> PollNext(Context& cx) {
    using Item = std::optional<StatusOr<WalkEntry>>;
    while (!stack_.empty()) {
      Dir& top = *stack_.back();
      if (top.state != State::kRead) {
        Advance(cx);
        if (top.state != State::kRead) return kPending;
        continue;
      }
      if (top.next < top.batch.entries.size()) {
        if (!cx.ConsumeBudget()) return kPending;
        const WalkFound& entry = top.batch.entries[top.next++];
        if (Descends(top, entry)) {
          Enter(top);
          Advance(cx);
        }
        if (top.depth + 1 >= options_.min_depth) return top.Make(entry);
      } else if (!top.batch.error.ok()) {
        return Item(std::exchange(top.batch.error, OkStatus()));
      } else if (top.batch.rest != nullptr) {
        top.state = State::kWaiting;
      } else {
        stack_.pop_back();
      }
    }
    return Item(std::nullopt);
  }

 private:
  enum class State : uint8_t { kWaiting, kReading, kRead };

  struct Dir {
    Dir(std::string path, int depth, std::shared_ptr<const WalkAncestor> above)
        : path(std::move(path)), depth(depth), above(std::move(above)) {
      if (depth >= 0) full = absl::EndsWith(this->path, "/") ? this->path : absl::StrCat(this->path, "/");
      folder = full.size();
    }

    const std::string& PathOf(const WalkFound& entry) {
      const absl::string_view name = batch.NameOf(entry);
      full.resize(folder);
      full.append(name.data(), name.size());
      return full;
    }
    WalkEntry Make(const WalkFound& entry) { return {PathOf(entry), entry.type, depth + 1, entry.ino}; }

    std::string path;
    std::string full;  // with a slash and the name of an entry
    size_t folder;     // how much of that is not the name
    int depth;
    std::shared_ptr<const WalkAncestor> above;
    State state = State::kWaiting;
    WalkBatch batch;
    size_t next = 0;   // the entry that is given next
    size_t ahead = 0;  // directories before this entry are given, or among `children`
    std::deque<std::unique_ptr<Dir>> children;
    size_t begun = 0;  // no child before this one is kWaiting
  };

  // Directories that one job reads: one that is needed, or children of one.
  struct Job {
    JoinHandle<WalkBatches> handle;
    std::vector<Dir*> dirs;
    Dir* parent;
  };

  size_t most() const { return static_cast<size_t>(options_.concurrency); }

  bool Descends(const Dir& dir, const WalkFound& entry) const { return entry.type == FileType::kDir && dir.depth + 1 < options_.max_depth; }

  // False: there are no more, or too many already.
  bool AddChild(Dir& dir) {
    while (dir.ahead < dir.batch.entries.size() && dir.children.size() < most() * in_a_row_) {
      const WalkFound& entry = dir.batch.entries[dir.ahead++];
      if (!Descends(dir, entry)) continue;
      dir.children.push_back(std::make_unique<Dir>(dir.PathOf(entry), dir.depth + 1, dir.batch.self));
      return true;
    }
    return false;
  }

  // The entry before `next` is a directory: its first child.
  void Enter(Dir& dir) {
    if (dir.ahead < dir.next) {
      dir.ahead = dir.next - 1;
      AddChild(dir);
    }
    held_ -= dir.children.front()->batch.entries.size();
    stack_.push_back(std::move(dir.children.front()));
    dir.children.pop_front();
    if (dir.begun > 0) --dir.begun;
  }

  // Takes in what has been read, and has read what is needed next.
  void Advance(Context& cx) {
    for (size_t i = jobs_.size(); i-- > 0;) {
      if (TakeIn(jobs_[i], cx)) jobs_.erase(jobs_.begin() + static_cast<ptrdiff_t>(i));
    }
    for (auto dir = stack_.rbegin(); dir != stack_.rend(); ++dir) ReadAhead(**dir, cx);
  }

  void ReadAhead(Dir& dir, Context& cx) {
    if (dir.state == State::kWaiting && jobs_.size() < most()) Start({&dir}, nullptr, cx);
    if (dir.state != State::kRead) return;
    dir.ahead = std::max(dir.ahead, dir.next);
    while (jobs_.size() < most() && held_ < most() * kWalkBatch) {
      std::vector<Dir*> row = NextInARow(dir);
      if (row.empty()) return;
      Start(std::move(row), &dir, cx);
    }
  }

  // Children for one job. None, if they are fewer than it can read, unless they are the last: there is enough ahead.
  std::vector<Dir*> NextInARow(Dir& dir) {
    std::vector<Dir*> row;
    size_t next = dir.begun;
    for (; row.size() < in_a_row_ && (next < dir.children.size() || AddChild(dir)); ++next) {
      if (dir.children[next]->state == State::kWaiting) row.push_back(dir.children[next].get());
    }
    if (row.size() < in_a_row_ && dir.ahead < dir.batch.entries.size()) return {};
    dir.begun = next;
    return row;
  }

  void Start(std::vector<Dir*> dirs, Dir* parent, Context& cx) {
    WalkJob job;
    job.follow_links = options_.follow_links;
    job.sorted = options_.sorted;
    job.targets.reserve(dirs.size());
    for (Dir* const dir : dirs) {
      const bool begun = dir->batch.rest != nullptr;
      job.targets.push_back({dir->path, dir->depth, std::move(dir->batch.rest), begun ? dir->batch.self : dir->above});
      dir->state = State::kReading;
    }
    jobs_.push_back({StartJob(std::move(job)), std::move(dirs), parent});
    if (TakeIn(jobs_.back(), cx)) jobs_.pop_back();
  }

  // Whether the job has ended; then what it has read is where it belongs.
  bool TakeIn(Job& job, Context& cx) {
    auto polled = job.handle.PollOnce(cx);
    if (polled.pending()) return false;
    if (!polled->ok()) {
      for (Dir* const dir : job.dirs) {
        WalkBatch none;
        none.error = polled->status();
        TakeIn(*dir, std::move(none));
      }
      return true;
    }
    WalkBatches batches = **std::move(polled);
    const size_t read = batches.of.size();
    for (size_t i = 0; i < read; ++i) TakeIn(*job.dirs[i], std::move(batches.of[i]));
    for (size_t i = read; i < job.dirs.size(); ++i) job.dirs[i]->state = State::kWaiting;
    if (read < job.dirs.size()) job.parent->begun = 0;
    in_a_row_ = batches.quick ? std::min(std::max(in_a_row_, 2 * read), kMostInARow) : read;
    return true;
  }

  void TakeIn(Dir& dir, WalkBatch batch) {
    dir.state = State::kRead;
    dir.batch = std::move(batch);
    dir.next = dir.ahead = 0;
    auto& entries = dir.batch.entries;
    if (options_.prune) {
      entries.erase(std::remove_if(entries.begin(), entries.end(), [&](const WalkFound& entry) { return options_.prune(dir.Make(entry)); }),
                    entries.end());
    }
    if (&dir != stack_.back().get()) held_ += entries.size();
  }

  WalkOptions options_;
  std::vector<std::unique_ptr<Dir>> stack_;
  std::vector<Job> jobs_;  // those that run
  size_t in_a_row_ = 1;    // directories for the next job
  size_t held_ = 0;        // entries of directories that are read and not begun
};

}  // namespace internal

absl::string_view WalkEntry::name() const {
  absl::string_view name = path;
  while (name.size() > 1 && name.back() == '/') name.remove_suffix(1);
  const size_t slash = name.rfind('/');
  return slash == absl::string_view::npos || name.size() == 1 ? name : name.substr(slash + 1);
}

WalkDir::WalkDir(std::string root) : walk_(std::make_unique<internal::Walk>(std::move(root))) {}
WalkDir::WalkDir(WalkDir&&) noexcept = default;
WalkDir& WalkDir::operator=(WalkDir&&) noexcept = default;
WalkDir::~WalkDir() = default;

WalkDir&& WalkDir::MinDepth(int depth) && {
  walk_->options().min_depth = depth;
  return std::move(*this);
}
WalkDir&& WalkDir::MaxDepth(int depth) && {
  walk_->options().max_depth = depth;
  return std::move(*this);
}
WalkDir&& WalkDir::FollowLinks(bool on) && {
  walk_->options().follow_links = on;
  return std::move(*this);
}
WalkDir&& WalkDir::Sorted(bool on) && {
  walk_->options().sorted = on;
  return std::move(*this);
}
WalkDir&& WalkDir::Concurrency(int directories) && {
  walk_->options().concurrency = std::max(directories, 1);
  return std::move(*this);
}
WalkDir&& WalkDir::Prune(absl::AnyInvocable<bool(const WalkEntry&)> prune) && {
  walk_->options().prune = std::move(prune);
  return std::move(*this);
}

Poll<std::optional<StatusOr<WalkEntry>>> WalkDir::PollNext(Context& cx) { return walk_->PollNext(cx); }

}  // namespace kioto::fs
