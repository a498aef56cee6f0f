#include "kioto/sync/cancellation_token.h"

#include "kioto/runtime/base/mutant.h"

namespace kioto::sync::internal {

bool TokenNode::TryRef() {
  uint32_t count = refs.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  while (count != 0 || KIOTO_MUTANT("token.revive")) {
    // relaxed: the lock under which it is called orders it (R2).
    if (refs.compare_exchange_weak(count, count + 1, std::memory_order_relaxed, std::memory_order_relaxed)) return true;
  }
  return false;
}

// Goes up, since a node may hold the last reference to its parent; never recurses.
void TokenNode::Unref() {
  for (TokenNode* node = this; node != nullptr;) {
    // acq_rel: the last one sees all that the others did.
    if (node->refs.fetch_sub(1, KIOTO_ORDER("token.unref_order", std::memory_order_acq_rel)) != 1) return;
    TokenNode* above = node->parent;
    if (above != nullptr) {
      base::SpinLockGuard guard(above->lock);
      node->Unlink();
    }
    delete node;
    node = above;
  }
}

TokenNode* TokenNode::NewChild() {
  auto* child = new TokenNode;
  base::SpinLockGuard guard(lock);
  if (IsCancelled() && !KIOTO_MUTANT("token.born_uncancelled")) {
    child->cancelled.store(1, std::memory_order_relaxed);  // relaxed: nobody else has the child yet
  } else {
    child->parent = this;
    Ref();
    children.PushBack(*child);
  }
  return child;
}

void TokenNode::Cancel() {
  base::IntrusiveList<TokenNode> found;  // each with a reference
  Ref();
  for (TokenNode* node = this; node != nullptr; node = found.PopFront()) {
    bool first;
    {
      base::SpinLockGuard guard(node->lock);
      // acq_rel: pairs with IsCancelled (R1).
      first = node->cancelled.exchange(1, std::memory_order_acq_rel) == 0;
    }
    if (first && !KIOTO_MUTANT("token.silent_cancel")) node->notify.NotifyAll();
    for (bool more = true; more;) {
      base::SpinLockGuard guard(node->lock);
      TokenNode* child = node->children.PopFront();
      if (child != nullptr && child->TryRef()) found.PushBack(*child);
      more = child != nullptr;
    }
    node->Unref();
  }
}

}  // namespace kioto::sync::internal
