// MpscChannel: a gate, a queue, and who is still there: the block that all handles of a channel share.
//
// STATE       `senders_`: see sender_count.h. Without strong ones the channel is over once it is drained.
//             `refs_`: 1 for all senders together, 1 for the receiver, 1 for each weak sender. At 0 the block goes.
//             `later_`: put off or not. While it is, its scope is the poll that serves the waiting senders at its end, and
//             it holds a reference.
// OWNERSHIP   `later_`: the poll's that its scope says; the receiver's while that is null. A receiver that travels to another
//             thread within the poll finds another scope than its own there, and serves at once.
//             what is in the queue belongs to the receiver; when it goes, it destroys what is published. What a sender
//             publishes later (it had a ticket or a permit) is destroyed with the block.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_CHANNEL_H_
#define KIOTO_SYNC_INTERNAL_MPSC_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/internal/mpsc_gate.h"
#include "kioto/sync/internal/sender_count.h"
#include "kioto/sync/notify.h"

namespace kioto::sync::internal {

template <class T, class Queue>
class MpscChannel {
 public:
  using Gate = typename Queue::Gate;
  using Slot = typename Queue::Slot;
  using Ticket = typename Gate::Ticket;

  template <class... Capacity>
  explicit MpscChannel(Capacity... capacity) : gate(capacity...), queue(capacity...) {}
  ~MpscChannel() { Drain(); }

  // --- handles ---

  void AddSender() { senders_.Add(); }
  bool TryAddSender() { return senders_.TryAdd(); }
  void DropSender() {
    if (!senders_.Drop()) return;
    gate.SendersGone();
    Unref();
  }
  void AddWeakSender() {
    senders_.AddWeak();
    refs_.fetch_add(1, std::memory_order_relaxed);  // relaxed: made from a handle that is held
  }
  void DropWeakSender() {
    senders_.DropWeak();
    Unref();
  }
  size_t senders() const { return senders_.strong(); }
  size_t weak_senders() const { return senders_.weak(); }
  void Unref() {
    // acq_rel: the last one sees all that the others did.
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // --- a sender with a ticket ---

  template <class U>
  void Put(Ticket ticket, U&& value) {
    struct Tell {  // also when the value's move throws: the receiver may sleep on this ticket
      ~Tell() { gate.Published(ticket); }
      Gate& gate;
      Ticket ticket;
    } tell{gate, ticket};
    queue.ForSend(ticket.position, gate).Put(std::forward<U>(value));
  }

  // --- the receiver ---

  // The slot of the next item, if it is published.
  Slot Next() {
    for (;;) {
      const auto head = gate.head();
      const Slot slot = queue.ForReceive(head);
      if (!slot) return Slot();
      switch (slot.Look()) {
        case Slot::kEmpty:
          return Slot();
        case Slot::kFull:
          return slot;
        case Slot::kSkipped:
          queue.Taken(slot, head);
          if (gate.Advance(head + 1)) gate.Serve();
      }
    }
  }
  // Waits for Next() to find something. kParked: pending; kOver: the end; else look again.
  MpscWait Await(Context& cx) {
    switch (const MpscWait wait = gate.Wait(cx, gate.head()); wait) {
      case MpscWait::kAgain:
      case MpscWait::kParked:
      case MpscWait::kOver:
        return wait;
      case MpscWait::kWaking:
        return Next() ? MpscWait::kAgain : MpscWait::kParked;
      case MpscWait::kWriting:
        break;
    }
    if (SpinForWriter()) return MpscWait::kAgain;
    base::YieldThread();  // the sender has lost its core: it may need this one
    cx.Yield();
    return MpscWait::kParked;
  }
  // A sender is between its ticket and its publishing: a few instructions, unless it has lost its core.
  bool SpinForWriter() {
    for (int spins = 0; spins < kSpins; ++spins) {
      if (Next()) return true;
      base::CpuRelax();
    }
    return static_cast<bool>(Next());
  }

  // The senders that wait get room at the end of the poll. False: they must get it now.
  bool PutOff(kioto::internal::PollScope& scope) {
    if (!gate.MayPutOff()) return false;
    kioto::internal::PollScope* now = later_.scope.load(std::memory_order_acquire);  // acquire: pairs with ServeLater
    if (now != nullptr) return now == &scope;
    later_.scope.store(&scope, std::memory_order_relaxed);  // relaxed: the receiver's, with which it travels
    refs_.fetch_add(1, std::memory_order_relaxed);          // relaxed: made from the receiver's
    scope.PutOff(&later_);
    return true;
  }

  // Takes items out, and says so to the gate once, at its end. Within a poll, if there is a scope.
  class Taking {
   public:
    explicit Taking(MpscChannel& channel, kioto::internal::PollScope* scope = nullptr)
        : channel_(channel), scope_(scope), head_(channel.gate.head()) {}
    Taking(const Taking&) = delete;
    Taking& operator=(const Taking&) = delete;
    ~Taking() {
      if (channel_.gate.Advance(head_) && (scope_ == nullptr || !channel_.PutOff(*scope_))) channel_.gate.Serve();
    }

    Slot Next() {
      const Slot slot = channel_.queue.ForReceive(head_);
      return slot && slot.Look() == Slot::kFull ? slot : Slot();
    }
    // `consume` gets the value, to move from.
    template <class Consume>
    void Take(Slot slot, Consume consume) {
      struct Emptied {  // also when the move throws: the item is gone then
        ~Emptied() {
          slot.value().~T();
          taking.channel_.queue.Taken(slot, taking.head_++);
        }
        Slot slot;
        Taking& taking;
      } emptied{slot, *this};
      consume(slot.value());
    }

   private:
    MpscChannel& channel_;
    kioto::internal::PollScope* const scope_;
    decltype(std::declval<Gate&>().head()) head_;
  };

  // Destroys all that is published.
  void Drain() {
    while (Slot slot = Next()) Taking(*this).Take(slot, [](T&) {});
  }

  Gate gate;
  Queue queue;

 private:
  static constexpr int kSpins = KIOTO_MODEL ? 1 : 50;  // about 2 µs

  struct Later : kioto::internal::PollEnd {
    explicit Later(MpscChannel* channel) : PollEnd(&ServeLater), channel(channel) {}
    MpscChannel* const channel;
    base::Atomic<kioto::internal::PollScope*> scope{nullptr};
  };
  static void ServeLater(kioto::internal::PollEnd* end) {
    auto* later = static_cast<Later*>(end);
    MpscChannel* channel = later->channel;
    later->scope.store(nullptr, std::memory_order_release);  // release: pairs with PutOff
    if (!KIOTO_MUTANT("mpsc.never_later")) channel->gate.Serve();
    channel->Unref();
  }

  Later later_{this};
  SenderCount senders_;
  base::Atomic<uint32_t> refs_{2};
};

// Ready when the receiver is closed or gone. CANCEL SAFE: yes. Borrows the sender.
template <class Gate>
class [[nodiscard]] MpscClosed : public FutureBase<MpscClosed<Gate>, Unit> {
 public:
  explicit MpscClosed(Gate& gate) : gate_(&gate), notified_(gate.closed_notify()) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("mpsc::Closed"); }
  Poll<Unit> PollOnce(Context& cx) {
    if (gate_->rx_closed()) {
      if (!cx.ConsumeBudget()) return kPending;
      return Unit{};
    }
    if (notified_.PollOnce(cx).pending()) return kPending;
    return Unit{};
  }

 private:
  Gate* gate_;
  NotifiedFuture notified_;  // made first, looked at second: a Close in between is seen
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_CHANNEL_H_
