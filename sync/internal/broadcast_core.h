// BroadcastCore: everything of a broadcast but the values: positions, who is there, who waits. And BroadcastSlot's
// word.
//
// STATE       `state_`: receivers (bits 0..19) | tail, the position of the next value (bits 20..63), in one word: so a
//             send knows exactly who will need its value, and a new receiver exactly where it begins.
//             A position's slot is position % size, its lap position / size. The first position is `size`, so lap 0
//             means "never written".
//             A slot's word: needed by so many receivers (bits 0..19) | so many are copying it now (bits 20..31) |
//             kFull | kBusy | lap (bits 34..63). Of plain words (broadcast_slot.h) nothing is counted.
//             `positions_`: where each receiver stands, for size(). Only the receiver writes its own.
// OWNERSHIP   the value: shared by those who copy it; of him alone who has set kBusy: the sender that writes over it,
//             or the last one who needs it, and takes it out. Values are destroyed after kBusy is gone.
//             the list of positions: under its lock. A position's `patience_`: its receiver's.
// RACES       R1 a sender has its position, its slot not yet written: a receiver that comes there finds the older lap,
//                and waits; every sender notifies after its own store, also one whose value can not be made.
//             R2 a sender comes to a slot that somebody copies, or whose sender of the lap before is not done: it
//                spins, then gives its core away. It takes a receiver that is a whole lap behind.
//             R3 a receiver is too slow: it finds a later lap, or kBusy, in its slot, and the tail, which was moved before, tells
//                what it missed. The lap before says that nothing was sent yet, or that 2^30 laps were missed: the tail is
//                looked at before a receiver waits, or is told that there is nothing.
//             R4 a receiver joins or goes against a send: both are RMWs of `state_`: the send counts it, or not.
//             R5 a receiver waits, and looks at the slot once more; a sender publishes, and looks whether anybody waits. All
//                seq_cst: one of them sees the other (Notify's R4). A poll that its budget lets not wait has not waited.
//             R6 plain words are read while a sender may write over them. It has set kBusy before; its stores of the words release,
//                the reader's loads acquire, so a reader that met one of them finds another slot's word when it looks again, and
//                throws away what it read (a seqlock). The lap would have to wrap, 2^30 laps, for it to be deceived.
//             R7 a lone sender that keeps size() below the capacity overtakes nobody: a receiver moves its position on when it has
//                the value (or has said that it copies or takes it, for which the sender waits), and size() sees no later one.
// COST        RMWs: a send 3, of plain words 2 (a seq_cst store is one); a receive 2, by the last of all 1, which moves instead
//             of copying; of plain words none. A receiver that finds nothing looks a few times at its slot alone before it
//             waits: a wait and a wake are several RMWs, on lines that the sender needs.
//             Waiting: as Notify. size(), Subscribe and a receiver's going: a lock; size() looks at each receiver's position.
#ifndef KIOTO_SYNC_INTERNAL_BROADCAST_CORE_H_
#define KIOTO_SYNC_INTERNAL_BROADCAST_CORE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/internal/sender_count.h"
#include "kioto/sync/notify.h"

namespace kioto::sync::internal {

// The word of a slot.
class BroadcastWord {
 public:
  enum class [[nodiscard]] Look{
      kCopy,     // copy it, then FinishCopy
      kTake,     // it is the caller's alone: take it out, then FinishTake
      kSkipped,  // its sender failed to make it: go on
      kNotYet,   // it is the next one to be written there, or 2^30 laps of values were missed
      kOther,    // not there: written over, or several laps away
  };

  // The receiver at lap `lap`.
  Look Begin(uint64_t lap);
  // Of plain words: whether the value of lap `lap` is there, as a receiver looks before it reads it, and again behind.
  Look Peek(uint64_t lap) const {
    // seq_cst: pairs with Publish (R5, R6); acquire is the mutant that loses a wake
    const auto order = KIOTO_MUTANT("broadcast.weak_look") ? std::memory_order_acquire : std::memory_order_seq_cst;
    const uint64_t word = word_.load(order);
    if ((word & (kLap | kBusy)) != LapBits(lap)) return Missing(word, lap);
    return (word & kFull) != 0 ? Look::kTake : Look::kSkipped;
  }
  // True: it was the last one, and the value is its alone: take it out, then FinishTake.
  bool FinishCopy();
  // A receiver goes by without looking: true as in FinishCopy.
  bool PassBy(uint64_t lap);
  void FinishTake() {
    // relaxed: kBusy is ours, nobody else writes. release: pairs with the sender's acquire.
    word_.store(word_.load(std::memory_order_relaxed) & kLap, std::memory_order_release);
  }

  // The sender at lap `lap`, from kBusy to Publish. Returns whether an older value lies there, to be taken out.
  bool BeginWrite(uint64_t lap);
  // The same of plain words, whose receivers write nothing: from the end of the lap before until Publish the word is the
  // sender's.
  void BeginWords(uint64_t lap);
  void Publish(uint64_t lap, uint64_t needed, bool full) {
    // seq_cst: pairs with Begin and Peek, and a waiter's second look (R5)
    const auto order = KIOTO_ORDER("broadcast.publish_order", std::memory_order_seq_cst);
    // release: pairs with the same; the mutant that loses a wake
    const auto weak = std::memory_order_release;
    word_.store(LapBits(lap) | (full ? needed | kFull : 0), KIOTO_MUTANT("broadcast.weak_publish") ? weak : order);
  }

