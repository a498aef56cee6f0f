// FileJob: one operation on an open file, on a thread of the blocking pool. For file.cc.
//
// RULES   a write that the pool has taken is mandatory: it is done even if the runtime ends. Any other job may be dropped; then it
//         still moves the cursor back by what was read ahead of it: those bytes are read again, and not lost.
#ifndef KIOTO_FS_FILE_JOB_H_
#define KIOTO_FS_FILE_JOB_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "kioto/fs/job.h"
#include "kioto/runtime/io/buffer.h"

namespace kioto::fs::internal {

enum class FileOp : uint8_t { kRead, kWrite, kSeek, kSetLen, kSyncAll, kSyncData, kStat, kChmod, kClone, kClose };

struct FileDone {
  FileOp op;
  int64_t n = 0;  // what the call gave, or -errno
  Buffer buffer;
  std::unique_ptr<struct stat> stat = nullptr;    // kStat
  std::shared_ptr<SharedFd> clone = nullptr;      // kClone
};

class FileJob {
 public:
  using Output = FileDone;

  FileJob(FileOp op, std::shared_ptr<SharedFd> fd, Buffer buffer, size_t size, int64_t number, int whence, size_t unread)
      : op_(op), whence_(whence), fd_(std::move(fd)), buffer_(std::move(buffer)), size_(size), number_(number), unread_(unread) {}
  FileJob(FileJob&&) = default;  // leaves no fd behind
  ~FileJob();

  Poll<FileDone> PollOnce(Context&);

 private:
  int64_t Run(FileDone& done);
  int64_t MoveBack();
  int64_t Write();

  FileOp op_;
  int whence_;
  std::shared_ptr<SharedFd> fd_;
  Buffer buffer_;
  size_t size_;     // bytes to read or write
  int64_t number_;  // offset, length, mode
  size_t unread_;   // bytes that were read ahead: the cursor is moved back by so many first
};

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_FILE_JOB_H_
