#include "kioto/sync/internal/blocking.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/may_block.h"

namespace kioto::sync::internal {

struct ThreadWaker::Target : Wakeable {
  void OnWake() override { parker.Unpark(); }
  base::Parker parker;
};

ThreadWaker::ThreadWaker() : target_(new Target), waker_(target_->MakeWaker()) {
  KIOTO_CHECK(base::thread_may_block,
              "BlockOn, or a Blocking... call, inside a task would stop every task of its thread: return the future, or use "
              "SpawnBlocking");
}

ThreadWaker::~ThreadWaker() { target_->Unref(); }

void ThreadWaker::Wait(bool yielded) {
  if (yielded) {
    base::YieldThread();
  } else {
    target_->parker.Park();
  }
}

}  // namespace kioto::sync::internal
