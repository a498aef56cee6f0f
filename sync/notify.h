// Notify: tells tasks that something happened, without saying what. The state itself lies elsewhere.
//
//   sync::Notify changed;                  // a member, or a state of a With, InPlace<sync::Notify>(): the futures borrow it
//   Loop([&] {                             // waits until there is something to take
//     return With(changed.Notified(), [&](sync::NotifiedFuture& notified) {
//       notified.Enable();                                              // first it counts,
//       return If(TryTake(), Break, [&] { return ByRef(notified); });   // second it looks
//     });
//   })
//   changed.NotifyOne();                   // whoever has waited longest looks again: or the next one who comes
//
// A Notified() that is made after the look misses a NotifyAll between the two. A NotifyOne is kept, but of several that find
// nobody only one: so where more than one waits for it each calls Enable before it looks.
//
// STATE       one 64-bit word: bits 0..1 kEmpty | kWaiting (the list has somebody) | kPermit (one stored NotifyOne);
//             bit 2 kLocked; bits 3..63 the round: the number of NotifyAll so far. A waiter keeps the round in which it
//             was made, and a waiter's signal: kNone -> kOne | kLast | kAll, once.
// OWNERSHIP   the word: anybody's by CAS while it is not kLocked, the locker's while it is: it unlocks by a plain store.
//             The list, and what is linked in it: the lock's. A waiter's waker: the lock's while its signal is kNone;
//             moved out before the signal. A waiter whose signal is set belongs to its task alone: nobody looks at it
//             again.
// RACES       R1 NotifyOne against a waiter that is about to link: both take the word by CAS. Second, the waiter finds
//                the permit; second, the notifier finds kWaiting.
//             R2 NotifyAll takes the whole list to its stack and wakes in rounds, without the lock between them. A
//                waiter in it that is polled sees by the round that it was meant, unlinks itself and is done; a waiter
//                that is dropped unlinks itself. What is linked meanwhile is of the new round, and in the other list.
//             R3 a waiter is dropped between its signal and its poll: a kOne or kLast goes on to the next waiter, or
//                back into the word; a kAll was for it alone.
//             R4 NotifyLinked against a waiter that links and looks after that: each does its own first (a seq_cst operation
//                on what is looked at; Lock) and then looks at the other's, seq_cst: one of them at least sees the other. A
//                poll that was refused for its budget has not linked.
// COST        RMWs: NotifyOne 1, and the wake 1; NotifyAll 1, NotifyLinked 0 with nobody there. Notified: 1 with a permit; to
//             wait 1, and a reference (see Context::CloneWaker); polled again 0 (unless by another task).
#ifndef KIOTO_SYNC_NOTIFY_H_
#define KIOTO_SYNC_NOTIFY_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::sync {

class Notify;

// Ready when it was notified. It counts for NotifyAll from the moment when it was made, for NotifyOne from its first
// poll or Enable. CANCEL SAFE of Notify::Notified(): loses place; a NotifyOne that it had got, but not given out, goes to the next.
// Borrows its Notify.
class [[nodiscard]] NotifiedFuture : public FutureBase<NotifiedFuture, Unit> {
 public:
  explicit NotifiedFuture(Notify& notify);
  // Before the first poll or Enable only.
  NotifiedFuture(NotifiedFuture&& other) noexcept : notify_(other.notify_), round_(other.round_), step_(other.step_) {
    KIOTO_CHECK(step_ != Step::kLinked, "a Notified() was moved after its first poll or Enable()");
  }
  NotifiedFuture& operator=(NotifiedFuture&&) = delete;
  ~NotifiedFuture() {
    if (step_ == Step::kLinked) Cancel();
  }

  void Describe(WaitTrace& trace) const { trace.Leaf("Notify::Notified"); }
  Poll<Unit> PollOnce(Context& cx) {
    if (cx.budget_spent()) {
      (void)cx.ConsumeBudget();
      return kPending;
    }
    if (!Advance(&cx)) return kPending;
    (void)cx.ConsumeBudget();
    return Unit{};
  }

  // Joins the queue (or takes the stored permit) now, without a waker. Whether it is notified already.
  bool Enable() { return Advance(nullptr); }

 private:
  friend class Notify;

  enum class Step : uint8_t { kNew, kLinked, kDone };
  enum Signal : uint8_t { kNone, kOne, kLast, kAll };

  struct Waiter : base::ListNode<> {
    explicit Waiter(Waker waker) : waker(std::move(waker)) {}
    base::Atomic<uint8_t> signal{kNone};
    base::Cell<Waker> waker;
  };

