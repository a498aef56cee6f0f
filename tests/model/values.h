// What goes through the channels of the models: a value that knows whether it was published, and
// that leaks if it is lost.
#ifndef KIOTO_TESTS_MODEL_VALUES_H_
#define KIOTO_TESTS_MODEL_VALUES_H_

#include <memory>
#include <optional>
#include <utility>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {

using Value = std::unique_ptr<Cell<int>>;

inline Value MakeValue(int number) { return std::make_unique<Cell<int>>(number); }
inline int Read(const Value& value) { return value->Read(); }

// The statuses that live as long as the process are made outside of any execution, or they would be
// its leaks.
inline void MakeStatuses() {
  (void)ClosedError();
  (void)EmptyError();
  (void)FullError();
}

// A task of a thread of its own: polls a future until it is ready, asleep between the polls.
class TaskThread {
 public:
  // `budget`: of each poll.
  explicit TaskThread(int budget = limits::kPollBudget)
      : budget_(budget), sleeper_(new Sleeper), waker_(sleeper_->MakeWaker()) {}
  ~TaskThread() { sleeper_->Drop(); }

  template <class F>
  OutputOf<F> Await(F future) {
    return Loop(std::move(future), /*sleep=*/true);
  }
  // The same, polled for other reasons than a wake, as a branch of a Select is.
  template <class F>
  OutputOf<F> AwaitByPolling(F future) {
    return Loop(std::move(future), /*sleep=*/false);
  }
  // Polls once.
  template <class F>
  auto Poll(F& future) {
    kioto::internal::PollScope scope;
    scope.budget = budget_;
    Context cx(waker_, scope);
    return future.PollOnce(cx);
  }

 private:
  template <class F>
  OutputOf<F> Loop(F made, bool sleep) {
    std::optional<F> future(std::move(made));
    for (;;) {
      kioto::internal::PollScope scope;
      scope.budget = budget_;
      Context cx(waker_, scope);
      if (auto poll = future->PollOnce(cx); poll.ready()) {
        future.reset();  // as combinators do: before its output is used
        return *std::move(poll);
      }
      if (sleep && !scope.yielded) {
        sleeper_->Sleep();
      } else {
        SpinHint();
      }
    }
  }

  const int budget_;
  Sleeper* const sleeper_;
  const Waker waker_;
};

// The next item of a stream, by its PollNext: dropped, it does not tell the stream.
template <class S>
class StreamItem {
 public:
  using Output = std::optional<typename S::Item>;

  explicit StreamItem(S& stream) : stream_(&stream) {}
  kioto::Poll<Output> PollOnce(Context& cx) { return stream_->PollNext(cx); }

 private:
  S* stream_;
};

template <class F>
OutputOf<F> Await(F future) {
  return TaskThread().Await(std::move(future));
}

}  // namespace kioto::model

#endif  // KIOTO_TESTS_MODEL_VALUES_H_
