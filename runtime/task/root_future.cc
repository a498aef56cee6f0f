#include "kioto/runtime/task/root_future.h"

#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

bool RootFuture::TryTake() {
  // acquire: pairs with Give's release (R1).
  return !taken_.exchange(true, std::memory_order_acquire) || KIOTO_MUTANT("root_future.look_into_a_poll");
}

RootFuture::PollGuard::PollGuard(RootFuture& root) : root_(root) {
  while (!root_.TryTake()) base::YieldThread();
  root_.polled_ = true;
}

RootFutures::Listed::Listed(RootFutures& list, RootFuture& root) : list_(list), root_(root) {
  base::MutexLock lock(list_.lock_);
  root_.number_ = ++list_.last_number_;
  list_.list_.PushBack(root_);
}

RootFutures::Listed::~Listed() {
  {
    base::MutexLock lock(list_.lock_);
    root_.Unlink();
  }
  // acquire: pairs with Give's release (R2). Nobody takes it any more.
  while (root_.taken_.load(std::memory_order_acquire) && !KIOTO_MUTANT("root_future.end_before_the_look")) base::YieldThread();
}

bool RootFutures::TakeNext(Found* found) {
  base::MutexLock lock(lock_);
  for (RootFuture& root : list_) {
    if (root.number_ <= found->number) continue;
    *found = {root.number_, root.place, root.TryTake() ? &root : nullptr};
    return true;
  }
  return false;
}

}  // namespace kioto::internal
