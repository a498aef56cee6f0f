#include "kioto/sync/internal/watch_core.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"

namespace kioto::sync::internal {
namespace {

// An address that no other thread has. The explorer's threads are one thread of the system: they have none.
const void* ThisThread() {
#if KIOTO_MODEL
  return nullptr;
#else
  static thread_local char here;
  return &here;
#endif
}

}  // namespace

// --- Writing ---

WatchCore::Writing::Writing(WatchCore& core) : core_(core) {
  const void* const me = ThisThread();
  // relaxed: only this thread stores its own address, and takes it away
  KIOTO_CHECK(me == nullptr || core_.writer_.load(std::memory_order_relaxed) != me,
              "the function of a watch's SendModify or SendIfModified sends to the same watch");
  if (!KIOTO_MUTANT("watch.writers_together")) core_.writers_.Lock();
  core_.writer_.store(me, std::memory_order_relaxed);  // relaxed: as above
}

WatchCore::Writing::~Writing() {
  core_.writer_.store(nullptr, std::memory_order_relaxed);  // relaxed: as above
  if (!KIOTO_MUTANT("watch.writers_together")) core_.writers_.Unlock();
}

// --- WatchCore ---

WatchBlock* WatchCore::Borrow() const {
  base::SpinLockGuard lock(lock_);
  WatchBlock* const block = value_.Read();
  block->Ref();
  return block;
}

WatchBlock* WatchCore::Publish(WatchBlock* next, bool told) {
  WatchBlock* const old = value_.Read();
  next->version_ = old->version_ + (told ? kOne : 0);
  base::SpinLockGuard lock(lock_);
  value_.Write() = next;
  // Within the lock: who has borrowed the block finds its version, or a later one. No kClosed while a sender is there.
  // release: pairs with state(): what was done before the send is seen by whoever sees the version.
  if (told) state_.store(next->version_, KIOTO_ORDER("watch.version_order", std::memory_order_release));
  return old;
}

bool WatchCore::DropSender() {
  // acq_rel: what the other senders did comes before the end that the last one tells.
  if (senders_.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
  state_.fetch_or(kClosed, std::memory_order_acq_rel);  // acq_rel: pairs with state()
  if (!KIOTO_MUTANT("watch.silent_end")) changed_.NotifyAll();
  return true;
}

void WatchCore::AddReceiver() {
  receivers_.fetch_add(1, std::memory_order_relaxed);  // relaxed: nothing is handed over by it
  refs_.fetch_add(1, std::memory_order_relaxed);       // relaxed: made from a reference that is held
}

void WatchCore::DropReceiver() {
  // acq_rel: pairs with receivers(): who finds nobody sees what all of them did.
  if (receivers_.fetch_sub(1, std::memory_order_acq_rel) == 1) no_receiver_.NotifyAll();
}

// --- futures ---

Status WatchEnd() { return ClosedError("the watch has no sender any more"); }

Poll<Status> WatchChanged::PollOnce(Context& cx) {
  if (cx.budget_spent()) {
    (void)cx.ConsumeBudget();
    return kPending;
  }
  Status result;
  const bool ready = wait_.PollUntil(cx, [&](uint64_t state) {
    const uint64_t version = WatchCore::VersionIn(state);
    if (version == *seen_) {  // R3: the version first
      if (!WatchCore::ClosedIn(state)) return false;
      result = WatchEnd();
    }
    *seen_ = version;
    return true;
  });
  if (!ready) return kPending;
  (void)cx.ConsumeBudget();
  return result;
}

Poll<Unit> WatchClosed::PollOnce(Context& cx) {
  for (;;) {
    if (!notified_) notified_.emplace(core_->no_receiver());
    if (core_->receivers() == 0) {
      if (!cx.ConsumeBudget()) return kPending;
      notified_.reset();
      return Unit{};
    }
    if (notified_->PollOnce(cx).pending()) return kPending;
    notified_.reset();  // somebody has subscribed since: wait for the next time
  }
}

}  // namespace kioto::sync::internal
