// Spawn(future, on_done): starts a task for code that lives by callbacks: when the task has ended, on_done(output) is called.
//
//   AbortHandle task = Spawn(Fetch(url), [this](StatusOr<Page> page) { queue_.Post([=] { Show(page); }); });
//   handle.Spawn(Fetch(url), …);  // the same from a thread of yours; so has Runtime
//
// on_done is called exactly once, however the task ends: with its output, as a JoinHandle gives it, after its future was
// destroyed; with IsThrown, IsAborted or IsShutdown; also with the reason why it was not started.
//
// WHERE: on the worker that ended the task, so it must not block; a task that its runtime ends is ended by the thread that
// shuts it down, one that is refused inside Spawn. To have it elsewhere, hand it over there: on_done is the place to post to
// a queue of yours. In a current-thread runtime it is the thread that drives it.
#ifndef KIOTO_RUNTIME_TASK_SPAWN_CALLBACK_H_
#define KIOTO_RUNTIME_TASK_SPAWN_CALLBACK_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/log.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/task/spawn.h"

#if KIOTO_EXCEPTIONS
#include <exception>
#endif

namespace kioto {
namespace internal {

// The future of such a task. Its cell tells it when it is ended from outside (cell.h).
template <class F, class Fn>
class CallbackTask {
  using TaskOutput = JoinOutput<OutputOf<F>>;

 public:
  using Output = Unit;
  static constexpr bool kLocal = IsLocalFuture<F>;

  CallbackTask(F future, Fn on_done) : future_(std::move(future)), on_done_(std::move(on_done)) {}
  CallbackTask(CallbackTask&&) = default;

  Poll<Unit> PollOnce(Context& cx) {
    std::optional<TaskOutput> output = PollFuture(cx);
    if (!output.has_value()) return kPending;
    std::move(on_done_)(*std::move(output));
    return Unit{};
  }
  void Describe(WaitTrace& trace) const {
    if (future_.has_value()) trace.Child(*future_);
  }

  void EndedBy(const Status& reason) {
    future_.reset();
#if KIOTO_EXCEPTIONS
    try {
      std::move(on_done_)(TaskOutput(reason));
    } catch (...) {
      base::LogFailure(ThrownError("the on_done of a Spawn threw", std::current_exception()).ToString());
    }
#else
    std::move(on_done_)(TaskOutput(reason));
#endif
  }

 private:
  std::optional<TaskOutput> PollFuture(Context& cx) {
#if KIOTO_EXCEPTIONS
    try {
      return PollIt(cx);
    } catch (...) {
      future_.reset();
      return TaskOutput(TaskThrew(CurrentThread().task, std::current_exception()));
    }
#else
    return PollIt(cx);
#endif
  }
  std::optional<TaskOutput> PollIt(Context& cx) {
    auto polled = PollChild(*future_, cx);
    if (polled.pending()) return std::nullopt;
    std::optional<TaskOutput> output(ToJoinOutput(*std::move(polled)));
    future_.reset();
    return output;
  }

  std::optional<F> future_;
  Fn on_done_;
};

// Whether Fn can be the on_done of F.
template <class F, class Fn>
using IfOnDone = std::enable_if_t<std::is_invocable_v<Fn, JoinOutput<OutputOf<std::decay_t<F>>>>, int>;

template <class F, class Fn>
auto WithOnDone(F&& future, Fn on_done) {
  static_assert(!std::is_lvalue_reference_v<F>, "kioto: Spawn takes its future by value: write Spawn(std::move(future))");
  static_assert(!IsLocalFuture<std::decay_t<F>>, "kioto: this future is bound to its thread; use SpawnLocal");
  return CallbackTask<std::decay_t<F>, Fn>(std::forward<F>(future), std::move(on_done));
}

}  // namespace internal

// ERRORS: none of its own; see above. THREADS: any that has entered a runtime. One allocation.
template <class F, class Fn, internal::IfOnDone<F, Fn> = 0>
AbortHandle Spawn(F&& future, Fn on_done, TaskOptions options = {},
                  base::SourceLocation place = base::SourceLocation::Current()) {
  return Spawn(internal::WithOnDone(std::forward<F>(future), std::move(on_done)), std::move(options), place).abort_handle();
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_SPAWN_CALLBACK_H_
