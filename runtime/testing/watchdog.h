// Watchdog: sees to it that a test ends. A thread that waits for the end of the test's future, on the real clock.
//
// When the time is over it dumps the runtime and wakes the future, which then gives IsElapsed: the test goes on to its end and fails
// with that report.
// A future that can not be polled, since its thread is stuck in a poll, can not be ended either: then, some time later, the
// watchdog prints the report and where the thread is stuck, and ends the program.
//
// STATE       fired_: false -> true, once, by the watchdog's thread. stop_: its token, given by Stop.
// RACES       R1 the time runs out while the future is polled: the future registers its waker first and looks at fired_
//                second; the watchdog sets it first and wakes second.
#ifndef KIOTO_RUNTIME_TESTING_WATCHDOG_H_
#define KIOTO_RUNTIME_TESTING_WATCHDOG_H_

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/base/thread.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/thread_stack.h"
#include "kioto/runtime/task/scheduler.h"

namespace kioto::test {

// THREADS: made, used and destroyed on the test's.
class Watchdog {
 public:
  // What the future of a stuck test has left to come to its end.
  static constexpr std::chrono::nanoseconds kGrace = std::chrono::seconds(5);

  // `name` is the test's, for the last words.
  Watchdog(std::string name, std::chrono::nanoseconds time_limit, Handle runtime, std::chrono::nanoseconds grace = kGrace);
  ~Watchdog() { Stop(); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // The test has ended, its runtime too.
  void Stop();
  bool fired() const {
    return fired_.load(std::memory_order_acquire);  // acquire: pairs with Run (R1)
  }
  // Of a test that was ended because its time was over: what was there then. "" of any other.
  std::string report() const { return ended_by_watchdog_ ? report_ : ""; }

  template <class F>
  class [[nodiscard]] GuardFuture : public FutureBase<GuardFuture<F>, Status> {
   public:
    static constexpr bool kLocal = true;

    GuardFuture(Watchdog* dog, F future) : dog_(dog), future_(std::move(future)) {}

    Poll<Status> PollOnce(Context& cx) {
      dog_->waiting_.Register(cx.waker());
      if (dog_->fired()) {
        dog_->ended_by_watchdog_ = true;
        future_.reset();
        return ElapsedError("the test");
      }
      return kioto::internal::PollChild(*future_, cx);
    }
    void Describe(WaitTrace& trace) const {
      if (future_.has_value()) trace.Child(*future_);
    }

   private:
    Watchdog* dog_;
    std::optional<F> future_;
  };

  // `future`, which gives Status; IsElapsed when the time is over.
  template <class F>
  GuardFuture<F> Guard(F future) {
    return GuardFuture<F>(this, std::move(future));
  }

 private:
  void Run();
  std::string Report() const;

  const std::string name_;
  const std::chrono::nanoseconds time_limit_;
  const std::chrono::nanoseconds grace_;
  const Handle runtime_;
  const kioto::internal::ThreadIdentity test_thread_ = kioto::internal::CurrentThreadIdentity();
  WakerSlot waiting_;
  base::Atomic<bool> fired_{false};
  base::Parker stop_;
  base::Thread thread_;
  std::string report_;  // written before fired_ is set
  bool ended_by_watchdog_ = false;
};

}  // namespace kioto::test

#endif  // KIOTO_RUNTIME_TESTING_WATCHDOG_H_
