// FileJob: one operation on an open file, on a thread of the blocking pool. For file.cc.
//
// STATE   SharedWrite::state, of the write that was handed over last
//           kOffered -> kTaken     by the File, once the job is handed over: the caller was told that its bytes were taken
//           kOffered -> kDropped   by the job, destroyed before it ran: refused by the pool
// RULES   a write that was taken is done even when the pool drops its job, as it does when a runtime ends: then by whoever
//         destroys the job. One that was dropped first was not taken, and its File says so. A job that is dropped still moves
//         the cursor back by what was read ahead of it: those bytes are read again, and not lost.
// RACES   R1 the pool ends while the File hands over: both use an exchange of one variable, and one of them is first.
#ifndef KIOTO_FS_FILE_JOB_H_
#define KIOTO_FS_FILE_JOB_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "kioto/fs/job.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/io/buffer.h"

namespace kioto::fs::internal {

// What a File and its jobs share: the fd, and who answers for the latest write.
class FileCore : public SharedFd {
 public:
  enum : int { kOffered, kTaken, kDropped };
  explicit FileCore(int fd) : SharedFd(fd) {}
  base::Atomic<int> state{kOffered};
};

enum class FileOp : uint8_t { kRead, kWrite, kSeek, kSetLen, kSyncAll, kSyncData, kStat, kChmod, kClone, kClose };

struct FileDone {
  FileOp op;
  int64_t n = 0;  // what the call gave, or -errno
  Buffer buffer;
  std::unique_ptr<struct stat> stat = nullptr;    // kStat
  std::shared_ptr<FileCore> clone = nullptr;      // kClone
};

class FileJob {
 public:
  using Output = FileDone;

  FileJob(FileOp op, std::shared_ptr<FileCore> core, Buffer buffer, size_t size, int64_t number, int whence, size_t unread)
      : op_(op), whence_(whence), core_(std::move(core)), buffer_(std::move(buffer)), size_(size), number_(number), unread_(unread) {}
  FileJob(FileJob&&) = default;  // leaves no core behind
  ~FileJob();

  Poll<FileDone> PollOnce(Context&);

 private:
  int64_t Run(FileDone& done);
  int64_t MoveBack();
  int64_t Write();

  FileOp op_;
  int whence_;
  std::shared_ptr<FileCore> core_;
  Buffer buffer_;
  size_t size_;     // bytes to read or write
  int64_t number_;  // offset, length, mode
  size_t unread_;   // bytes that were read ahead: the cursor is moved back by so many first
};

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_FILE_JOB_H_
