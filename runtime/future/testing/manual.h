// Futures that a test holds in its hand.
//
//   Promise<int> promise;
//   PolledTask task(promise.Get().Map([](int n) { return n + 1; }));
//   EXPECT_THAT(task.Poll(), IsPending());
//   promise.Set(6);                          // wakes
//   EXPECT_THAT(task.Poll(), IsReady(7));
//
// PendingTimes(n, value) is pending n times, waking itself each time, then gives the value.
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_MANUAL_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_MANUAL_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/testing/tracked.h"
#include "kioto/runtime/future/waker_slot.h"

namespace kioto {

// Gives its future the value by hand, on one thread. Copies share the state.
template <class T>
class Promise {
  struct State {
    std::optional<T> value;
    WakerSlot waker;
    int polls = 0;
    bool dropped = false;
  };

 public:
  class [[nodiscard]] FutureOf : public FutureBase<FutureOf, T> {
   public:
    FutureOf(std::shared_ptr<State> state, Tracked tracked) : state_(std::move(state)), tracked_(std::move(tracked)) {}
    FutureOf(FutureOf&&) = default;
    ~FutureOf() {
      if (state_ != nullptr) state_->dropped = true;
    }

    Poll<T> PollOnce(Context& cx) {
      ++state_->polls;
      state_->waker.Register(cx.waker());
      if (!state_->value || !cx.ConsumeBudget()) return kPending;
      return std::move(*state_->value);
    }

   private:
    std::shared_ptr<State> state_;
    Tracked tracked_;
  };

  // The future; its end is written into the log, if there is one.
  FutureOf Get(std::string name = "future", DestructionLog* log = nullptr) {
    return FutureOf(state_, Tracked(std::move(name), log));
  }
  void Set(T value) {
    state_->value.emplace(std::move(value));
    state_->waker.Wake();
  }
  void Wake() { state_->waker.Wake(); }  // for nothing
  int polls() const { return state_->polls; }
  bool dropped() const { return state_->dropped; }

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

template <class T>
class [[nodiscard]] PendingTimesFuture : public FutureBase<PendingTimesFuture<T>, T> {
 public:
  PendingTimesFuture(int times, T value) : left_(times), value_(std::move(value)) {}
  Poll<T> PollOnce(Context& cx) {
    if (left_-- == 0) return std::move(value_);
    cx.waker().Wake();
    return kPending;
  }

 private:
  int left_;
  T value_;
};

template <class T>
auto PendingTimes(int times, T value) {
  return PendingTimesFuture<T>(times, std::move(value));
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_MANUAL_H_