  // Whether a value is there, for the destructor of the channel.
  bool full() const {
    return (word_.load(std::memory_order_relaxed) & kFull) != 0;  // relaxed: nobody else is there
  }

 private:
  static constexpr uint64_t kNeededOne = 1;
  static constexpr uint64_t kNeeded = (uint64_t{1} << 20) - 1;
  static constexpr uint64_t kCopyingOne = uint64_t{1} << 20;
  static constexpr uint64_t kCopying = ((uint64_t{1} << 12) - 1) << 20;
  static constexpr uint64_t kFull = uint64_t{1} << 32;
  static constexpr uint64_t kBusy = uint64_t{1} << 33;
  static constexpr int kLapShift = 34;
  static constexpr uint64_t kLap = ~uint64_t{0} << kLapShift;
  static uint64_t LapBits(uint64_t lap) { return lap << kLapShift; }
  // Why the value of `lap` is not in `word`.
  static Look Missing(uint64_t word, uint64_t lap) { return (word & kLap) == LapBits(lap - 1) ? Look::kNotYet : Look::kOther; }

  // One fewer needs it: kBusy for the last.
  bool Drop(uint64_t word, uint64_t change);

  base::Atomic<uint64_t> word_{0};
};

// Where a receiver stands: the position of the value that it gets next.
class alignas(64) BroadcastPosition : public base::ListNode<> {  // a cache line of its own: it is written at each receive
 public:
  // The receiver.
  uint64_t next() const {
    return next_.load(std::memory_order_relaxed);  // relaxed: its own
  }
  // After it has all before `next`. release: pairs with Seen (R7).
  void MoveTo(uint64_t next) { next_.store(next, std::memory_order_release); }
  // Anyone.
  uint64_t Seen() const {
    return next_.load(std::memory_order_acquire);  // acquire: pairs with MoveTo
  }

  // The receiver: how often it looks again before it waits.
  uint32_t patience() const { return patience_; }
  void Learn(bool found) {
    patience_ = found ? std::min(2 * patience_, kMostPatience) : std::max(patience_ / 2, kLeastPatience);
  }

 private:
  static constexpr uint32_t kLeastPatience = 1, kMostPatience = 8;

  base::Atomic<uint64_t> next_{0};
  uint32_t patience_ = kLeastPatience;
};

class BroadcastCore {
 public:
  // Taken by a send, or by a receiver that joins or goes.
  struct Moment {
    uint64_t tail;
    uint64_t receivers;
  };

  explicit BroadcastCore(size_t capacity);

  uint64_t size() const { return mask_ + 1; }
  uint64_t IndexOf(uint64_t position) const { return position & mask_; }
  uint64_t LapOf(uint64_t position) const { return position >> lap_shift_; }

  Moment Now() const {
    return MomentOf(state_.load(std::memory_order_acquire));  // acquire: pairs with every RMW of the word
  }
  // The position of one more value; receivers 0: nobody is there, and nothing was taken.
  Moment TakePosition();
  // A receiver that is to get what is sent from now on.
  void AddReceiver(BroadcastPosition& position);
  Moment DropReceiver(BroadcastPosition& position);
  // Values that the slowest receiver has still to get, without those that it has missed.
  size_t Needed() const;

  void AddSender() { senders_.Add(); }
  bool TryAddSender() { return senders_.TryAdd(); }
  // True: the last one is gone.
  bool DropSender();
  void AddWeakSender() {
    senders_.AddWeak();
    Ref();
  }
  // True: the block goes.
  bool DropWeakSender() {
    senders_.DropWeak();
    return Unref();
  }
  size_t senders() const { return senders_.strong(); }
  size_t weak_senders() const { return senders_.weak(); }
  void Ref() {
    refs_.fetch_add(1, std::memory_order_relaxed);  // relaxed: made from a reference that is held
  }
  // True: the block goes.
  bool Unref() {
    // acq_rel: the last one sees all that the others did.
    return refs_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  Notify& sent() { return sent_; }  // a value, or the end
  Notify& no_receiver() { return no_receiver_; }

 private:
  static constexpr int kTailShift = 20;
  static constexpr uint64_t kReceivers = (uint64_t{1} << kTailShift) - 1;
  static Moment MomentOf(uint64_t state) { return {state >> kTailShift, state & kReceivers}; }

  // What every receive reads lies in other cache lines than what every send writes, and who waits in one of its own.
  const uint64_t mask_;
  int lap_shift_;
  SenderCount senders_;
  base::Atomic<uint32_t> refs_{1};  // all senders together, each receiver, and each weak sender
  Notify no_receiver_;
  alignas(64) base::Atomic<uint64_t> state_;
  alignas(64) Notify sent_;
  alignas(64) mutable base::Mutex positions_lock_;
  mutable base::IntrusiveList<BroadcastPosition> positions_;
};

// Ready when there is no receiver. CANCEL SAFE: yes. Borrows the sender.
class [[nodiscard]] BroadcastClosed : public FutureBase<BroadcastClosed, Unit> {
 public:
  explicit BroadcastClosed(BroadcastCore& core) : core_(&core) {}
  BroadcastClosed(BroadcastClosed&& other) noexcept : core_(other.core_) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("broadcast::Closed"); }
  Poll<Unit> PollOnce(Context& cx);

 private:
  BroadcastCore* core_;
  std::optional<NotifiedFuture> notified_;
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_BROADCAST_CORE_H_
