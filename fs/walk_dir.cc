#include "kioto/fs/walk_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kioto/fs/job.h"
#include "kioto/runtime/base/path.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::fs {
namespace internal {
namespace {

constexpr size_t kBatch = 1024;  // entries a job, unless they are sorted: some 100 KB
constexpr char kName[] = "fs::WalkDir";

FileType OfMode(mode_t mode) {
  return S_ISREG(mode) ? FileType::kFile : S_ISDIR(mode) ? FileType::kDir : S_ISLNK(mode) ? FileType::kSymlink : FileType::kOther;
}

// A directory that is being walked through, and those that it is in: where a link must not lead back to.
struct Ancestor {
  dev_t dev;
  ino_t ino;
  std::shared_ptr<const Ancestor> above;
};

struct OpenDir {
  explicit OpenDir(DIR* dir) : dir(dir) {}
  ~OpenDir() { ::closedir(dir); }
  OpenDir(const OpenDir&) = delete;
  OpenDir& operator=(const OpenDir&) = delete;
  DIR* dir;
};

}  // namespace

struct WalkBatch {
  std::vector<WalkEntry> entries;
  Status error;                          // behind them
  std::shared_ptr<OpenDir> rest;         // where there are more
  std::shared_ptr<const Ancestor> self;  // if links are followed
};

// Reads one directory, or looks at the root.
class WalkJob {
 public:
  using Output = WalkBatch;

  std::string path;
  int depth = -1;  // of the directory; -1: look at the root
  bool follow_links = false;
  bool sorted = false;
  std::shared_ptr<OpenDir> dir;  // if it was begun
  std::shared_ptr<const Ancestor> above;

  Poll<WalkBatch> PollOnce(Context&) {
    WalkBatch batch;
    if (batch.error = base::CheckPath(kName, path); !batch.error.ok()) return batch;
    const int error = depth < 0 ? LookAtRoot(batch) : Read(batch);
    if (error != 0) batch.error = PathError(error, kName, path);
    return batch;
  }

 private:
  int LookAtRoot(WalkBatch& batch) {
    struct stat st;
    if (::stat(path.c_str(), &st) != 0) return errno;
    batch.entries.push_back({path, OfMode(st.st_mode), 0, st.st_ino});
    return 0;
  }

  int Open(WalkBatch& batch) {
    const bool through_links = follow_links || depth == 0;
    const int fd = base::sys::Open(path.c_str(), O_RDONLY | O_DIRECTORY | (through_links ? 0 : O_NOFOLLOW), 0);
    if (fd < 0) return -fd;
    DIR* const opened = ::fdopendir(fd);
    if (opened == nullptr) {
      const int error = errno;
      base::sys::Close(fd);
      return error;
    }
    dir = std::make_shared<OpenDir>(opened);
    if (!follow_links) return 0;
    struct stat st;
    if (const int error = base::sys::Fstat(fd, &st); error < 0) return -error;
    for (const Ancestor* a = above.get(); a != nullptr; a = a->above.get()) {
      if (a->dev == st.st_dev && a->ino == st.st_ino) return ELOOP;
    }
    batch.self = std::make_shared<Ancestor>(Ancestor{st.st_dev, st.st_ino, std::move(above)});
    return 0;
  }

  int Read(WalkBatch& batch) {
    if (dir == nullptr) {
      if (const int error = Open(batch)) return error;
    } else {
      batch.self = std::move(above);
    }
    while (sorted || batch.entries.size() < kBatch) {
      errno = 0;
      const dirent* entry = ::readdir(dir->dir);
      if (entry == nullptr) {
        const int error = errno;
        Sort(batch);
        return error;
      }
      const absl::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      batch.entries.push_back(
          {absl::StrCat(path, absl::EndsWith(path, "/") ? "" : "/", name), TypeOf(*entry), depth + 1, entry->d_ino});
    }
    batch.rest = std::move(dir);
    return 0;
  }

