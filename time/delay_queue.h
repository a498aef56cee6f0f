// DelayQueue<T>: values, each with a moment when it comes out again: time-outs of many things behind one timer.
//
//   time::DelayQueue<SessionId> expiry;
//   time::DelayKey key = expiry.Insert(id, 30min);
//   expiry.Reset(key, 30min);                                               // it was used again
//   SelectBiased(Case(Next(expiry), [&](auto& out) { sessions.erase(out->value); }).When(!expiry.empty()),
//                Case(requests.Recv(), …))
//   expiry.Remove(key);                                                     // it ended by itself
//
// It is a stream of Expired, earliest deadline first, equal ones in the order of insertion. When nothing is left in it the
// stream says nullopt, at once, but may be asked again: whoever was told so is woken by the next insertion. So in a Select in
// a loop its case is off while the queue is empty: else it wins every round.
//
// A delay counts from the call, on the clock of the runtime entered on the thread. Never early; late by up to a millisecond,
// the grain of timers. No delay is too long; one that is over already comes out at the next poll.
//
// COST        Insert, Reset, Remove: O(log n), no timer, no lock; an insertion behind all others is one comparison.
//             PollExpired: one timer for the earliest entry.
// CANCEL SAFE: yes: what a dropped Next has not given is still in it. THREADS: one at a time. Pinned from its first poll.
#ifndef KIOTO_TIME_DELAY_QUEUE_H_
#define KIOTO_TIME_DELAY_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/time/instant.h"
#include "kioto/time/internal/delay_alarm.h"
#include "kioto/time/internal/delay_heap.h"

namespace kioto::time {

template <class T>
class DelayQueue {
 public:
  using Key = DelayKey;
  // What came out: its key no longer names anything.
  struct Expired {
    T value;
    Instant deadline;
    Key key;
  };
  using Item = Expired;

  DelayQueue() = default;
  // With room for so many.
  explicit DelayQueue(size_t capacity) { Reserve(capacity); }
  DelayQueue(DelayQueue&&) = default;  // before the first poll

  template <class Rep, class Period>
  Key Insert(T value, std::chrono::duration<Rep, Period> delay) {
    return InsertAt(std::move(value), Instant::Now() + delay);
  }
  // Wakes the waiting task if this is now the earliest.
  Key InsertAt(T value, Instant deadline) {
    const uint32_t slot = heap_.Add(deadline.nanos());
    if (slot == values_.size()) {
      values_.emplace_back(std::move(value));
    } else {
      values_[slot].emplace(std::move(value));
    }
    const Key key = heap_.KeyOf(slot);
    if (heap_.top() == slot) alarm_.Changed();
    return key;
  }

  // Another deadline for an entry that is in the queue (checked). Wakes the waiting task if the earliest deadline changes.
  template <class Rep, class Period>
  void Reset(Key key, std::chrono::duration<Rep, Period> delay) {
    ResetAt(key, Instant::Now() + delay);
  }
  void ResetAt(Key key, Instant deadline) {
    const uint32_t slot = SlotOf(key, "DelayQueue::Reset: there is no entry of this key: it came out, or was removed");
    const int64_t before = heap_.due(heap_.top());
    heap_.Move(slot, deadline.nanos());
    if (heap_.due(heap_.top()) != before) alarm_.Changed();
  }

  // Takes an entry out before its time: one that is in the queue (checked).
  Expired Remove(Key key) {
    return Take(SlotOf(key, "DelayQueue::Remove: there is no entry of this key: it came out, or was removed before"));
  }
  // The same; nullopt if there is no such entry.
  std::optional<Expired> TryRemove(Key key) {
    const uint32_t slot = heap_.Find(key);
    if (slot == kioto::internal::DelayHeap::kNone) return std::nullopt;
    return Take(slot);
  }
  // Ends all entries. A waiting task is woken, as by the removal of the last one.
  void Clear() {
    if (empty()) return;
    std::vector<std::optional<T>> values = std::exchange(values_, {});  // they end last: a destructor may use the queue
    heap_.Clear();
    alarm_.Changed();
    values.clear();
    if (values_.capacity() == 0) values_ = std::move(values);  // the memory stays
  }

  // The entry that comes out next, whether or not its time has come.
  std::optional<Key> Peek() const {
    if (empty()) return std::nullopt;
    return heap_.KeyOf(heap_.top());
  }
  bool Contains(Key key) const { return heap_.Find(key) != kioto::internal::DelayHeap::kNone; }
  // Of an entry that is in the queue (checked).
  Instant Deadline(Key key) const {
    return Instant::FromNanos(
        heap_.due(SlotOf(key, "DelayQueue::Deadline: there is no entry of this key: it came out, or was removed")));
  }

  // The next entry whose time has come; nullopt if there is none at all. Pending: the waker will be woken when the time of
  // the earliest comes, or when another one becomes the earliest.
  Poll<std::optional<Expired>> PollExpired(Context& cx) {
    const uint32_t top = heap_.top();
    const int64_t due = top == kioto::internal::DelayHeap::kNone ? kioto::internal::DelayAlarm::kNothing : heap_.due(top);
    switch (alarm_.Poll(cx, due)) {
      case kioto::internal::DelayAlarm::State::kPending:
        return kPending;
      case kioto::internal::DelayAlarm::State::kNothing:
        return std::optional<Expired>();
      case kioto::internal::DelayAlarm::State::kDue:
        break;
    }
    return std::optional<Expired>(Unlink(top));
  }
  // The same, as a stream.
  Poll<std::optional<Expired>> PollNext(Context& cx) { return PollExpired(cx); }

  size_t size() const { return heap_.size(); }
  bool empty() const { return heap_.size() == 0; }

  // Entries that there is room for. Reserve: for so many more than there are; at most 2^30 - 1 in all (checked).
  size_t capacity() const { return heap_.capacity(); }
  void Reserve(size_t additional) {
    heap_.Reserve(size() + additional);
    values_.reserve(size() + additional);
  }
  // Gives memory back, as far as it can be done without moving entries. Keys stay as they are.
  void ShrinkToFit() {
    heap_.ShrinkToFit();
    values_.resize(heap_.slots());
    internal::ShrinkToFit(values_);
  }
  // Gives all memory back but that of the entries, in O(n log n). Keys stay valid; looking them up costs O(log n) then.
  void Compact() {
    std::vector<std::optional<T>> values;
    values.reserve(size());
    for (uint32_t old_slot : heap_.Compact()) values.push_back(std::move(values_[old_slot]));
    values_ = std::move(values);
  }

 private:
  uint32_t SlotOf(Key key, const char* sentence) const {
    const uint32_t slot = heap_.Find(key);
    KIOTO_CHECK(slot != kioto::internal::DelayHeap::kNone, sentence);
    return slot;
  }
  Expired Take(uint32_t slot) {
    Expired expired = Unlink(slot);
    if (empty()) alarm_.Changed();
    return expired;
  }
  Expired Unlink(uint32_t slot) {
    Expired expired{*std::move(values_[slot]), Instant::FromNanos(heap_.due(slot)), heap_.KeyOf(slot)};
    heap_.Remove(slot);
    values_[slot].reset();
    return expired;
  }

  kioto::internal::DelayHeap heap_;
  std::vector<std::optional<T>> values_;  // by slot; as long as the heap has slots
  kioto::internal::DelayAlarm alarm_;
};

}  // namespace kioto::time

#endif  // KIOTO_TIME_DELAY_QUEUE_H_
