// Semaphore: a number of permits; a task that wants some waits until they are free. Strictly first come first served.
//
//   sync::Semaphore slots(8);      // a member, or a state of a With, InPlace<sync::Semaphore>(8): the futures borrow it
//   return slots.Acquire().AndThen([&](sync::SemaphorePermit& permit) { return Work(); });   // given back with the node
//
// STATE       one 64-bit word: kClosed (bit 0) | kWaiters (bit 1: somebody is in the queue, nobody may pass it) |
//             free permits (bits 2..63). Who waits: internal/permit_queue.h.
// OWNERSHIP   a permit: of the word while free, else of its SemaphorePermit, or of the waiter that was given it.
// RACES       R1 permits are freed while somebody joins the queue: both are RMWs of the word. Freed first: the joiner,
//                which looks after it has set kWaiters, finds them. Freed second: kWaiters is seen, and they are handed
//                over.
//             R2 between freeing and handing over the permits lie in the word: kWaiters keeps everybody else from them.
// COST        RMWs: acquire 1, release 1, both uncontended. Waiting: the lock, 2, a reference and a wake more.
#ifndef KIOTO_SYNC_SEMAPHORE_H_
#define KIOTO_SYNC_SEMAPHORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/internal/permit_queue.h"

namespace kioto::sync {

class Semaphore;

// Permits that are held; destroyed, they are given back. Borrows its semaphore. One thread at a time.
class [[nodiscard]] SemaphorePermit {
 public:
  SemaphorePermit(SemaphorePermit&& other) noexcept
      : semaphore_(other.semaphore_), count_(std::exchange(other.count_, 0)) {}
  SemaphorePermit& operator=(SemaphorePermit&& other) noexcept;
  ~SemaphorePermit() { Release(); }

  size_t count() const { return count_; }
  void Release();
  // They never come back.
  void Forget() { count_ = 0; }
  // Takes over the permits of `other`, which are of the same semaphore (checked).
  void Merge(SemaphorePermit other);
  // A part of them; nullopt if there are fewer.
  std::optional<SemaphorePermit> Split(size_t count);

 private:
  friend class Semaphore;
  friend class AcquireFuture;
  SemaphorePermit(Semaphore& semaphore, size_t count) : semaphore_(&semaphore), count_(count) {}

  Semaphore* semaphore_;
  size_t count_;
};

// The same, and keeps its semaphore alive.
class [[nodiscard]] OwnedSemaphorePermit {
 public:
  OwnedSemaphorePermit(OwnedSemaphorePermit&&) = default;
  OwnedSemaphorePermit& operator=(OwnedSemaphorePermit other) noexcept {
    std::swap(semaphore_, other.semaphore_);
    std::swap(permit_, other.permit_);
    return *this;
  }

  size_t count() const { return permit_.count(); }
  const std::shared_ptr<Semaphore>& semaphore() const { return semaphore_; }
  void Release() { permit_.Release(); }
  void Forget() { permit_.Forget(); }
  void Merge(OwnedSemaphorePermit other) { permit_.Merge(std::move(other.permit_)); }
  std::optional<OwnedSemaphorePermit> Split(size_t count);

 private:
  friend class Semaphore;
  friend class OwnedAcquireFuture;
  OwnedSemaphorePermit(std::shared_ptr<Semaphore> semaphore, SemaphorePermit permit)
      : semaphore_(std::move(semaphore)), permit_(std::move(permit)) {}

  std::shared_ptr<Semaphore> semaphore_;
  SemaphorePermit permit_;  // given back before its semaphore goes
};

// The permits, or IsClosed; kInvalidArgument for more than there can ever be (kMaxPermits).
// CANCEL SAFE of Semaphore::Acquire(): loses place; what it had been given goes to the next. Borrows its semaphore.
class [[nodiscard]] AcquireFuture : public FutureBase<AcquireFuture, StatusOr<SemaphorePermit>> {
 public:
  AcquireFuture(Semaphore& semaphore, size_t count) : semaphore_(&semaphore), count_(count) {}
  AcquireFuture(AcquireFuture&& other) noexcept : semaphore_(other.semaphore_), count_(other.count_) {
    KIOTO_CHECK(!other.waiting_, "an Acquire was moved after its first poll");
  }
  AcquireFuture& operator=(AcquireFuture&&) = delete;
  ~AcquireFuture() {
    if (waiting_) GiveUp();
  }

  void Describe(WaitTrace& trace) const { trace.Leaf("Semaphore::Acquire"); }
  Poll<StatusOr<SemaphorePermit>> PollOnce(Context& cx);

 private:
  Poll<StatusOr<SemaphorePermit>> PollSlow(Context& cx);
  void GiveUp();

  Semaphore* semaphore_;
  size_t count_;
  bool waiting_ = false;  // the waiter may be queued, or hold something
  internal::PermitWaiter waiter_;
};

// The same, and keeps its semaphore alive. CANCEL SAFE of Semaphore::AcquireOwned(): loses place.
class [[nodiscard]] OwnedAcquireFuture : public FutureBase<OwnedAcquireFuture, StatusOr<OwnedSemaphorePermit>> {
 public:
  OwnedAcquireFuture(std::shared_ptr<Semaphore> semaphore, size_t count)
      : semaphore_(std::move(semaphore)), acquire_(*semaphore_, count) {}

