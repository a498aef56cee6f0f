#include "kioto/sync/internal/blocking.h"

#include "kioto/runtime/base/cpu_relax.h"

namespace kioto::sync::internal {

struct ThreadWaker::Target : Wakeable {
  void OnWake() override { parker.Unpark(); }
  base::Parker parker;
};

ThreadWaker::ThreadWaker() : target_(new Target), waker_(target_->MakeWaker()) {}

ThreadWaker::~ThreadWaker() { target_->Unref(); }

void ThreadWaker::Wait(bool yielded) {
  if (yielded) {
    base::YieldThread();
  } else {
    target_->parker.Park();
  }
}

}  // namespace kioto::sync::internal
