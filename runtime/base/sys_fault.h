// Faults: how tests make system calls fail.
//
//   sys::ScopedFault fault(sys::Call::kAccept, sys::Fault::First(3, EMFILE));
//   ...
//   EXPECT_EQ(fault.hits(), 3);
//
// Several may be installed at once, also for the same call: the one installed last is asked first. Threads: a fault may
// be installed and removed while any thread is in any call; once the destructor returns it is no longer applied.
#ifndef KIOTO_RUNTIME_BASE_SYS_FAULT_H_
#define KIOTO_RUNTIME_BASE_SYS_FAULT_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/random.h"

namespace kioto::base::sys {

enum class Call : uint8_t {
  kRead,
  kWrite,
  kReadv,
  kWritev,
  kRecv,
  kSend,
  kRecvmsg,
  kSendmsg,
  kRecvmmsg,
  kSendmmsg,
  kSocket,
  kAccept,
  kConnect,
  kBind,
  kListen,
  kShutdown,
  kGetsockopt,
  kSetsockopt,
  kGetsockname,
  kGetpeername,
  kSocketpair,
  kPipe,
  kClose,  // the fd is closed all the same
  kOpen,
  kOpenCached,
  kFstat,
  kPread,
  kPwrite,
  kPreadv2,
  kSplice,  // met by the fd it takes from
  kEpollCreate,
  kEpollCtl,
  kEpollWait,
  kEventfd,
  kTimerfdCreate,
  kTimerfdSettime,
  kThreadStart,  // base::Thread::Start
};

// Which calls are met, and what happens to them.
struct Fault {
  // The first `times` calls fail with `error` (positive).
  static Fault First(int64_t times, int error);
  // Only the n-th call fails; the first is number 1.
  static Fault Nth(int64_t n, int error);
  static Fault Every(int error);
  // Each call fails with this probability.
  static Fault Sometimes(double probability, int error, uint64_t seed);
  // Each read or write moves 1..max_bytes bytes, at random; Recvmmsg and Sendmmsg so many messages.
  static Fault Short(size_t max_bytes, uint64_t seed);
  // The same for streams alone, sockets and pipes: of a datagram, what is cut off is lost.
  static Fault ShortStreams(size_t max_bytes, uint64_t seed);

  // Only calls on this fd.
  Fault On(int only_fd) const {
    Fault fault = *this;
    fault.fd = only_fd;
    return fault;
  }

  int error = 0;  // 0: the call is not refused (a short one)
  int64_t skip = 0;
  int64_t times = INT64_MAX;
  double probability = 1;
  uint64_t seed = 1;
  size_t max_bytes = 0;  // 0: not shortened
  bool only_streams = false;
  int fd = -1;           // -1: any
};

class ScopedFault : private ListNode<> {
 public:
  ScopedFault(Call call, Fault fault);
  ~ScopedFault();
  ScopedFault(const ScopedFault&) = delete;
  ScopedFault& operator=(const ScopedFault&) = delete;

  // Calls that met this fault so far.
  int64_t hits() const;

 private:
  friend class IntrusiveList<ScopedFault>;
  friend int InjectedError(Call call, int fd);
  friend size_t InjectedSize(Call call, int fd, size_t size);

  // Under the registry's lock. Whether this call is met.
  bool Meets(Call call, int fd, bool shortens);

  const Call call_;
  const Fault fault_;
  FastRandom random_;
  int64_t calls_ = 0;  // seen
  int64_t hits_ = 0;
};

// For sys.cc and thread.cc. How many faults are installed: the one load that a call pays.
extern Atomic<int> installed_faults;
// The errno with which this call shall fail (positive), or 0.
int InjectedError(Call call, int fd);
// How many of `size` bytes it may move.
size_t InjectedSize(Call call, int fd, size_t size);
// Whether the last call of this thread that moves bytes was cut: that it moved fewer than it was asked for then proves nothing.
bool LastWasCut();

}  // namespace kioto::base::sys

#endif  // KIOTO_RUNTIME_BASE_SYS_FAULT_H_
