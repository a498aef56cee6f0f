// Broadcast: every value to every receiver. A send never waits: a receiver that is too slow misses the oldest values,
// is told how many, and goes on.
//
//   sync::Broadcast<std::string> room;                    // a handle: copy it for every task that sends
//   auto inbox = room.Subscribe();                        // sees what is sent from now on
//   room.Send("hello");
//   inbox.Recv().AndThen([](std::string& said) { ... })   // IsLagged(status, &missed): go on; IsClosed: the end
//
// T is copied for each receiver, possibly on several threads at once, as copying a const T may always be; the last one
// who needs a value gets it by move. A value lives until the last receiver that was there at its send has got it,
// missed it, or gone. Copying, moving and destroying T must not use the same channel.
// Memory: capacity (rounded up to a power of two) times the size of a value, and a position for each receiver. A send and a receive
// allocate nothing.
// Threads: handles any, also one handle on several at once (but for reset and assignment); a receiver one at a time.
// States and races: internal/broadcast_core.h.
#ifndef KIOTO_SYNC_BROADCAST_H_
#define KIOTO_SYNC_BROADCAST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/internal/broadcast_core.h"
#include "kioto/sync/internal/broadcast_slot.h"
#include "kioto/sync/internal/held.h"
#include "kioto/sync/weak_sender.h"

namespace kioto::sync {

namespace internal {

template <class T>
class BroadcastChannel {
 public:
  explicit BroadcastChannel(size_t capacity) : core(capacity), slots_(new Slot[core.size()]) {}
  void Unref() {
    if (core.Unref()) delete this;
  }

  template <class U>
  size_t Send(U&& value) {
    const auto moment = core.TakePosition();
    if (moment.receivers == 0) return 0;
    Tell tell{core};
    SlotOf(moment.tail).Write(core.LapOf(moment.tail), moment.receivers, std::forward<U>(value));
    tell.threw = false;
    return moment.receivers;
  }

  // What a receiver finds that stands there: a value, IsLagged, IsClosed, or nothing yet. Moves it on. `slot_alone`: where nothing
  // is written there yet no look at what senders write at each send; before the receiver has waited, a whole look follows.
  Poll<StatusOr<T>> Receive(BroadcastPosition& position, bool slot_alone = false) {
    for (uint64_t next = position.next();;) {
      if (KIOTO_MUTANT("broadcast.early_move")) position.MoveTo(next + 1);
      Slot& slot = SlotOf(next);
      typename Slot::Found found;
      switch (slot.Begin(core.LapOf(next), found)) {
        case BroadcastWord::Look::kCopy:
          position.MoveTo(next + 1);
          return slot.Copy();
        case BroadcastWord::Look::kTake:
          position.MoveTo(next + 1);
          return slot.Take(found);
        case BroadcastWord::Look::kSkipped:
          position.MoveTo(++next);
          continue;
        case BroadcastWord::Look::kNotYet:
          if (slot_alone) return kPending;
          break;
        case BroadcastWord::Look::kOther:
          break;
      }
      const bool closed = core.senders() == 0;  // first: nothing is sent after it
      const uint64_t tail = core.Now().tail;
      if (tail - next > core.size()) {  // R3
        const uint64_t missed = tail - core.size() - next;
        position.MoveTo(next + missed);
        return StatusOr<T>(LaggedError(missed));
      }
      if (!closed) return kPending;
      if (next == tail) return StatusOr<T>(ClosedError("the broadcast has no sender any more"));
      // Something came between the look at the slot and the end: look again.
    }
  }

  // As WeakSenderOf needs them.
  bool TryAddSender() { return core.TryAddSender(); }
  void AddWeakSender() { core.AddWeakSender(); }
  void DropWeakSender() {
    if (core.DropWeakSender()) delete this;
  }
  size_t senders() const { return core.senders(); }
  size_t weak_senders() const { return core.weak_senders(); }

  // A receiver goes.
  void DropReceiver(BroadcastPosition& position) {
    const uint64_t tail = core.DropReceiver(position).tail;
    if (Slot::kCounted) {
      uint64_t next = position.next();
      if (tail - next > core.size()) next = tail - core.size();
      for (; next != tail; ++next) SlotOf(next).PassBy(core.LapOf(next));
    }
    Unref();
  }

  BroadcastCore core;

