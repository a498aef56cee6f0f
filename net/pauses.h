// Pauses: between tries of what fails for a while, and of whose end the kernel tells nobody: 1 ms, then twice as long each time,
// 100 ms at most.
#ifndef KIOTO_NET_PAUSES_H_
#define KIOTO_NET_PAUSES_H_

#include <cstdint>
#include <memory>

#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::net::internal {

class Pauses {
 public:
  enum class State { kNone, kLasts, kOver, kShutdown };

  // Of the last one. Who polls is woken at its end.
  State Poll(Context& cx);
  // The next one. False: this thread's runtime has no timers.
  bool Begin(Context& cx);

 private:
  std::unique_ptr<kioto::internal::TimerEntry> timer_;  // made for the first pause
  int64_t pause_ = 0;                                   // nanoseconds
};

// A Unix socket that is not connected hears nothing when a receiver's queue, which others have filled, has room again: it is
// writable all the time. So who waits for that tries again.
class TriesAgain {
 public:
  template <class Send>
  auto Poll(Context& cx, kioto::internal::IoHandle& io, Send send) {
    if (pauses_.Poll(cx) == Pauses::State::kOver) io.AssumeReady(kioto::internal::Direction::kWrite);
    auto sent = send();
    if (sent.ready()) {
      pauses_ = Pauses();
    } else if (pauses_.Poll(cx) != Pauses::State::kLasts) {
      (void)pauses_.Begin(cx);
    }
    return sent;
  }

 private:
  Pauses pauses_;
};

// For sockets that hear of all they wait for.
class HearsOfRoom {
 public:
  template <class Send>
  auto Poll(Context&, kioto::internal::IoHandle&, Send send) {
    return send();
  }
};

}  // namespace kioto::net::internal

#endif  // KIOTO_NET_PAUSES_H_
