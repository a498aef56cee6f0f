// PolledTask: polls a future by hand, on the test's own thread, and counts its wakes. No runtime needed.
//
//   auto channel = sync::Oneshot<int>();
//   PolledTask task(std::move(channel.receiver));
//   EXPECT_TRUE(task.Poll().pending());
//   std::move(channel.sender).Send(7);
//   EXPECT_TRUE(task.is_woken());
//   EXPECT_THAT(task.Poll(), IsReadyOk(7));            // matchers.h
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_POLLED_TASK_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_POLLED_TASK_H_

#include <memory>
#include <optional>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/pin.h"

namespace kioto {

// A waker that only counts. Any thread may wake it.
class CountingWaker {
 public:
  CountingWaker() : target_(new Target), waker_(target_->MakeWaker()) {}
  ~CountingWaker() { target_->Unref(); }
  CountingWaker(const CountingWaker&) = delete;
  CountingWaker& operator=(const CountingWaker&) = delete;

  const Waker& waker() const { return waker_; }
  // Wakes since the start.
  int wakes() const { return target_->wakes.load(std::memory_order_acquire); }  // acquire: pairs with OnWake's release
  // Wakers that somebody else still holds.
  int held() const {
    return static_cast<int>(target_->state.load(std::memory_order_acquire) >> internal::WakeTarget::kRefShift) - 2;
  }

 private:
  struct Target : Wakeable {
    void OnWake() override { wakes.fetch_add(1, std::memory_order_acq_rel); }  // acq_rel: pairs with wakes()
    base::Atomic<int> wakes{0};
  };
  Target* target_;
  Waker waker_;
};

template <class F>
class PolledTask {
 public:
  static_assert(IsFuture<F>, "kioto: PolledTask polls a future");
  using Output = OutputOf<F>;

  // The future is moved once more on its way in: what it must not do before its first poll is to remember its address.
  explicit PolledTask(F future) : future_(std::make_unique<F>(std::move(future))) {}

  // One poll. An answer that is ready is handed out once; the future is then destroyed.
  kioto::Poll<Output> Poll() {
    internal::PollScope scope;
    scope.random = &random_;
    Context cx(waker_.waker(), scope);
    wakes_before_ = wakes();
    auto poll = internal::PollChild(*future_, cx);
    yielded_ = scope.yielded;
    budget_used_ = scope.budget == scope.kRefused ? limits::kPollBudget : limits::kPollBudget - scope.budget;
    if (poll.ready()) future_.reset();
    return poll;
  }

  // Polls as a task does that is woken: until it is ready or neither woken nor yielded. At most `limit` times.
  kioto::Poll<Output> PollWhileWoken(int limit = 1000) {
    for (;;) {
      auto poll = Poll();
      if (poll.ready() || !(is_woken() || yielded_) || --limit == 0) return poll;
    }
  }

  // The same for a task that is known to come to rest: one that still wakes itself after 150 polls ends the program.
  kioto::Poll<Output> PollUntilIdle() {
    auto poll = PollWhileWoken(kPollsUntilIdle);
    KIOTO_CHECK(poll.ready() || !(is_woken() || yielded_),
                "PollUntilIdle: the future wakes itself again and again: after 150 polls it was not at rest");
    return poll;
  }

  // fn(Context&) as a part of this task: what it polls wakes this task, and counts here.
  template <class Fn>
  auto Enter(Fn fn) {
    internal::PollScope scope;
    scope.random = &random_;
    Context cx(waker_.waker(), scope);
    return fn(cx);
  }

  // What Context::Random starts from: the same seed, the same choices.
  void Seed(uint64_t seed) { random_ = seed * 2 + 1; }

  // Drops the future: cancels it.
  void Drop() { future_.reset(); }

  // The future, where it is: it may be polled on by somebody else. There is none left here: done().
  std::unique_ptr<F> Release() { return std::move(future_); }

  int wakes() const { return waker_.wakes(); }
  // Whether it was woken since its last poll began; before the first poll, at all.
  bool is_woken() const { return wakes() != wakes_before_; }
  int held() const { return waker_.held(); }
  bool done() const { return future_ == nullptr; }
  bool yielded() const { return yielded_; }         // whether the last poll asked for another turn
  int budget_used() const { return budget_used_; }  // units that the last poll consumed, or began to
  F& future() { return *future_; }

 private:
  static constexpr int kPollsUntilIdle = 150;

  CountingWaker waker_;
  std::unique_ptr<F> future_;
  int wakes_before_ = 0;
  uint64_t random_ = 0x9e3779b97f4a7c15u;
  bool yielded_ = false;
  int budget_used_ = 0;
};

template <class F>
PolledTask(F) -> PolledTask<F>;

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_POLLED_TASK_H_