 private:
  using Slot = BroadcastSlot<T>;

  // Also when the copy throws (R1).
  struct Tell {
    ~Tell() {
      if (threw && KIOTO_MUTANT("broadcast.silent_throw")) return;
      core.sent().NotifyLinked();
    }
    BroadcastCore& core;
    bool threw = true;
  };

  Slot& SlotOf(uint64_t position) { return slots_[core.IndexOf(position)]; }

  const std::unique_ptr<Slot[]> slots_;
};

// CANCEL SAFE: yes. Borrows the receiver.
template <class T>
class [[nodiscard]] BroadcastRecv : public FutureBase<BroadcastRecv<T>, StatusOr<T>> {
 public:
  BroadcastRecv(BroadcastChannel<T>& channel, BroadcastPosition& position) : channel_(&channel), position_(&position) {}
  BroadcastRecv(BroadcastRecv&& other) noexcept : channel_(other.channel_), position_(other.position_) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("broadcast::Recv"); }
  Poll<StatusOr<T>> PollOnce(Context& cx) { return cx.budget_spent() ? Refused(cx) : Get(cx); }

 private:
  static Poll<StatusOr<T>> Refused(Context& cx) {
    (void)cx.ConsumeBudget();
    return kPending;
  }
  Poll<StatusOr<T>> Get(Context& cx) {
    Poll<StatusOr<T>> poll = channel_->Receive(*position_, /*slot_alone=*/true);
    if (poll.pending() && !notified_) LookAgain(poll);
    if (poll.pending() || notified_) Wait(cx, poll);
    if (poll.ready()) (void)cx.ConsumeBudget();
    return poll;
  }
  // A few looks more, for a value that a sender on another processor is about to bring: cheaper for both than a wait and a wake
  // (`tools/bench/compare --rows broadcast`). Twice as many the next time if one of them found it, else half.
  void LookAgain(Poll<StatusOr<T>>& poll) {
    const uint32_t looks = position_->patience();
    for (uint32_t look = 0; look < looks && poll.pending(); ++look) {
      base::CpuRelax();
      poll.Fill(channel_->Receive(*position_, /*slot_alone=*/true));
    }
    position_->Learn(/*found=*/poll.ready());
  }
  // Nothing has come yet, or something after a wait.
  void Wait(Context& cx, Poll<StatusOr<T>>& poll) {
    while (poll.pending()) {
      if (cx.budget_spent() && !KIOTO_MUTANT("broadcast.wait_without_budget")) {  // told with the last of it
        (void)cx.ConsumeBudget();
        return;
      }
      const bool waited = notified_.has_value();
      if (!waited) notified_.emplace(channel_->core.sent());
      const bool told = notified_->PollOnce(cx).ready();
      if (waited && !told) return;
      if (told) notified_.reset();
      poll.Fill(channel_->Receive(*position_));  // R5
    }
    notified_.reset();
  }

  BroadcastChannel<T>* channel_;
  BroadcastPosition* position_;
  std::optional<NotifiedFuture> notified_;
};

}  // namespace internal

template <class T>
class Broadcast;

template <class T>
class BroadcastReceiver {
 public:
  using RecvFuture = internal::BroadcastRecv<T>;

  BroadcastReceiver(BroadcastReceiver&& other) noexcept
      : channel_(std::exchange(other.channel_, nullptr)), position_(std::move(other.position_)) {}
  BroadcastReceiver& operator=(BroadcastReceiver&& other) noexcept {
    if (this != &other) {
      reset();
      channel_ = std::exchange(other.channel_, nullptr);
      position_ = std::move(other.position_);
    }
    return *this;
  }
  ~BroadcastReceiver() { reset(); }

  // The next value. IsLagged: values were missed, the next Recv gives the oldest that is left. IsClosed: all senders
  // are gone, and everything was received. CANCEL SAFE: yes.
  RecvFuture Recv() {
    auto& channel = *channel_;  // first: an empty receiver has no position either
    return RecvFuture(channel, *position_);
  }
  // The same without waiting: IsEmpty if there is nothing yet.
  StatusOr<T> TryRecv() {
    auto poll = channel_->Receive(*position_);
    if (poll.pending()) return EmptyError();
    return *std::move(poll);
  }
  // A plain thread waits. Not on a thread that runs tasks.
  StatusOr<T> BlockingRecv() { return internal::BlockingWait(Recv()); }

