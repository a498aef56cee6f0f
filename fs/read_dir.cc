#include "kioto/fs/read_dir.h"

#include <dirent.h>
#include <errno.h>

#include "absl/strings/string_view.h"

namespace kioto::fs {
namespace internal {

struct Dir {
  Dir(std::string path, DIR* dir) : path(std::move(path)), dir(dir) {}
  ~Dir() { ::closedir(dir); }
  std::string path;
  DIR* dir;
};

namespace {

constexpr size_t kBatch = 32;  // entries a job

FileType TypeOf(const dirent& entry) {
  switch (entry.d_type) {
    case DT_UNKNOWN:
      return FileType::kUnknown;
    case DT_REG:
      return FileType::kFile;
    case DT_DIR:
      return FileType::kDir;
    case DT_LNK:
      return FileType::kSymlink;
    default:
      return FileType::kOther;
  }
}

}  // namespace

Poll<DirBatch> DirJob::PollOnce(Context&) {
  DirBatch batch;
  while (batch.entries.size() < kBatch) {
    errno = 0;
    const dirent* entry = ::readdir(dir_->dir);
    if (entry == nullptr) {
      if (errno != 0) {
        batch.error = PathError(errno, "fs::ReadDir", dir_->path);
      } else {
        batch.at_end = true;
      }
      break;
    }
    const absl::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    batch.entries.push_back({dir_->path, std::string(name), TypeOf(*entry), entry->d_ino});
  }
  return batch;
}

}  // namespace internal

JobFuture<StatusOr<ReadDir>> OpenDir(std::string path) {
  const auto open = +[](internal::Request& r) -> StatusOr<ReadDir> {
    DIR* const dir = ::opendir(r.path.c_str());
    if (dir == nullptr) return internal::PathError(errno, "fs::OpenDir", r.path);
    return ReadDir(std::make_shared<internal::Dir>(std::move(r.path), dir));
  };
  internal::Request request;
  request.path = std::move(path);
  return {"fs::OpenDir", open, std::move(request)};
}

Poll<std::optional<StatusOr<DirEntry>>> ReadDir::PollNext(Context& cx) {
  using Item = std::optional<StatusOr<DirEntry>>;
  while (true) {
    if (busy_) {
      auto polled = job_.PollOnce(cx);
      if (polled.pending()) return kPending;
      busy_ = false;
      if (!polled->ok()) return Item(polled->status());
      batch_ = **std::move(polled);
      next_ = 0;
    }
    if (next_ < batch_.entries.size()) {
      if (!cx.ConsumeBudget()) return kPending;
      return Item(std::move(batch_.entries[next_++]));
    }
    if (!batch_.error.ok()) return Item(std::exchange(batch_.error, OkStatus()));
    if (batch_.at_end) return Item(std::nullopt);
    job_ = internal::StartJob(internal::DirJob(dir_));
    busy_ = true;
  }
}

Poll<StatusOr<std::optional<DirEntry>>> NextEntryFuture::PollOnce(Context& cx) {
  auto polled = dir_->PollNext(cx);
  if (polled.pending()) return kPending;
  if (!polled->has_value()) return StatusOr<std::optional<DirEntry>>(std::nullopt);
  if (!(*polled)->ok()) return StatusOr<std::optional<DirEntry>>((*polled)->status());
  return StatusOr<std::optional<DirEntry>>(**std::move(*polled));
}

}  // namespace kioto::fs