  FileType TypeOf(const dirent& entry) const {
    const int fd = ::dirfd(dir->dir);
    mode_t mode = DTTOIF(entry.d_type);
    struct stat st;
    if (entry.d_type == DT_UNKNOWN && ::fstatat(fd, entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) mode = st.st_mode;
    if (follow_links && S_ISLNK(mode) && ::fstatat(fd, entry.d_name, &st, 0) == 0) mode = st.st_mode;
    return OfMode(mode);
  }

  void Sort(WalkBatch& batch) const {
    if (!sorted) return;
    std::sort(batch.entries.begin(), batch.entries.end(), [](const WalkEntry& a, const WalkEntry& b) { return a.path < b.path; });
  }
};

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
        WalkEntry& entry = top.batch.entries[top.next++];
        if (Descends(entry)) {
          Enter(top);
          Advance(cx);
        }
        if (entry.depth >= options_.min_depth) return Item(std::move(entry));
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
    Dir(std::string path, int depth, std::shared_ptr<const Ancestor> above)
        : path(std::move(path)), depth(depth), above(std::move(above)) {}

    std::string path;
    int depth;
    std::shared_ptr<const Ancestor> above;
    State state = State::kWaiting;
    JoinHandle<WalkBatch> job;
    WalkBatch batch;
    size_t next = 0;   // the entry that is given next
    size_t ahead = 0;  // directories before this entry are given, or among `children`
    std::deque<std::unique_ptr<Dir>> children;
  };

  bool Descends(const WalkEntry& entry) const { return entry.is_dir() && entry.depth < options_.max_depth; }

  void AddChild(Dir& dir) {
    const WalkEntry& entry = dir.batch.entries[dir.ahead++];
    if (Descends(entry)) dir.children.push_back(std::make_unique<Dir>(entry.path, entry.depth, dir.batch.self));
  }

  // The entry before `next` is a directory: its first child.
  void Enter(Dir& dir) {
    if (dir.ahead < dir.next) {
      dir.ahead = dir.next - 1;
      AddChild(dir);
    }
    stack_.push_back(std::move(dir.children.front()));
    dir.children.pop_front();
  }

  // Takes in what has been read, and has read what is needed next.
  void Advance(Context& cx) {
    running_ = 0;
    for (auto& dir : stack_) {
      Look(*dir, cx);
      for (auto& child : dir->children) Look(*child, cx);
    }
    for (auto dir = stack_.rbegin(); dir != stack_.rend(); ++dir) ReadAhead(**dir, cx);
  }

  void ReadAhead(Dir& dir, Context& cx) {
    if (dir.state == State::kWaiting) Start(dir, cx);
    if (dir.state != State::kRead) return;
    const auto most = static_cast<size_t>(options_.concurrency);
    for (auto& child : dir.children) {
      if (child->state == State::kWaiting) Start(*child, cx);
    }
    dir.ahead = std::max(dir.ahead, dir.next);
    while (running_ < most && dir.children.size() < most && dir.ahead < dir.batch.entries.size()) {
      const size_t before = dir.children.size();
      AddChild(dir);
      if (dir.children.size() > before) Start(*dir.children.back(), cx);
    }
  }

  void Start(Dir& dir, Context& cx) {
    if (running_ >= static_cast<size_t>(options_.concurrency)) return;
    WalkJob job;
    job.path = dir.path;
    job.depth = dir.depth;
    job.follow_links = options_.follow_links;
    job.sorted = options_.sorted;
    job.dir = std::move(dir.batch.rest);
    job.above = job.dir != nullptr ? std::move(dir.batch.self) : std::move(dir.above);
    dir.job = StartJob(std::move(job));
    dir.state = State::kReading;
    Look(dir, cx);
  }

  void Look(Dir& dir, Context& cx) {
    if (dir.state != State::kReading) return;
    auto polled = dir.job.PollOnce(cx);
    if (polled.pending()) {
      ++running_;
      return;
    }
    dir.state = State::kRead;
    dir.batch = WalkBatch();
    if (polled->ok()) {
      dir.batch = **std::move(polled);
    } else {
      dir.batch.error = polled->status();
    }
    dir.next = dir.ahead = 0;
    auto& entries = dir.batch.entries;
    if (options_.prune) {
      entries.erase(std::remove_if(entries.begin(), entries.end(), [&](const WalkEntry& entry) { return options_.prune(entry); }),
                    entries.end());
    }
  }

  WalkOptions options_;
  std::vector<std::unique_ptr<Dir>> stack_;
  size_t running_ = 0;  // jobs, while Advance is at work
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