  // One more receiver, of what is sent from now on.
  BroadcastReceiver Resubscribe() const { return BroadcastReceiver(*channel_); }

  // Values sent that it has not received, those it has already missed among them.
  size_t size() const {
    const uint64_t tail = channel_->core.Now().tail;
    return tail - position_->next();
  }
  bool IsEmpty() const { return size() == 0; }
  // All senders are gone. There may still be values.
  bool IsClosed() const { return channel_->senders() == 0; }
  size_t SenderCount() const { return channel_->senders(); }
  size_t WeakSenderCount() const { return channel_->weak_senders(); }
  bool SameChannel(const BroadcastReceiver& other) const { return channel_ == other.channel_; }

  // Goes; values that only it needed are destroyed.
  void reset() {
    if (channel_ != nullptr) std::exchange(channel_, nullptr)->DropReceiver(*position_);
  }
  explicit operator bool() const { return channel_ != nullptr; }

 private:
  friend class Broadcast<T>;
  explicit BroadcastReceiver(internal::BroadcastChannel<T>& channel) : channel_(&channel) {
    channel.core.Ref();
    channel.core.AddReceiver(*position_);
  }

  internal::Held<internal::BroadcastChannel<T>> channel_;
  std::unique_ptr<internal::BroadcastPosition> position_ = std::make_unique<internal::BroadcastPosition>();
};

// A handle that does not keep the broadcast open: Upgrade makes one that does, while there is one. See weak_sender.h.
template <class T>
using WeakBroadcast = WeakSenderOf<Broadcast<T>, internal::BroadcastChannel<T>>;

template <class T>
class Broadcast {
 public:
  using Receiver = BroadcastReceiver<T>;
  using ClosedFuture = internal::BroadcastClosed;

  // `capacity` is 1 to 2^31.
  explicit Broadcast(size_t capacity = limits::kBroadcastCapacity) {
    static_assert(std::is_copy_constructible_v<T>,
                  "kioto: a Broadcast's T is copied for each receiver: use a std::shared_ptr<const T>");
    KIOTO_CHECK(capacity >= 1 && capacity <= (size_t{1} << 31), "sync::Broadcast: the capacity is 1 to 2^31");
    channel_ = new internal::BroadcastChannel<T>(capacity);
  }
  Broadcast(internal::BroadcastChannel<T>* channel, internal::TakeOver) : channel_(channel) {}
  Broadcast(const Broadcast& other) : channel_(other.channel_) {
    if (channel_ != nullptr) channel_->core.AddSender();
  }
  Broadcast(Broadcast&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  Broadcast& operator=(Broadcast other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~Broadcast() { reset(); }

  Receiver Subscribe() const { return Receiver(*channel_); }
  WeakBroadcast<T> Downgrade() const { return WeakBroadcast<T>(channel_); }

  // Never waits. Returns the number of receivers at this moment; 0: nobody is there, and `value` is as it was.
  size_t Send(T&& value) const { return channel_->Send(std::move(value)); }
  template <class U = T, std::enable_if_t<std::is_copy_constructible_v<U>, int> = 0>
  size_t Send(const T& value) const {
    return channel_->Send(value);
  }

  // Ready when there is no receiver. CANCEL SAFE: yes. Borrows the handle.
  ClosedFuture Closed() const { return ClosedFuture(channel_->core); }

  // Values that a receiver has still to get: as many as the slowest one has, but for those that it missed.
  size_t size() const { return channel_->core.Needed(); }
  bool IsEmpty() const { return size() == 0; }
  size_t ReceiverCount() const { return channel_->core.Now().receivers; }
  size_t SenderCount() const { return channel_->senders(); }
  size_t WeakSenderCount() const { return channel_->weak_senders(); }
  size_t Capacity() const { return channel_->core.size(); }
  bool SameChannel(const Broadcast& other) const { return channel_ == other.channel_; }

  // Lets go of the channel. When the last handle goes, receivers get what is left, then IsClosed.
  void reset() {
    internal::BroadcastChannel<T>* channel = std::exchange(channel_, nullptr);
    if (channel != nullptr && channel->core.DropSender()) channel->Unref();
  }
  explicit operator bool() const { return channel_ != nullptr; }

 private:
  internal::Held<internal::BroadcastChannel<T>> channel_;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_BROADCAST_H_
