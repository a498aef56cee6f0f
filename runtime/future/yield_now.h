// YieldNow(): pending once, so that everything else that is ready has its turn; then ready. The task stays runnable and
// goes to the back of the queue. No promise that others run in between: a join or a select may poll it again earlier.
// CANCEL SAFE: yes.
#ifndef KIOTO_RUNTIME_FUTURE_YIELD_NOW_H_
#define KIOTO_RUNTIME_FUTURE_YIELD_NOW_H_

#include "kioto/runtime/future/future_base.h"

namespace kioto {

class [[nodiscard]] YieldNowFuture : public FutureBase<YieldNowFuture, Unit> {
 public:
  Poll<Unit> PollOnce(Context& cx) {
    if (yielded_) return Unit{};
    yielded_ = true;
    cx.Yield();
    return kPending;
  }
  void Describe(WaitTrace& trace) const { trace.Leaf("YieldNow"); }

 private:
  bool yielded_ = false;
};

inline YieldNowFuture YieldNow() { return {}; }

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_YIELD_NOW_H_
