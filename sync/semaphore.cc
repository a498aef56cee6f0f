#include "kioto/sync/semaphore.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kioto/sync/internal/blocking.h"

namespace kioto::sync {

using internal::PermitWaiter;

namespace {

Status TooManyError(size_t count) {
  return absl::InvalidArgumentError(absl::StrCat("Acquire: ", count, " permits can never be free at once; at most ",
                                                 Semaphore::kMaxPermits, " (Semaphore::kMaxPermits)"));
}

}  // namespace

SemaphorePermit& SemaphorePermit::operator=(SemaphorePermit&& other) noexcept {
  if (this != &other) {
    Release();
    semaphore_ = other.semaphore_;
    count_ = std::exchange(other.count_, 0);
  }
  return *this;
}

void SemaphorePermit::Merge(SemaphorePermit other) {
  KIOTO_CHECK(semaphore_ == other.semaphore_, "SemaphorePermit::Merge: the permits are of different semaphores");
  count_ += std::exchange(other.count_, 0);
}

std::optional<SemaphorePermit> SemaphorePermit::Split(size_t count) {
  if (count > count_) return std::nullopt;
  count_ -= count;
  return SemaphorePermit(*semaphore_, count);
}

std::optional<OwnedSemaphorePermit> OwnedSemaphorePermit::Split(size_t count) {
  auto part = permit_.Split(count);
  if (!part.has_value()) return std::nullopt;
  return OwnedSemaphorePermit(semaphore_, *std::move(part));
}

Poll<StatusOr<OwnedSemaphorePermit>> OwnedAcquireFuture::PollOnce(Context& cx) {
  auto poll = acquire_.PollOnce(cx);
  if (poll.pending()) return kPending;
  auto permit = *std::move(poll);
  if (!permit.ok()) return StatusOr<OwnedSemaphorePermit>(permit.status());
  return StatusOr<OwnedSemaphorePermit>(OwnedSemaphorePermit(std::move(semaphore_), *std::move(permit)));
}

Poll<StatusOr<SemaphorePermit>> AcquireFuture::PollSlow(Context& cx) {
  if (cx.budget_spent()) {
    (void)cx.ConsumeBudget();
    return kPending;
  }
  auto state = PermitWaiter::kGranted;
  if (waiting_) {
    state = semaphore_->queue_.Check(waiter_, cx.waker());
  } else {
    switch (semaphore_->Enter(count_)) {
      case Semaphore::Entry::kGranted:
        (void)cx.ConsumeBudget();
        return StatusOr<SemaphorePermit>(SemaphorePermit(*semaphore_, count_));
      case Semaphore::Entry::kTooMany:
        (void)cx.ConsumeBudget();
        return StatusOr<SemaphorePermit>(TooManyError(count_));
      case Semaphore::Entry::kClosed:
        state = PermitWaiter::kClosed;
        break;
      case Semaphore::Entry::kNotEnough:
        state = semaphore_->queue_.Join(*semaphore_, waiter_, count_, cx.waker());
        waiting_ = true;
        break;
    }
  }
  if (state == PermitWaiter::kQueued) return kPending;
  (void)cx.ConsumeBudget();
  if (state == PermitWaiter::kGranted && !semaphore_->IsClosed()) {
    waiting_ = false;
    return StatusOr<SemaphorePermit>(SemaphorePermit(*semaphore_, count_));
  }
  if (waiting_) GiveUp();
  return StatusOr<SemaphorePermit>(ClosedError("Acquire: the semaphore is closed"));
}

void AcquireFuture::GiveUp() {
  waiting_ = false;
  semaphore_->Release(semaphore_->queue_.Leave(*semaphore_, waiter_));
}

Semaphore::Semaphore(size_t permits) : word_(uint64_t{permits} * kFreeOne) {
  KIOTO_CHECK(permits <= kMaxPermits, "Semaphore: more permits than Semaphore::kMaxPermits");
}

StatusOr<SemaphorePermit> Semaphore::TryAcquire(size_t count) {
  switch (Enter(count)) {
    case Entry::kNotEnough:
      return EmptyError();
    case Entry::kClosed:
      return ClosedError();
    case Entry::kTooMany:
      return TooManyError(count);
    case Entry::kGranted:
      break;
  }
  return SemaphorePermit(*this, count);
}

StatusOr<SemaphorePermit> Semaphore::BlockingAcquire(size_t count) { return internal::BlockingWait(Acquire(count)); }

StatusOr<OwnedSemaphorePermit> Semaphore::TryAcquireOwned(std::shared_ptr<Semaphore> semaphore, size_t count) {
  auto permit = semaphore->TryAcquire(count);
  if (!permit.ok()) return permit.status();
  return OwnedSemaphorePermit(std::move(semaphore), *std::move(permit));
}

StatusOr<OwnedSemaphorePermit> Semaphore::BlockingAcquireOwned(std::shared_ptr<Semaphore> semaphore, size_t count) {
  return internal::BlockingWait(AcquireOwned(std::move(semaphore), count));
}

size_t Semaphore::ForgetPermits(size_t count) {
  uint64_t word = Load();
  for (;;) {
    // Permits that lie in the word while somebody waits are on their way to them (R2).
    const uint64_t gone = (word & kWaiters) != 0 ? 0 : std::min<uint64_t>(count, FreeOf(word));
    // acq_rel: as every RMW of the word. acquire on failure: as Load.
    if (word_.compare_exchange_weak(word, word - gone * kFreeOne, std::memory_order_acq_rel,
                                    std::memory_order_acquire) ||
        KIOTO_MUTANT("semaphore.forget_once")) {
      return gone;
    }
  }
}

void Semaphore::Close() {
  queue_.CloseAll([this] {
    word_.fetch_or(kClosed, std::memory_order_acq_rel);  // acq_rel: as every RMW of the word
    ClearWaiting();
  });
}

Semaphore::Entry Semaphore::Enter(size_t count) {
  if (count > kMaxPermits) return Entry::kTooMany;
  uint64_t word = Load();
  for (;;) {
    if ((word & kClosed) != 0) return Entry::kClosed;
    if (count == 0) return Entry::kGranted;
    if ((word & kWaiters) != 0 || FreeOf(word) < count) return Entry::kNotEnough;
    // acq_rel: acquires what was done by those who gave the permits back. acquire on failure: as Load.
    if (word_.compare_exchange_weak(word, word - count * kFreeOne, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return Entry::kGranted;
    }
  }
}

void Semaphore::HandOver() { queue_.HandOver(*this); }

uint64_t Semaphore::TakeUpTo(uint64_t count) {
  uint64_t word = Load();
  for (;;) {
    const uint64_t now = std::min(count, FreeOf(word));
    if (now == 0) return 0;
    // acq_rel: acquires what was done by those who gave the permits back. acquire on failure: as Load.
    if (word_.compare_exchange_weak(word, word - now * kFreeOne, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return now;
    }
  }
}

}  // namespace kioto::sync
