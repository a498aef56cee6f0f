#include "kioto/runtime/io/write_fd.h"

#include <signal.h>
#include <time.h>

#include <cerrno>

#include "kioto/runtime/base/sys.h"

namespace kioto::io::internal {
namespace {

// Keeps SIGPIPE from this thread while it lives.
class SigpipeBlocked {
 public:
  SigpipeBlocked() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~SigpipeBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  // The write gave EPIPE: takes the signal that came with it. Where the caller blocks it too, it is left to that one.
  void Take() {
    if (sigismember(&before_, SIGPIPE) != 0) return;
    const timespec none{};
    while (sigtimedwait(&sigpipe_, nullptr, &none) < 0 && errno == EINTR) {
    }
  }

 private:
  sigset_t sigpipe_;
  sigset_t before_;
};

}  // namespace

ssize_t WriteFd(int fd, Pieces pieces) {
  iovec parts[kMostPieces];
  int count = 0;
  for (absl::string_view piece : pieces) {
    if (piece.empty()) continue;
    parts[count++] = {const_cast<char*>(piece.data()), piece.size()};  // writev only reads them
    if (count == static_cast<int>(kMostPieces)) break;
  }
  SigpipeBlocked blocked;
  const ssize_t result = count == 1 ? base::sys::Write(fd, parts[0].iov_base, parts[0].iov_len)
                                    : base::sys::Writev(fd, parts, count);
  if (result == -EPIPE) blocked.Take();
  return result;
}

}  // namespace kioto::io::internal
