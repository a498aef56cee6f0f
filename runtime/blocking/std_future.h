// Futures of the standard library, both ways.
//
//   std::future<StatusOr<Page>> page = ToStdFuture(Fetch(url));       // for code that waits: page.get()
//   return FromStdFuture(std::async(Compute)).AndThen([](int& n) { … });
//
// A std::future can only be waited for, not polled: FromStdFuture keeps a thread of the blocking pool until it is ready. For
// many at a time, or long ones, let whoever makes the value call a Completer instead (from_callback.h).
#ifndef KIOTO_RUNTIME_BLOCKING_STD_FUTURE_H_
#define KIOTO_RUNTIME_BLOCKING_STD_FUTURE_H_

#include <future>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/task/spawn_callback.h"

namespace kioto {

// Starts `future` as a task; its output, as a JoinHandle gives it, comes through the std::future: errors too, so get() throws
// nothing. Do not wait for it in a task: that would stop all tasks of the thread. Dropping it neither waits nor cancels.
// THREADS: any that has entered a runtime.
template <class F>
std::future<JoinOutput<OutputOf<std::decay_t<F>>>> ToStdFuture(
    F&& future, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) {
  using Output = JoinOutput<OutputOf<std::decay_t<F>>>;
  std::promise<Output> promise;
  std::future<Output> result = promise.get_future();
  Spawn(
      std::forward<F>(future),
      [promise = std::move(promise)](Output output) mutable { promise.set_value(std::move(output)); }, std::move(options),
      place);
  return result;
}

namespace internal {

// The job that waits: it takes the value, also when nobody wants it any more.
template <class Job>
class [[nodiscard]] StdFutureValue : public FutureBase<StdFutureValue<Job>, OutputOf<Job>> {
 public:
  static constexpr bool kLosesData = true;

  explicit StdFutureValue(Job job) : job_(std::move(job)) {}
  Poll<OutputOf<Job>> PollOnce(Context& cx) { return PollChild(job_, cx); }
  void Describe(WaitTrace& trace) const { trace.Child(job_); }

 private:
  Job job_;
};

}  // namespace internal

// What `future`, which is valid (checked), gives: StatusOr<T>, Status for void; IsThrown if it throws. From the first poll on,
// a thread of the blocking pool waits for it, and goes on waiting if this is dropped. CANCEL SAFE: loses the value. ERRORS:
// as SpawnBlocking. THREADS: any that has entered a runtime.
template <class T>
auto FromStdFuture(std::future<T> future) {
  KIOTO_CHECK(future.valid(), "FromStdFuture: the std::future is not valid: its value was taken, or it never had one");
  return Lazy([future = std::move(future)]() mutable {
    return internal::StdFutureValue(SpawnBlocking([future = std::move(future)]() mutable { return future.get(); }));
  });
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_BLOCKING_STD_FUTURE_H_
