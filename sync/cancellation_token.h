// CancellationToken: a request to stop that anybody can make and anybody can wait for. Copies are the same token; a
// child is cancelled with its parent, not the other way round. Dropping a token cancels nothing.
//
//   CancellationToken stop;
//   Spawn(Until(stop, Serve(...))).Detach();              // until.h
//   stop.Cancel();
//
// Threads: any.
//
// STATE       a node: `cancelled`, 0 -> 1 once; `refs`; its parent (a reference); its children (none of them owned).
// OWNERSHIP   the list of children, and a child's link in it: the parent's lock. A child that Cancel has taken out of
//             the list, with a reference, is Cancel's until it is done with it.
// RACES       R1 ChildToken against Cancel: `cancelled` is set under the lock. A child linked before is found, one that
//                comes later is born cancelled.
//             R2 a child dies while Cancel walks: Cancel takes a reference only if there still is one, under the lock
//                that the dying child needs to unlink itself.
//             R3 a waiter joins while it is cancelled: its Notified() is made first, the flag looked at second.
// A child keeps its parent's node alive (not its token): a chain of children, each made from the one before, costs a
// node for each that still has descendants.
// COST        IsCancelled: a load. A copy: 1 RMW. To wait: as Notify.
#ifndef KIOTO_SYNC_CANCELLATION_TOKEN_H_
#define KIOTO_SYNC_CANCELLATION_TOKEN_H_

#include <cstdint>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/internal/held.h"
#include "kioto/sync/notify.h"

namespace kioto::sync {
namespace internal {

struct TokenNode : base::ListNode<> {
  bool IsCancelled() const {
    return cancelled.load(std::memory_order_acquire) != 0;  // acquire: pairs with Cancel
  }
  void Ref() {
    refs.fetch_add(1, std::memory_order_relaxed);  // relaxed: made from a reference that is held
  }
  bool TryRef();
  void Unref();
  TokenNode* NewChild();
  void Cancel();

  base::Atomic<uint32_t> cancelled{0};
  base::Atomic<uint32_t> refs{1};
  TokenNode* parent = nullptr;
  base::SpinLock lock;
  base::IntrusiveList<TokenNode> children;
  Notify notify;
};

}  // namespace internal

class CancelledFuture;
class CancelGuard;

class CancellationToken {
 public:
  CancellationToken() : node_(new internal::TokenNode) {}
  CancellationToken(const CancellationToken& other) : node_(other.node_) {
    if (node_ != nullptr) node_->Ref();
  }
  CancellationToken(CancellationToken&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  CancellationToken& operator=(CancellationToken other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~CancellationToken() {
    if (node_ != nullptr) node_->Unref();
  }

  // Cancels it and all that descends from it; all of them are cancelled when it returns, or, if another Cancel of it is
  // on its way, when that one returns. Once is enough.
  void Cancel() const { node_->Cancel(); }
  bool IsCancelled() const { return node_->IsCancelled(); }
  // Ready when it is cancelled. CANCEL SAFE: yes. Keeps the token.
  CancelledFuture Cancelled() const;

  // Of a cancelled token, it is cancelled from the start.
  CancellationToken ChildToken() const { return CancellationToken(node_->NewChild()); }
  // Cancels the token when it goes, on whatever path, unless it is disarmed.
  CancelGuard DropGuard() const;

  friend bool operator==(const CancellationToken& a, const CancellationToken& b) { return a.node_ == b.node_; }
  friend bool operator!=(const CancellationToken& a, const CancellationToken& b) { return a.node_ != b.node_; }
  template <class H>
  friend H AbslHashValue(H h, const CancellationToken& token) {
    return H::combine(std::move(h), static_cast<internal::TokenNode*>(token.node_));
  }

 private:
  friend class CancelledFuture;
  friend class CancelGuard;
  explicit CancellationToken(internal::TokenNode* node) : node_(node) {}

  internal::Held<internal::TokenNode> node_;
};

class [[nodiscard]] CancelledFuture : public FutureBase<CancelledFuture, Unit> {
 public:
  explicit CancelledFuture(CancellationToken token) : token_(std::move(token)), notified_(token_.node_->notify) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("CancellationToken::Cancelled"); }
  Poll<Unit> PollOnce(Context& cx) {
    if (token_.IsCancelled()) {
      if (!cx.ConsumeBudget()) return kPending;
      return Unit{};
    }
    return notified_.PollOnce(cx);
  }

  const CancellationToken& token() const { return token_; }

 private:
  CancellationToken token_;
  NotifiedFuture notified_;  // R3
};

class [[nodiscard]] CancelGuard {
 public:
  explicit CancelGuard(CancellationToken token) : token_(std::move(token)) {}
  CancelGuard(CancelGuard&&) = default;
  CancelGuard& operator=(CancelGuard&&) = delete;
  ~CancelGuard() {
    if (token_.node_ != nullptr) token_.Cancel();
  }

  const CancellationToken& token() const { return token_; }
  CancellationToken Disarm() && { return std::move(token_); }

 private:
  CancellationToken token_;
};

inline CancelledFuture CancellationToken::Cancelled() const { return CancelledFuture(*this); }
inline CancelGuard CancellationToken::DropGuard() const { return CancelGuard(*this); }

}  // namespace kioto::sync

namespace kioto {
using sync::CancellationToken;  // said often enough to stand here
}  // namespace kioto

#endif  // KIOTO_SYNC_CANCELLATION_TOKEN_H_
