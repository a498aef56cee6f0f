// SigpipeBlocked: system calls that have no MSG_NOSIGNAL, without SIGPIPE. A library does not touch the process's disposition of
// it, so the signal is kept from the thread for the time of the call.
#ifndef KIOTO_RUNTIME_IO_SIGPIPE_H_
#define KIOTO_RUNTIME_IO_SIGPIPE_H_

#include <errno.h>
#include <signal.h>
#include <time.h>

namespace kioto::io::internal {

// Keeps SIGPIPE from this thread while it lives. Two system calls.
class SigpipeBlocked {
 public:
  SigpipeBlocked() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~SigpipeBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;

  // The call gave EPIPE: takes the signal that came with it. Where the caller blocks it too, it is left to that one.
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

}  // namespace kioto::io::internal

#endif  // KIOTO_RUNTIME_IO_SIGPIPE_H_
