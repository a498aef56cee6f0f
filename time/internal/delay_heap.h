// DelayHeap: the order in which the entries of a DelayQueue come due, without their values. Indexed: any of them can be
// moved or removed in O(log n).
//
// An entry has a slot, a small number, under which the queue keeps its value; slots are used again. Its key has a number that
// is never used again, and the slot as a hint: a key that outlives its entry is known as such. Compact gives entries other
// slots; where a hint no longer holds, a sorted list says where the entry went.
//
// A 4-ary heap (Williams 1964; LaMarca & Ladner 1996 for the four): in the common case, all delays the same, an insertion is
// one comparison. Equal deadlines come in the order of insertion.
#ifndef KIOTO_TIME_INTERNAL_DELAY_HEAP_H_
#define KIOTO_TIME_INTERNAL_DELAY_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace kioto::time {

// Names an entry of a DelayQueue, as long as that is in it. A value; the default one names nothing.
class DelayKey {
 public:
  constexpr DelayKey() = default;
  constexpr DelayKey(uint64_t id, uint32_t slot) : id_(id), slot_(slot) {}

  friend constexpr bool operator==(DelayKey a, DelayKey b) { return a.id_ == b.id_; }
  friend constexpr bool operator!=(DelayKey a, DelayKey b) { return a.id_ != b.id_; }
  friend constexpr bool operator<(DelayKey a, DelayKey b) { return a.id_ < b.id_; }  // the order of insertion
  template <class H>
  friend H AbslHashValue(H h, DelayKey key) {
    return H::combine(std::move(h), key.id_);
  }

  constexpr uint64_t id() const { return id_; }
  constexpr uint32_t slot() const { return slot_; }

 private:
  uint64_t id_ = 0;
  uint32_t slot_ = 0;
};

}  // namespace kioto::time

namespace kioto::internal {

// shrink_to_fit that holds without exceptions too, where libstdc++'s does nothing.
template <class T>
void ShrinkToFit(std::vector<T>& items) {
  if (items.capacity() == items.size()) return;
  std::vector<T> fitting;
  fitting.reserve(items.size());
  for (T& item : items) fitting.push_back(std::move(item));
  items = std::move(fitting);
}

// One thread at a time. Nothing of the user's is called.
class DelayHeap {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  // More entries would need larger numbers in each; so many take 40 GB without their values.
  static constexpr size_t kMaxEntries = (size_t{1} << 30) - 1;

  // The slot of a new entry; KeyOf(slot) is its key.
  uint32_t Add(int64_t due);
  // The slot of the entry; kNone if there is none of that key.
  uint32_t Find(time::DelayKey key) const;
  time::DelayKey KeyOf(uint32_t slot) const { return time::DelayKey(slots_[slot].id, slots_[slot].hint); }
  int64_t due(uint32_t slot) const { return heap_[slots_[slot].place].due; }
  void Move(uint32_t slot, int64_t due);
  void Remove(uint32_t slot);
  // The earliest; kNone if empty.
  uint32_t top() const { return heap_.empty() ? kNone : heap_[0].slot; }
  void Clear();

  size_t size() const { return heap_.size(); }
  size_t slots() const { return slots_.size(); }
  size_t capacity() const { return slots_.capacity(); }
  // So that `slots` fit without another allocation.
  void Reserve(size_t slots);
  // Gives back what is behind the last slot in use.
  void ShrinkToFit();
  // Gives the entries the slots 0 … size() - 1, and back the rest. The answer: the old slot of each.
  std::vector<uint32_t> Compact();

 private:
  struct Slot {
    uint64_t id;     // 0: free
    uint32_t hint;   // the slot that its key names
    uint32_t place;  // in the heap; of a free one: the next free one
  };
  struct Node {
    int64_t due;
    uint64_t id;
    uint32_t slot;
  };
  struct Moved {
    uint64_t id;
    uint32_t slot;
  };

  static bool Earlier(const Node& a, const Node& b) { return a.due != b.due ? a.due < b.due : a.id < b.id; }
  void Put(const Node& node, size_t place) {
    heap_[place] = node;
    slots_[node.slot].place = static_cast<uint32_t>(place);
  }
  // Put `node` where it belongs, from `place`, which is free, upwards or downwards.
  void Rise(const Node& node, size_t place);
  void Sink(const Node& node, size_t place);
  void Settle(const Node& node, size_t place);
  void RelinkFree();

  std::vector<Slot> slots_;
  std::vector<Node> heap_;
  std::vector<Moved> moved_;  // by id: those whose slot is not their hint; entries that are gone may be in it still
  uint32_t free_ = kNone;
  uint64_t last_id_ = 0;
};

}  // namespace kioto::internal

#endif  // KIOTO_TIME_INTERNAL_DELAY_HEAP_H_
