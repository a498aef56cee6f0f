#include "kioto/time/internal/delay_heap.h"

#include <algorithm>

#include "kioto/runtime/base/check.h"

namespace kioto::internal {
namespace {

constexpr size_t kChildren = 4;
constexpr size_t ParentOf(size_t place) { return (place - 1) / kChildren; }
constexpr size_t FirstChildOf(size_t place) { return kChildren * place + 1; }

}  // namespace

uint32_t DelayHeap::Add(int64_t due) {
  uint32_t slot = free_;
  if (slot != kNone) {
    free_ = slots_[slot].place;
  } else {
    KIOTO_CHECK(slots_.size() < kMaxEntries, "a DelayQueue holds at most 2^30 - 1 entries");
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  slots_[slot].id = ++last_id_;
  slots_[slot].hint = slot;
  heap_.emplace_back();
  Rise(Node{due, last_id_, slot}, heap_.size() - 1);
  return slot;
}

uint32_t DelayHeap::Find(time::DelayKey key) const {
  if (key.id() == 0) return kNone;
  uint32_t slot = key.slot();
  if (slot < slots_.size() && slots_[slot].id == key.id()) return slot;
  auto moved = std::lower_bound(moved_.begin(), moved_.end(), key.id(), [](const Moved& m, uint64_t id) { return m.id < id; });
  if (moved == moved_.end() || moved->id != key.id()) return kNone;
  return moved->slot < slots_.size() && slots_[moved->slot].id == key.id() ? moved->slot : kNone;
}

void DelayHeap::Move(uint32_t slot, int64_t due) { Settle(Node{due, slots_[slot].id, slot}, slots_[slot].place); }

void DelayHeap::Remove(uint32_t slot) {
  const size_t place = slots_[slot].place;
  const Node last = heap_.back();
  heap_.pop_back();
  if (last.slot != slot) Settle(last, place);
  slots_[slot].id = 0;
  slots_[slot].place = free_;
  free_ = slot;
}

void DelayHeap::Clear() {
  heap_.clear();
  slots_.clear();
  moved_.clear();
  free_ = kNone;
}

void DelayHeap::Reserve(size_t slots) {
  KIOTO_CHECK(slots <= kMaxEntries, "a DelayQueue holds at most 2^30 - 1 entries");
  slots_.reserve(slots);
  heap_.reserve(slots);
}

void DelayHeap::ShrinkToFit() {
  while (!slots_.empty() && slots_.back().id == 0) slots_.pop_back();
  RelinkFree();
  internal::ShrinkToFit(slots_);
  internal::ShrinkToFit(heap_);
}

std::vector<uint32_t> DelayHeap::Compact() {
  std::vector<uint32_t> old_slots;
  old_slots.reserve(size());
  moved_.clear();
  for (uint32_t from = 0; from < slots_.size(); ++from) {
    if (slots_[from].id == 0) continue;
    const uint32_t to = static_cast<uint32_t>(old_slots.size());
    old_slots.push_back(from);
    slots_[to] = slots_[from];
    heap_[slots_[to].place].slot = to;
    if (slots_[to].hint != to) moved_.push_back(Moved{slots_[to].id, to});
  }
  slots_.resize(old_slots.size());
  std::sort(moved_.begin(), moved_.end(), [](const Moved& a, const Moved& b) { return a.id < b.id; });
  free_ = kNone;
  internal::ShrinkToFit(slots_);
  internal::ShrinkToFit(heap_);
  internal::ShrinkToFit(moved_);
  return old_slots;
}

void DelayHeap::Rise(const Node& node, size_t place) {
  while (place > 0 && Earlier(node, heap_[ParentOf(place)])) {
    Put(heap_[ParentOf(place)], place);
    place = ParentOf(place);
  }
  Put(node, place);
}

void DelayHeap::Sink(const Node& node, size_t place) {
  for (;;) {
    const size_t begin = FirstChildOf(place);
    const size_t end = std::min(begin + kChildren, heap_.size());
    size_t least = begin;
    for (size_t child = begin + 1; child < end; ++child) {
      if (Earlier(heap_[child], heap_[least])) least = child;
    }
    if (begin >= heap_.size() || !Earlier(heap_[least], node)) break;
    Put(heap_[least], place);
    place = least;
  }
  Put(node, place);
}

void DelayHeap::Settle(const Node& node, size_t place) {
  if (place > 0 && Earlier(node, heap_[ParentOf(place)])) {
    Rise(node, place);
  } else {
    Sink(node, place);
  }
}

void DelayHeap::RelinkFree() {
  free_ = kNone;
  for (uint32_t slot = static_cast<uint32_t>(slots_.size()); slot-- > 0;) {
    if (slots_[slot].id != 0) continue;
    slots_[slot].place = free_;
    free_ = slot;
  }
}

}  // namespace kioto::internal
