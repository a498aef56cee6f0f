// BlockingWait: a plain thread sleeps until a future is ready. What the Blocking... forms of this package are made of.
// On a thread that runs tasks it would stop all of them: a checked error there.
#ifndef KIOTO_SYNC_INTERNAL_BLOCKING_H_
#define KIOTO_SYNC_INTERNAL_BLOCKING_H_

#include <utility>

#include "kioto/runtime/base/park.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/waker.h"

namespace kioto::sync::internal {

// The waker of one blocked thread. Counted: a wake that comes late finds it alive.
class ThreadWaker {
 public:
  ThreadWaker();
  ~ThreadWaker();
  ThreadWaker(const ThreadWaker&) = delete;
  ThreadWaker& operator=(const ThreadWaker&) = delete;

  const Waker& waker() const { return waker_; }

  // After a poll that was pending: sleeps until woken, or, if the future asked for another turn, only gives its core
  // away.
  void Wait(bool yielded);

 private:
  struct Target;
  Target* target_;
  Waker waker_;
};

template <class F>
OutputOf<F> BlockingWait(F future) {
  ThreadWaker thread;
  for (;;) {
    kioto::internal::PollScope scope;
    Context cx(thread.waker(), scope);
    if (auto poll = future.PollOnce(cx); poll.ready()) return *std::move(poll);
    thread.Wait(scope.yielded);
  }
}

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_BLOCKING_H_
