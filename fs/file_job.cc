#include "kioto/fs/file_job.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "kioto/runtime/base/sys.h"

namespace kioto::fs::internal {
namespace {

namespace sys = base::sys;

// libc's result as sys has it. A call that is interrupted is made again.
template <class F>
int64_t Call(F f) {
  while (true) {
    const int64_t result = f();
    if (result >= 0) return result;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

FileJob::~FileJob() {
  if (fd_ != nullptr) MoveBack();  // it did not run
}

Poll<FileDone> FileJob::PollOnce(Context&) {
  FileDone done{op_, 0, Buffer()};
  done.n = Run(done);
  done.buffer = std::move(buffer_);
  fd_.reset();
  return done;
}

int64_t FileJob::MoveBack() {
  const size_t unread = std::exchange(unread_, 0);
  return unread == 0 ? 0 : Call([&] { return ::lseek(fd_->get(), -static_cast<off_t>(unread), SEEK_CUR); });
}

int64_t FileJob::Write() {
  size_t done = 0;
  while (done < size_) {
    const ssize_t n = sys::Write(fd_->get(), buffer_.data() + done, size_ - done);
    if (n < 0) return n;
    if (n == 0) return -EIO;  // a device that takes nothing more: it would be asked for ever
    done += static_cast<size_t>(n);
  }
  return static_cast<int64_t>(done);
}

int64_t FileJob::Run(FileDone& done) {
  const int fd = fd_->get();
  const int64_t moved = MoveBack();
  if (moved < 0 && moved != -ESPIPE) return moved;
  switch (op_) {
    case FileOp::kRead:
      return sys::Read(fd, buffer_.data(), size_);
    case FileOp::kWrite:
      return Write();
    case FileOp::kSeek:
      return Call([&] { return ::lseek(fd, number_, whence_); });
    case FileOp::kSetLen:
      return Call([&] { return ::ftruncate(fd, number_); });
    case FileOp::kSyncAll:
      return Call([&] { return ::fsync(fd); });
    case FileOp::kSyncData:
#if defined(__linux__)
      return Call([&] { return ::fdatasync(fd); });
#else
      return Call([&] { return ::fsync(fd); });
#endif
    case FileOp::kStat:
      done.stat = std::make_unique<struct stat>();
      return sys::Fstat(fd, done.stat.get());
    case FileOp::kChmod:
      return Call([&] { return ::fchmod(fd, static_cast<mode_t>(number_)); });
    case FileOp::kClone: {
      const int64_t copy = Call([&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); });
      if (copy >= 0) done.clone = std::make_shared<SharedFd>(static_cast<int>(copy));
      return copy;
    }
    case FileOp::kClose:
      return fd < 0 ? -EBADF : sys::Close(fd_->Release());
  }
  return -EINVAL;
}

}  // namespace kioto::fs::internal
