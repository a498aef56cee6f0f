// RootWaker: wakes the future of one BlockOn. Valid exactly as long as that BlockOn: a waker that outlives it wakes nothing.
//
// STATE       woken_: set by a wake, taken by the blocked thread before each poll.
//             unpark_: how to end that thread's park; null once BlockOn has returned. Under a lock.
// RACES       R1 a wake against the end of BlockOn: the lock; either the wake comes first and unparks a thread that is still
//                there, or it finds null.
//             R2 a wake against the thread that is about to park: woken_ is set before unpark; the thread takes woken_ after
//                its park has been armed by Unpark's token, so it either sees woken_ or finds the token.
#ifndef KIOTO_RUNTIME_SCHEDULER_ROOT_WAKER_H_
#define KIOTO_RUNTIME_SCHEDULER_ROOT_WAKER_H_

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/future/waker.h"

namespace kioto::internal {

class RootWaker {
 public:
  RootWaker(void (*unpark)(void*), void* arg) : target_(new Target(unpark, arg)), waker_(target_->MakeWaker()) {}
  ~RootWaker() {
    target_->Retire();
    target_->Unref();
  }
  RootWaker(const RootWaker&) = delete;
  RootWaker& operator=(const RootWaker&) = delete;

  const Waker& waker() const { return waker_; }
  // Whether there was a wake since the last call. True at first.
  bool TakeWoken() {
    // relaxed look first: the common answer is no. acq_rel: pairs with OnWake's release of what came before the wake.
    return target_->woken.load(std::memory_order_relaxed) && target_->woken.exchange(false, std::memory_order_acq_rel);
  }
  bool woken() const {
    return target_->woken.load(std::memory_order_acquire);  // acquire: pairs with OnWake
  }

 private:
  struct Target final : Wakeable {
    Target(void (*unpark)(void*), void* arg) : unpark(unpark), arg(arg) {}
    void OnWake() override {
      if (woken.exchange(true, std::memory_order_acq_rel)) return;  // acq_rel: pairs with TakeWoken
      base::SpinLockGuard guard(lock);
      if (unpark != nullptr) unpark(arg);
    }
    void Retire() {
      base::SpinLockGuard guard(lock);
      unpark = nullptr;
    }
    base::Atomic<bool> woken{true};
    base::SpinLock lock;
    void (*unpark)(void*);
    void* const arg;
  };

  Target* const target_;
  const Waker waker_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_ROOT_WAKER_H_
