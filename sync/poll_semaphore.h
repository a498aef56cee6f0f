// PollSemaphore: a semaphore for a PollOnce that is written by hand, and as a stream of permits.
//
//   Poll<Unit> PollOnce(Context& cx) {
//     auto permit = slots_.PollAcquire(cx);              // keeps its place in the queue from poll to poll
//     ...
//
// With combinators, Semaphore::Acquire is simpler. A copy shares the semaphore and waits for nothing. One thread at a
// time.
//
// STATE       idle -> waiting (`acquire_` has its place in the queue, for `count_` permits) -> idle
#ifndef KIOTO_SYNC_POLL_SEMAPHORE_H_
#define KIOTO_SYNC_POLL_SEMAPHORE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/sync/semaphore.h"

namespace kioto::sync {

// Pinned while a poll was pending, as a future is.
class PollSemaphore {
 public:
  using Item = OwnedSemaphorePermit;

  explicit PollSemaphore(std::shared_ptr<Semaphore> semaphore) : semaphore_(std::move(semaphore)) {}
  PollSemaphore(const PollSemaphore& other) : semaphore_(other.semaphore_) {}
  PollSemaphore(PollSemaphore&&) = default;
  PollSemaphore& operator=(PollSemaphore&&) = delete;

  // Ready with what Semaphore::Acquire gives. Another count than the last time, which was pending: it leaves the queue,
  // and begins at its end.
  Poll<StatusOr<OwnedSemaphorePermit>> PollAcquire(Context& cx, size_t count = 1) {
    if (!acquire_.has_value() || count != count_) {
      acquire_.reset();  // what it had been given is there for the new one
      acquire_.emplace(semaphore_, count);
      count_ = count;
    }
    auto poll = acquire_->PollOnce(cx);
    if (poll.ready()) acquire_.reset();
    return poll;
  }
  // As a stream, which ends when the semaphore is closed. CANCEL SAFE: yes.
  Poll<std::optional<OwnedSemaphorePermit>> PollNext(Context& cx) {
    auto poll = PollAcquire(cx);
    if (poll.pending()) return kPending;
    if (!poll->ok()) return std::optional<OwnedSemaphorePermit>();
    return std::optional<OwnedSemaphorePermit>(**std::move(poll));
  }

  void Close() { semaphore_->Close(); }
  const std::shared_ptr<Semaphore>& semaphore() const { return semaphore_; }

 private:
  std::shared_ptr<Semaphore> semaphore_;
  std::optional<OwnedAcquireFuture> acquire_;
  size_t count_ = 0;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_POLL_SEMAPHORE_H_
