// Pauses: between tries of what fails for a while, and of whose end the kernel tells nobody: 1 ms, then twice as long each time,
// 100 ms at most.
#ifndef KIOTO_NET_PAUSES_H_
#define KIOTO_NET_PAUSES_H_

#include <cstdint>
#include <memory>
#include <utility>

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

// When others have filled a receiver's queue, a Unix socket that is not connected to it is writable all the same: no event says
// when there is room, and each try that fails makes one that says nothing. So who has waited for an event, and still finds no room,
// pauses.
class TriesAgain {
 public:
  template <class Send>
  auto Poll(Context& cx, kioto::internal::IoHandle& io, Send send) -> decltype(send()) {
    const Pauses::State pause = pauses_.Poll(cx);
    if (pause == Pauses::State::kLasts) return kPending;
    if (pause == Pauses::State::kOver) io.AssumeReady(kioto::internal::Direction::kWrite);
    auto sent = send();
    if (sent.ready()) {
      *this = TriesAgain();
    } else if (std::exchange(waited_, true)) {
      (void)pauses_.Begin(cx);
    }
    return sent;
  }

 private:
  bool waited_ = false;  // for an event
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
