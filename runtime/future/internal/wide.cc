#include "kioto/runtime/future/internal/wide.h"

#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/future/internal/erased_memory.h"

namespace kioto::internal {

namespace {
size_t RoundUp(size_t n, size_t align) { return (n + align - 1) / align * align; }
}  // namespace

WideChild::WideChild(WideBlock* block, uint32_t index)
    : WakeTarget(
          [] {
            static constexpr VTable kVTable = {
                [](WakeTarget* target) {
                  auto* child = static_cast<WideChild*>(target);
                  child->block_->Push(child);
                },
                [](WakeTarget* target) { static_cast<WideChild*>(target)->block_->Unref(); },
                [](WakeTarget* target) {
                  auto* child = static_cast<WideChild*>(target);
                  child->block_->Push(child);
                  child->WakeTarget::Unref();
                },
            };
            return &kVTable;
          }(),
          kRefOne),
      block_(block),
      index_(index),
      next_(nullptr) {}

WideBlock::WideBlock(uint32_t children, size_t place_size, size_t places_at, size_t size, size_t align)
    : live_(children), count_(children), place_size_(place_size), places_at_(places_at), size_(size), align_(align) {}

WideBlock* WideBlock::New(uint32_t children, uint32_t places, size_t place_size, size_t place_align) {
  static_assert(alignof(WideChild) <= alignof(WideBlock) && sizeof(WideBlock) % alignof(WideChild) == 0,
                "the children follow the block");
  const size_t align = place_align > alignof(WideBlock) ? place_align : alignof(WideBlock);
  const size_t places_at = RoundUp(sizeof(WideBlock) + children * sizeof(WideChild), align);
  const size_t size = places_at + places * place_size;
  KIOTO_CHECK(children > 0, "a wide join without children would have nobody to free its block");
  ErasedMemory memory(size, align);
  auto* block = ::new (memory.get()) WideBlock(children, place_size, places_at, size, align);
  for (uint32_t i = children; i-- > 0;) {
    auto* child = ::new (static_cast<void*>(block->children() + i)) WideChild(block, i);
    child->next_.Write() = block->rest_;
    if (block->rest_ == nullptr) block->rest_end_ = child;
    block->rest_ = child;
  }
  memory.Release();
  return block;
}

void WideBlock::Register(const Waker& waker) {
  parent_.Register(waker);
  taken_ = false;
}

WideChild* WideBlock::NextWoken(Context& cx) {
  if (!taken_) {
    taken_ = true;
    if (WideChild* woken = TakeWoken()) {
      if (rest_ == nullptr) {
        rest_ = woken;
      } else {
        rest_end_->next_.Write() = woken;
      }
      while (woken->next_.Read() != nullptr) woken = woken->next_.Read();
      rest_end_ = woken;
    }
  }
  if (rest_ == nullptr) return nullptr;
  if (cx.budget_spent()) {  // the rest would only refuse
    cx.Yield();
    return nullptr;
  }
  WideChild* child = rest_;
  rest_ = child->next_.Read();
  // acq_rel: pairs with Push's (R1)
  child->queued_.exchange(0, KIOTO_ORDER("wide.poll_order", std::memory_order_acq_rel));
  return child;
}

// The stack turned around: in the order of waking.
WideChild* WideBlock::TakeWoken() {
  if (woken_.load(std::memory_order_relaxed) == nullptr) return nullptr;  // relaxed: Register, an RMW that acquires, came first
  WideChild* child = woken_.exchange(nullptr, std::memory_order_acquire);  // acquire: pairs with Push's release (R2)
  WideChild* list = nullptr;
  while (child != nullptr) {
    WideChild* next = child->next_.Read();
    child->next_.Write() = list;
    list = child;
    child = next;
  }
  return list;
}

void WideBlock::Push(WideChild* child) {
  // acq_rel: pairs with NextWoken's: if it is queued already, the poll to come sees what came before this wake (R1).
  if (child->queued_.exchange(1, std::memory_order_acq_rel) != 0) return;
  WideChild* head = woken_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  do {
    child->next_.Write() = head;
    // release: publishes child->next_; pairs with TakeWoken's acquire. relaxed on failure: only the next guess.
  } while (!woken_.compare_exchange_weak(head, child, KIOTO_ORDER("wide.push_order", std::memory_order_release),
                                         std::memory_order_relaxed));
  if (!KIOTO_MUTANT("wide.push_without_wake")) parent_.Wake();
}

void WideBlock::Close() {
  parent_.Register(Waker());  // gives the task's waker back, unless a Wake is inside: then with the block
  for (uint32_t i = count_; i-- > 0;) children()[i].WakeTarget::Unref();
}

void WideBlock::Unref() {
  // acq_rel: the release pairs with the acquire of the last Unref, which frees what the others used.
  if (live_.fetch_sub(1, KIOTO_ORDER("wide.unref_order", std::memory_order_acq_rel)) != 1) return;
  const size_t size = size_;
  const size_t align = align_;
  this->~WideBlock();
  FreeErased(this, size, align);
}

}  // namespace kioto::internal
