// MpscRing: the items of a bounded channel: a ring of slots, made with the channel. A ticket's slot is its position
// modulo the ring's size; the gate promises that it was read before it is written again.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_RING_H_
#define KIOTO_SYNC_INTERNAL_MPSC_RING_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kioto/sync/internal/mpsc_bounded_gate.h"
#include "kioto/sync/internal/mpsc_slot.h"

namespace kioto::sync::internal {

template <class T>
class MpscRing {
 public:
  using Gate = BoundedGate;
  using Slot = MpscSlot<T>;

  explicit MpscRing(size_t capacity) : mask_(RoundUp(capacity) - 1), places_(new Place[size_t{mask_} + 1]) {}

  // The sender's slot of its ticket.
  Slot ForSend(uint32_t position, Gate&) { return SlotOf(position); }

  // The receiver's: the slot at `head`, if it can be there already.
  Slot ForReceive(uint32_t head) { return SlotOf(head); }
  // The slot at `head` was emptied; it may be used again when the gate has advanced.
  void Taken(Slot slot, uint32_t) { slot.Clear(); }

 private:
  struct Place {
    typename Slot::AtomicState state{Slot::kEmpty};
    MpscRoom<T> room;
  };

  Slot SlotOf(uint32_t position) {
    Place& place = places_[position & mask_];
    return Slot(place.state, place.room);
  }

  static uint32_t RoundUp(size_t capacity) {
    uint32_t size = 1;
    while (size < capacity) size *= 2;
    return size;
  }

  const uint32_t mask_;
  const std::unique_ptr<Place[]> places_;
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_RING_H_