  // Whether it was notified; else `cx`, unless it is null, will be woken.
  bool Advance(Context* cx) {
    if (step_ == Step::kNew) return Start(cx);
    if (step_ == Step::kDone) return true;
    if (waiter_.signal.load(std::memory_order_acquire) != kNone) return Unlinked();  // acquire: pairs with the notifier
    return Again(cx);
  }
  bool Start(Context* cx);
  // Linked, and a moment ago without a signal.
  bool Again(Context* cx);
  bool Done() {
    step_ = Step::kDone;
    return true;
  }
  bool Unlinked() {
    waiter_.~Waiter();
    return Done();
  }
  void Cancel();

  Notify* notify_;
  uint64_t round_;
  kioto::internal::WakeTarget* registered_ = nullptr;  // what waiter_.waker wakes; only ever compared
  Step step_ = Step::kNew;
  union {
    Waiter waiter_;  // made when it links: a future that is moved about, or finds a permit, has none
  };
};

// The same, and keeps its Notify alive. CANCEL SAFE of Notify::NotifiedOwned(): as Notified().
class [[nodiscard]] OwnedNotifiedFuture : public FutureBase<OwnedNotifiedFuture, Unit> {
 public:
  explicit OwnedNotifiedFuture(std::shared_ptr<Notify> notify) : notify_(std::move(notify)), notified_(*notify_) {}

  void Describe(WaitTrace& trace) const { notified_.Describe(trace); }
  Poll<Unit> PollOnce(Context& cx) { return notified_.PollOnce(cx); }
  bool Enable() { return notified_.Enable(); }

 private:
  std::shared_ptr<Notify> notify_;
  NotifiedFuture notified_;  // gone before its Notify
};

// Threads: any. It must outlive every call and every future made from it, but for the owned ones.
class Notify {
 public:
  Notify() = default;
  Notify(const Notify&) = delete;
  Notify& operator=(const Notify&) = delete;

  NotifiedFuture Notified() { return NotifiedFuture(*this); }
  // The same, with a future that keeps `notify` alive: for other tasks.
  static OwnedNotifiedFuture NotifiedOwned(std::shared_ptr<Notify> notify) {
    return OwnedNotifiedFuture(std::move(notify));
  }

  // Wakes the one that has waited longest. If nobody waits, the next one to wait will not: at most one such permit is
  // kept.
  void NotifyOne() { NotifyWith(NotifiedFuture::kOne); }
  // The same, but the one that came last: its memory is warm.
  void NotifyLast() { NotifyWith(NotifiedFuture::kLast); }
  // Wakes every Notified() that exists now, polled or not. Keeps nothing for later ones, and leaves a stored permit
  // alone.
  void NotifyAll();
  // Wakes at least those that wait already: that were Enabled, or polled with budget left. With nobody there it is a load, where
  // NotifyAll writes. For who makes its change by a seq_cst operation first, and whose waiters look by a seq_cst load after
  // their poll or Enable (R4).
  void NotifyLinked();

 private:
  friend class NotifiedFuture;
  using Waiter = NotifiedFuture::Waiter;

  static constexpr uint64_t kState = 3;
  static constexpr uint64_t kEmpty = 0;
  static constexpr uint64_t kWaiting = 1;
  static constexpr uint64_t kPermit = 2;
  static constexpr uint64_t kLocked = 4;
  static constexpr uint64_t kRoundOne = 8;

  static uint64_t StateOf(uint64_t word) { return word & kState; }
  static uint64_t RoundOf(uint64_t word) { return word & ~(kState | kLocked); }
  static uint64_t WithState(uint64_t word, uint64_t state) { return RoundOf(word) | state; }

  // Locks, from a word that was seen to be `word`; the word as it was before, without kLocked.
  uint64_t Lock(uint64_t word);
  // A word that is locked: waits a little, and looks again.
  uint64_t Await(int& spins) const;
  // Unlocks, and leaves `word`.
  void Unlock(uint64_t word) {
    // release: pairs with the acquire of whoever takes the word next.
    word_.store(word, KIOTO_ORDER("notify.unlock_order", std::memory_order_release));
  }
  // The word to unlock with, after somebody has left the list.
  uint64_t AfterLeaving(uint64_t word) const {
    return StateOf(word) == kWaiting && waiters_.empty() ? WithState(word, kEmpty) : word;
  }
  void NotifyWith(NotifiedFuture::Signal signal);

  base::Atomic<uint64_t> word_{kEmpty};
  base::IntrusiveList<Waiter> waiters_;
};

inline NotifiedFuture::NotifiedFuture(Notify& notify)
    // acquire: what was done before the NotifyAll that this future no longer counts for is seen by its task.
    : notify_(&notify), round_(Notify::RoundOf(notify.word_.load(std::memory_order_acquire))) {}

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_NOTIFY_H_