  void Describe(WaitTrace& trace) const { acquire_.Describe(trace); }
  Poll<StatusOr<OwnedSemaphorePermit>> PollOnce(Context& cx);

 private:
  std::shared_ptr<Semaphore> semaphore_;
  AcquireFuture acquire_;  // gone before its semaphore
};

// Threads: any. It must outlive its permits and futures, but for the owned ones.
class Semaphore {
 public:
  static constexpr size_t kMaxPermits = SIZE_MAX >> 3;

  explicit Semaphore(size_t permits);
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Waits for `count` permits at once. 0 is granted at once, unless it is closed.
  AcquireFuture Acquire(size_t count = 1) { return AcquireFuture(*this, count); }
  // The permits, IsEmpty (also while others wait for some), IsClosed, or kInvalidArgument as above.
  StatusOr<SemaphorePermit> TryAcquire(size_t count = 1);
  // A plain thread waits. On a thread that runs tasks: a checked error.
  StatusOr<SemaphorePermit> BlockingAcquire(size_t count = 1);

  // The same, with permits and futures that keep `semaphore` alive: for other tasks.
  static OwnedAcquireFuture AcquireOwned(std::shared_ptr<Semaphore> semaphore, size_t count = 1) {
    return OwnedAcquireFuture(std::move(semaphore), count);
  }
  static StatusOr<OwnedSemaphorePermit> TryAcquireOwned(std::shared_ptr<Semaphore> semaphore, size_t count = 1);
  static StatusOr<OwnedSemaphorePermit> BlockingAcquireOwned(std::shared_ptr<Semaphore> semaphore, size_t count = 1);

  void AddPermits(size_t count) { Release(count); }
  // Takes away up to `count` of the free permits for ever, and says how many.
  size_t ForgetPermits(size_t count);
  size_t AvailablePermits() const { return FreeOf(Load()); }

  // Everybody who waits, and every later Acquire, gets IsClosed. Permits that are out stay valid, and are counted.
  void Close();
  bool IsClosed() const { return (Load() & kClosed) != 0; }

 private:
  friend class SemaphorePermit;
  friend class AcquireFuture;
  friend class internal::PermitQueue;

  enum class [[nodiscard]] Entry{kGranted, kNotEnough, kClosed, kTooMany};

  static constexpr uint64_t kClosed = 1;
  static constexpr uint64_t kWaiters = 2;
  static constexpr uint64_t kFreeOne = 4;
  static uint64_t FreeOf(uint64_t word) { return word / kFreeOne; }

  uint64_t Load() const {
    return word_.load(std::memory_order_acquire);  // acquire: pairs with every RMW of the word, all of which release
  }
  // Whether the permits are the caller's now: the free case.
  [[nodiscard]] bool TryEnter(size_t count);
  Entry Enter(size_t count);
  void Release(size_t count);
  void HandOver();

  // As the PermitQueue's source.
  bool closed() const { return IsClosed(); }
  uint64_t TakeUpTo(uint64_t count);
  void SetWaiting() { word_.fetch_or(kWaiters, std::memory_order_acq_rel); }      // acq_rel: R1
  void ClearWaiting() { word_.fetch_and(~kWaiters, std::memory_order_acq_rel); }  // acq_rel: R2

  base::Atomic<uint64_t> word_;
  internal::PermitQueue queue_;
};

// Semaphore::AcquireOwned, as LockOwned of a Mutex. CANCEL SAFE: loses place.
inline OwnedAcquireFuture AcquireOwned(std::shared_ptr<Semaphore> semaphore, size_t count = 1) {
  return Semaphore::AcquireOwned(std::move(semaphore), count);
}

// --- implementation: the free case, inline ---

inline void SemaphorePermit::Release() {
  if (count_ > 0) semaphore_->Release(std::exchange(count_, 0));
}

inline Poll<StatusOr<SemaphorePermit>> AcquireFuture::PollOnce(Context& cx) {
  if (waiting_ || cx.budget_spent() || !semaphore_->TryEnter(count_)) return PollSlow(cx);
  (void)cx.ConsumeBudget();
  return StatusOr<SemaphorePermit>(SemaphorePermit(*semaphore_, count_));
}

inline bool Semaphore::TryEnter(size_t count) {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, which the CAS confirms
  while ((word & (kClosed | kWaiters)) == 0 && count > 0 && FreeOf(word) >= count) {
    // acq_rel: pairs with Release: what was done with the permits before. relaxed on failure: another guess.
    if (word_.compare_exchange_weak(word, word - count * kFreeOne, std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

inline void Semaphore::Release(size_t count) {
  if (count == 0) return;
  KIOTO_CHECK(count <= kMaxPermits, "Semaphore: more permits than Semaphore::kMaxPermits");
  // acq_rel: R1; pairs with TryEnter and Enter, which acquire what was done with the permits.
  const uint64_t word =
      word_.fetch_add(count * kFreeOne, KIOTO_ORDER("semaphore.release_order", std::memory_order_acq_rel));
  KIOTO_CHECK(FreeOf(word) + count <= kMaxPermits, "Semaphore: more permits than Semaphore::kMaxPermits");
  if ((word & kWaiters) != 0 && !KIOTO_MUTANT("semaphore.no_hand_over")) HandOver();
}

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_SEMAPHORE_H_
