// The block behind wide joins: many children, each with a waker of its own, so that a wake costs O(1) and only the children
// that were woken are polled again.
//
// STATE       one allocation: WideBlock | WideChild × n | one place per child for the owner's use (WideSlots)
//             child.state   references to the child: one of the owner, one per Waker
//             child.queued  whether the child is in the woken list, or in the owner's hands from there
//             block.woken   a stack of the children that were woken; pushed by anyone, taken whole by the owner
//             block.parent  the task that owns the join (a WakerSlot)
//             block.live    children with references left; the block is freed with the last
// OWNERSHIP   child.next: whoever turned `queued` from false to true, until the push; from the taking of the stack, the owner.
//             places, `rest`: the owner. The owner ends the places before it lets go; what lives on is memory.
// RACES       R1 wake against poll: the owner turns `queued` to false before it polls, by an RMW. A wake that came before
//                is seen by this poll; one that comes after queues the child again.
//             R2 push against take: the taker takes all or nothing; no child is in the stack twice, so there is no ABA.
//             R3 wake against the owner's end: the waker's reference keeps child and block; the push goes nowhere, the
//                parent slot is empty.
// COST        a wake: 1 RMW on `queued`, 1 on `woken`, 1 or 2 on the parent's slot. A poll: 1 on the slot, 1 on `woken`
//             if anything is there, 1 on `queued` per child.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_WIDE_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_WIDE_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/future/waker_slot.h"

namespace kioto::internal {

class WideBlock;

class WideChild : public WakeTarget {
 public:
  WideChild(WideBlock* block, uint32_t index);

  uint32_t index() const { return index_; }

 private:
  friend class WideBlock;

  WideBlock* const block_;
  const uint32_t index_;
  base::Atomic<uint32_t> queued_{1};  // all begin in the owner's list
  base::Cell<WideChild*> next_;
};

class WideBlock {
 public:
  // `children` (at least one) wakers; a place of that size for each of the first `places`. All children begin as woken, in order.
  static WideBlock* New(uint32_t children, uint32_t places, size_t place_size, size_t place_align);
  WideBlock(const WideBlock&) = delete;
  WideBlock& operator=(const WideBlock&) = delete;

  // The owner, at each poll, before NextWoken.
  void Register(const Waker& waker);
  // The owner: the next child to be polled, in the order of waking; null if there is none, or if the budget is spent
  // (then a wake is arranged). Those woken since Register wait for the next poll: the parent has been woken.
  WideChild* NextWoken(Context& cx);
  // The owner lets go. The places are ended.
  void Close();

  WideChild& child(uint32_t index) { return children()[index]; }
  void* place(uint32_t index) { return reinterpret_cast<char*>(this) + places_at_ + index * place_size_; }

 private:
  friend class WideChild;

  WideBlock(uint32_t children, size_t place_size, size_t places_at, size_t size, size_t align);
  ~WideBlock() = default;

  WideChild* children() { return reinterpret_cast<WideChild*>(this + 1); }
  void Push(WideChild* child);
  WideChild* TakeWoken();
  void Unref();

  WakerSlot parent_;
  base::Atomic<WideChild*> woken_{nullptr};
  base::Atomic<uint32_t> live_;
  const uint32_t count_;
  bool taken_ = false;           // this poll has taken the stack
  WideChild* rest_ = nullptr;    // taken, not yet polled
  WideChild* rest_end_ = nullptr;
  const size_t place_size_;
  const size_t places_at_;
  const size_t size_;
  const size_t align_;
};

// The owner's view: a block whose places hold a T.
template <class T>
class WideSlots {
 public:
  WideSlots() = default;
  WideSlots(WideSlots&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  ~WideSlots() { Reset(); }

  // At least one child. Then Emplace each place, in order.
  void Make(uint32_t children, uint32_t places) {
    block_ = WideBlock::New(children, places, sizeof(T), alignof(T));
  }
  template <class... A>
  void Emplace(uint32_t index, A&&... args) {
    ::new (block_->place(index)) T(std::forward<A>(args)...);
    ++size_;
  }
  explicit operator bool() const { return block_ != nullptr; }
  uint32_t size() const { return size_; }
  T& operator[](uint32_t index) { return *std::launder(static_cast<T*>(block_->place(index))); }
  const T& operator[](uint32_t index) const { return *std::launder(static_cast<const T*>(block_->place(index))); }

  void Register(Context& cx) { block_->Register(cx.waker()); }
  WideChild* NextWoken(Context& cx) { return block_->NextWoken(cx); }

  // The waker of a child, on loan. A Context keeps its address: give it a name.
  BorrowedWaker waker(uint32_t index) { return BorrowedWaker(&block_->child(index)); }

  // Ends the values, last first, and lets go of the block.
  void Reset() {
    if (block_ == nullptr) return;
    WideBlock* block = block_;
    while (size_ > 0) static_cast<T*>(block->place(--size_))->~T();
    block_ = nullptr;
    block->Close();
  }

 private:
  WideBlock* block_ = nullptr;
  uint32_t size_ = 0;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_WIDE_H_
