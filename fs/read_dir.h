// ReadDir: the entries of a directory, without "." and "..", in no order.
//
//   fs::OpenDir(path).AndThen([](fs::ReadDir& dir) { return ForEach(ByRef(dir), [](fs::DirEntry& entry) { ... }); });
//
// A job of the blocking pool reads up to 32 entries at a time. A stream; an error may be followed by more entries: a step
// that takes a StatusOr<fs::DirEntry>& hears of it and goes on, one that takes a fs::DirEntry& ends with it.
#ifndef KIOTO_FS_READ_DIR_H_
#define KIOTO_FS_READ_DIR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kioto/fs/job.h"
#include "kioto/fs/metadata.h"
#include "kioto/fs/paths.h"
#include "kioto/runtime/base/status.h"

namespace kioto::fs {

enum class FileType : uint8_t { kUnknown, kFile, kDir, kSymlink, kOther };

struct DirEntry {
  std::string dir;
  std::string name;
  FileType type = FileType::kUnknown;  // kUnknown where the file system does not say: ask GetMetadata
  uint64_t ino = 0;

  std::string path() const { return dir + (!dir.empty() && dir.back() == '/' ? "" : "/") + name; }
  // Of the entry itself, if it is a link.
  JobFuture<StatusOr<Metadata>> GetMetadata() const { return SymlinkMetadata(path()); }
};

namespace internal {

struct Dir;

struct DirBatch {
  std::vector<DirEntry> entries;
  Status error;  // behind the entries
  bool at_end = false;
};

class DirJob {
 public:
  using Output = DirBatch;
  explicit DirJob(std::shared_ptr<Dir> dir) : dir_(std::move(dir)) {}
  DirJob(DirJob&&) = default;
  Poll<DirBatch> PollOnce(Context&);

 private:
  std::shared_ptr<Dir> dir_;
};

}  // namespace internal

class ReadDir;

// Output: nullopt at the end. CANCEL SAFE of ReadDir::NextEntry(): yes.
class [[nodiscard]] NextEntryFuture : public FutureBase<NextEntryFuture, StatusOr<std::optional<DirEntry>>> {
 public:
  explicit NextEntryFuture(ReadDir& dir) : dir_(&dir) {}
  Poll<StatusOr<std::optional<DirEntry>>> PollOnce(Context& cx);

 private:
  ReadDir* dir_;
};

class ReadDir {
 public:
  using Item = StatusOr<DirEntry>;

  NextEntryFuture NextEntry() { return NextEntryFuture(*this); }
  Poll<std::optional<Item>> PollNext(Context& cx);

 private:
  friend JobFuture<StatusOr<ReadDir>> OpenDir(std::string path);
  explicit ReadDir(std::shared_ptr<internal::Dir> dir) : dir_(std::move(dir)) {}

  std::shared_ptr<internal::Dir> dir_;
  JoinHandle<internal::DirBatch> job_;
  bool busy_ = false;
  internal::DirBatch batch_;
  size_t next_ = 0;
};

// Output: StatusOr<ReadDir>.
JobFuture<StatusOr<ReadDir>> OpenDir(std::string path);

}  // namespace kioto::fs

#endif  // KIOTO_FS_READ_DIR_H_
