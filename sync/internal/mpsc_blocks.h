// MpscBlocks: the items of an unbounded channel: a list of blocks of slots. A block that was read is used again.
//
//   oldest_ ... -> head_block_ -> ... -> tail_block_ -> ... -> the last
//   not reusable   the receiver          where a sender that knows no better begins to look for the block of its ticket
//   yet            reads here
//
// A sender finds its block in `directory_`, by the block's number; or makes it, from the one before it, which it finds
// there too; or walks. tail_block_ may stay far behind, since it passes no block in which a slot is not published, and
// a sender may lose its core for milliseconds: nobody but a sender that was away for as long has to walk from there.
//
// STATE       a block: `start`, its first position; `next`; `left_at`, 0 until tail_block_ has moved past it, then the
//             tail at that moment.
//             an entry of directory_: a block and, in the upper 16 bits, which of the numbers that share the entry it
//             has.
// OWNERSHIP   oldest_, head_block_: the receiver's. `next`: set once, by CAS. tail_block_ moves by CAS, past a block
//             all of whose slots are published, so nobody who holds a ticket has yet to look for a block before it.
// RACES       R1 two senders need the block after the last: one CAS wins; the other's block becomes a spare.
//             R2 a sender has loaded tail_block_ and stands on a block that is about to be used again. Its ticket was
//                taken before it loaded. Whoever moved tail_block_ past the block then read the tail by an RMW, as
//                `left_at`. A ticket taken after that RMW acquires the move, and never sees the block; a ticket taken
//                before it is less than left_at. The receiver takes back a block only when head has reached left_at:
//                then every such sender has published, and publishing is the last thing that it does.
//             R3 a spare is taken or put by exchange and CAS of the whole pointer: no ABA.
//             R4 a sender takes from directory_ its own block or the one before, which may have been read meanwhile.
//                Its ticket is not published, so head is not past its own block; and a block is not taken back before
//                head is past the one after it. An entry that is written late is of a block whose number nobody looks
//                for.
// COST        a send: a load. A block: two CAS and an RMW by its first sender, and no allocation while spares last.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_BLOCKS_H_
#define KIOTO_SYNC_INTERNAL_MPSC_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/sync/internal/mpsc_slot.h"
#include "kioto/sync/internal/mpsc_unbounded_gate.h"

namespace kioto::sync::internal {

// Slots of a block: enough that its bookkeeping vanishes, in about 1 KiB, but 32 at least. Small under the explorer, which meets
// its edges within few steps.
constexpr uint64_t MpscBlockSlots(size_t item) {
  if (KIOTO_MODEL) return 2;
  return item <= 8 ? 128 : item <= 16 ? 64 : 32;
}
// Blocks kept for reuse: bursts of a thousand items allocate nothing.
constexpr size_t MpscSpareBlocks(uint64_t slots) { return KIOTO_MODEL ? 1 : 1024 / slots; }
// Blocks that senders find without walking: a power of two. A sender needs its own and the one before; the others are
// for those who were away meanwhile.
inline constexpr uint64_t kMpscDirectory = KIOTO_MODEL ? 2 : 16;

template <class T>
class MpscBlocks {
 public:
  using Gate = UnboundedGate;
  using Slot = MpscSlot<T>;
  static constexpr uint64_t kSlots = MpscBlockSlots(sizeof(T));  // of a block

  MpscBlocks() : oldest_(new Block), head_block_(oldest_), tail_block_(oldest_) {}
  MpscBlocks(const MpscBlocks&) = delete;
  MpscBlocks& operator=(const MpscBlocks&) = delete;
  ~MpscBlocks() {
    while (oldest_ != nullptr) {
      Block* next = oldest_->next.load(std::memory_order_relaxed);  // relaxed: nobody else is there
      delete oldest_;
      oldest_ = next;
    }
    for (auto& spare : spares_) delete spare.load(std::memory_order_relaxed);  // relaxed: as above
  }

  // The sender's slot of its ticket.
  Slot ForSend(uint64_t position, Gate& gate) {
    const uint64_t number = position / kSlots;
    Block* block = Find(number);
    if (block == nullptr) block = FindOrMake(number, gate);
    return block->SlotAt(position);
  }

  // The receiver's: the slot at `head`, if its block is there.
  Slot ForReceive(uint64_t head) {
    if (head - head_block_->start == kSlots) {
      Block* next = head_block_->next.load(std::memory_order_acquire);  // acquire: pairs with Grow
      if (next == nullptr) return Slot();
      head_block_ = next;
      TakeBack(head);
    }
    return head_block_->SlotAt(head);
  }
  // Slots are cleared when their block is used again.
  void Taken(Slot, uint64_t) {}

 private:
  // The states side by side, apart from the items: a long queue of small items costs one byte more for each.
  struct Block {
    Slot SlotAt(uint64_t position) {
      const size_t i = position % kSlots;
      return Slot(states[i], rooms[i]);
    }
    bool Published() {
      for (uint64_t i = 0; i < kSlots; ++i) {
        if (SlotAt(i).Look() == Slot::kEmpty) return false;
      }
      return true;
    }

