// STATE       Reaper::looks_   wakes that have come and were not answered by a look; who raises it from 0 looks
// OWNERSHIP   The watch belongs to who looks. A Reaper belongs to the wakers that its watch has left in the reactor: it needs no
//             task and no thread, and a wake is one waitid, done where it is woken: the exception to "a wake only enqueues".
//             With the end of the child the watch goes; a waker it left in the reactor stays until the slot's next owner comes.
// RACES       R1 two wakes on two threads: both raise looks_; the second only counts, and the first looks once more.
#include "kioto/runtime/process/orphans.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/waker.h"

namespace kioto::process::internal {
namespace {

class ChildOrphan final : public Orphan {
 public:
  explicit ChildOrphan(ExitWatch watch) : watch_(std::move(watch)) {}
  bool Settle() override;

 private:
  ExitWatch watch_;
};

// What is woken when the child has ended.
class Reaper final : public Wakeable {
 public:
  explicit Reaper(ExitWatch watch) : watch_(std::move(watch)) {}
  void OnWake() override {
    uint32_t looks = 1;
    // acq_rel: the acquire pairs with the release of the exchange below, by which the watch goes to the next who looks; the release
    // with its acquire: what came before this wake is seen by the look that answers it (R1).
    if (looks_.fetch_add(1, std::memory_order_acq_rel) != 0) return;
    do {
      Look();
      // acq_rel, and acquire where it fails: pair with the fetch_add of the wakes, as said there.
    } while (!looks_.compare_exchange_strong(looks, 0, std::memory_order_acq_rel, std::memory_order_acquire));
  }

 private:
  void Look() {
    if (!watch_) return;
    const BorrowedWaker waker(this);
    kioto::internal::PollScope scope;
    Context cx(waker.get(), scope);
    Poll<StatusOr<ExitStatus>> exit = watch_->PollExit(cx);
    if (exit.pending()) return;
    ExitWatch watch = *std::move(watch_);
    watch_.reset();
    if (exit->ok() || IsLost(exit->status())) return;
    // The runtime shuts down, or has no fd left.
    watch.LeaveRuntime();
    OrphanList::OfProcess().Add(std::make_unique<ChildOrphan>(std::move(watch)));
  }

  base::Atomic<uint32_t> looks_{0};
  std::optional<ExitWatch> watch_;
};

bool InRuntimeWithIo() {
  kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
  return drivers != nullptr && drivers->PickReactor() != nullptr;
}

bool ChildOrphan::Settle() {
  if (!InRuntimeWithIo()) {
    StatusOr<std::optional<ExitStatus>> exit = watch_.TryExit();
    return exit.ok() ? exit->has_value() : IsLost(exit.status());
  }
  Reaper* reaper = new Reaper(std::move(watch_));
  reaper->OnWake();
  reaper->Unref();
  return true;
}

}  // namespace

void OrphanList::Add(std::unique_ptr<Orphan> orphan) {
  base::MutexLock lock(mutex_);
  orphans_.push_back(std::move(orphan));
}

void OrphanList::Drain() {
  if (!draining_.TryLock()) return;
  std::vector<std::unique_ptr<Orphan>> all;
  {
    base::MutexLock lock(mutex_);
    all.swap(orphans_);
  }
  for (std::unique_ptr<Orphan>& orphan : all) {
    if (!orphan->Settle()) Add(std::move(orphan));
  }
  draining_.Unlock();
}

size_t OrphanList::size() const {
  base::MutexLock lock(mutex_);
  return orphans_.size();
}

OrphanList& OrphanList::OfProcess() {
  static OrphanList* const list = new OrphanList;
  return *list;
}

void LeaveToReaper(ExitWatch watch) {
  auto orphan = std::make_unique<ChildOrphan>(std::move(watch));
  if (!orphan->Settle()) OrphanList::OfProcess().Add(std::move(orphan));
}

}  // namespace kioto::process::internal
