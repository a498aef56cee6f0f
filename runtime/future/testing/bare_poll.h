// BarePoll: polls a future by hand and does nothing else: for benchmarks. Tests want PolledTask.
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_BARE_POLL_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_BARE_POLL_H_

#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {

class BarePoll {
 public:
  template <class F>
  auto operator()(F& future) {
    internal::PollScope scope;
    scope.random = &random_;
    Context cx(task_.waker(), scope);
    return future.PollOnce(cx);
  }

 private:
  CountingWaker task_;
  uint64_t random_ = 1;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_BARE_POLL_H_