    uint64_t start = 0;
    base::Atomic<Block*> next{nullptr};
    base::Atomic<uint64_t> left_at{0};
    typename Slot::AtomicState states[kSlots] = {};  // Slot::kEmpty
    MpscRoom<T> rooms[kSlots];
  };

  static uint64_t EntryTag(uint64_t number) { return number / kMpscDirectory << kEntryTagShift; }

  Block* Find(uint64_t number) const {
    // acquire: pairs with the store in FindOrMake.
    const uint64_t entry = directory_[number % kMpscDirectory].load(std::memory_order_acquire) ^ EntryTag(number);
    return entry >> kEntryTagShift == 0 ? reinterpret_cast<Block*>(entry) : nullptr;
  }

  // The first sender of a block, mostly.
  Block* FindOrMake(uint64_t number, Gate& gate) {
    MoveTail(number * kSlots, gate);
    Block* block = number > 0 ? Find(number - 1) : nullptr;  // R4
    if (block == nullptr)
      block = tail_block_.load(std::memory_order_acquire);  // acquire: pairs with the CAS in MoveTail
    while (block->start != number * kSlots) block = NextOf(*block);
    // release: pairs with the load in Find.
    directory_[number % kMpscDirectory].store(reinterpret_cast<uintptr_t>(block) | EntryTag(number),
                                              std::memory_order_release);
    return block;
  }

  // Moves tail_block_ to the block that begins at `start`, of which the caller holds a ticket, or as far as is allowed.
  void MoveTail(uint64_t start, Gate& gate) {
    Block* block = tail_block_.load(std::memory_order_acquire);  // acquire: pairs with the CAS below
    while (block->start != start && block->Published()) {
      Block* next = NextOf(*block);
      Block* expected = block;
      // release: a sender that begins at `next` has its `start`. relaxed on failure: nothing is read.
      if (!tail_block_.compare_exchange_strong(expected, next, std::memory_order_acq_rel, std::memory_order_relaxed))
        return;
      // release: the receiver that sees it has acquired all that was done with the block (R2).
      block->left_at.store(gate.TailNow(), std::memory_order_release);
      block = next;
    }
  }

  Block* NextOf(Block& block) {
    Block* next = block.next.load(std::memory_order_acquire);  // acquire: pairs with Grow
    return next != nullptr ? next : Grow(block);
  }

  Block* Grow(Block& last) {
    Block* fresh = TakeSpare();
    fresh->start = last.start + kSlots;
    Block* next = nullptr;
    // release: pairs with the acquire loads of `next`. acquire on failure: the winner's block is used.
    if (last.next.compare_exchange_strong(next, fresh, KIOTO_ORDER("mpsc_blocks.grow_order", std::memory_order_acq_rel),
                                          std::memory_order_acquire)) {
      return fresh;
    }
    PutSpare(fresh);  // R1
    return next;
  }

  // The receiver: takes back what lies behind it and no sender can stand on any more (R2).
  void TakeBack(uint64_t head) {
    while (oldest_ != head_block_) {
      const uint64_t left_at = oldest_->left_at.load(std::memory_order_acquire);  // acquire: pairs with MoveTail
      const bool unused = head >= left_at && head >= oldest_->start + 2 * kSlots;  // R2, R4
      if (left_at == 0 || (!unused && !KIOTO_MUTANT("mpsc_blocks.reuse_early"))) return;
      Block* block = oldest_;
      oldest_ = block->next.load(std::memory_order_relaxed);  // relaxed: acquired when head_block_ went over it
      block->next.store(nullptr, std::memory_order_relaxed);  // relaxed, here and below: PutSpare releases
      block->left_at.store(0, std::memory_order_relaxed);     // relaxed: as above
      for (uint64_t i = 0; i < kSlots; ++i) block->SlotAt(i).Clear();
      PutSpare(block);
    }
  }

  Block* TakeSpare() {
    for (auto& spare : spares_) {
      // relaxed: only a look. acquire: pairs with PutSpare.
      if (spare.load(std::memory_order_relaxed) == nullptr) continue;
      if (Block* block = spare.exchange(nullptr, std::memory_order_acquire)) return block;
    }
    return new Block;
  }
  void PutSpare(Block* block) {
    for (auto& spare : spares_) {
      Block* none = nullptr;
      // relaxed: only a look, and on failure. release: pairs with TakeSpare.
      if (spare.load(std::memory_order_relaxed) == nullptr &&
          spare.compare_exchange_strong(none, block, std::memory_order_release, std::memory_order_relaxed)) {
        return;
      }
    }
    delete block;
  }

  static constexpr int kEntryTagShift = 48;  // user-space pointers are shorter

  Block* oldest_;
  Block* head_block_;
  alignas(64) base::Atomic<Block*> tail_block_;
  base::Atomic<uint64_t> directory_[kMpscDirectory] = {};
  alignas(64) base::Atomic<Block*> spares_[MpscSpareBlocks(kSlots)] = {};
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_BLOCKS_H_
