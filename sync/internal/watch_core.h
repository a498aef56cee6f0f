// WatchCore: everything of a watch but the type of its value: the version, who is there, who waits, and the counted
// block in which the value lies. A value that was published is never changed again: a sender publishes another block.
//
// STATE       `state_`: kClosed (bit 0: all senders are gone) | the version (bits 1..63): how many values were told.
//             `value_`: the block of the last value; a block keeps the version at which it was published.
//             A receiver's seen version is its own: a plain word, compared with `state_`. kNever is no version.
// OWNERSHIP   `value_`: read and replaced under `lock_`, a few instructions; replaced only by whoever holds `writers_`,
//             who may therefore read it without `lock_`. A block: of all who hold a reference, to read; of the sender
//             that made it, until it is published. The channel holds one reference; the last one out destroys it.
//             `writers_`: one sender at a time; held while the function of a SendModify runs. No receiver takes it.
// RACES       R1 a receiver waits against a send: its Notified() is made first, the version looked at second; the sender
//                stores the version first, and notifies second.
//             R2 Borrow against a send: both under `lock_`: it gets the old block or the new one, with its version.
//             R3 the last sender goes against a receiver that looks: version and kClosed are one word: who sees the end
//                sees the last version too.
//             R4 a block's references go on several threads: the last decrement acquires what the others did.
//             R5 the last receiver goes against a send: the send finds it, or nobody, and then publishes nothing.
// COST        RMWs: a send 5 with nobody waiting (3 to lock, 1 to notify, 1 for the old block), and one block from the
//             thread's cache; Borrow 3; HasChanged none; Changed none if there is something new. Waiting: as Notify.
#ifndef KIOTO_SYNC_INTERNAL_WATCH_CORE_H_
#define KIOTO_SYNC_INTERNAL_WATCH_CORE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/notify.h"

namespace kioto::sync::internal {

// What every block begins with.
class WatchBlock {
 public:
  void Ref() {
    refs_.fetch_add(1, std::memory_order_relaxed);  // relaxed: made from a reference that is held, or under the lock
  }
  // True: the caller destroys it.
  bool Unref() {
    // acq_rel: R4
    return refs_.fetch_sub(1, KIOTO_ORDER("watch.unref_order", std::memory_order_acq_rel)) == 1;
  }
  uint64_t version() const { return version_; }

 private:
  friend class WatchCore;

  base::Atomic<uint32_t> refs_{1};
  uint64_t version_ = 0;  // written before it is published
};

class WatchCore {
 public:
  static constexpr uint64_t kClosed = 1;
  static constexpr uint64_t kOne = 2;
  static constexpr uint64_t kNever = kClosed;  // as a seen version: whatever is there is new

  // A sender has the channel's writing side to itself. Refuses a thread that has it already.
  class [[nodiscard]] Writing {
   public:
    explicit Writing(WatchCore& core);
    ~Writing();
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

   private:
    WatchCore& core_;
  };

  explicit WatchCore(WatchBlock* first) : value_(first) {}

  // The version, and whether all senders are gone.
  uint64_t state() const {
    return state_.load(std::memory_order_acquire);  // acquire: pairs with Publish and DropSender
  }
  static uint64_t VersionIn(uint64_t state) { return state & ~kClosed; }
  static bool ClosedIn(uint64_t state) { return (state & kClosed) != 0; }

  // A reference to the block that is there.
  WatchBlock* Borrow() const;
  // The block that is there, for whoever is Writing, or alone.
  WatchBlock* current() const { return value_.Read(); }
  // For whoever is Writing: `next` is there from now on, and is new to every receiver if `told`: call Tell after Writing.
  // Returns the block before, with the channel's reference.
  WatchBlock* Publish(WatchBlock* next, bool told);
  void Tell() { changed_.NotifyAll(); }

  void AddSender() {
    senders_.fetch_add(1, std::memory_order_relaxed);  // relaxed: made from a handle that is held
  }
  // True: the last one is gone.
  bool DropSender();
  size_t senders() const {
    return senders_.load(std::memory_order_relaxed);  // relaxed: a figure
  }
  void AddReceiver();
  void DropReceiver();
  size_t receivers() const {
    return receivers_.load(std::memory_order_acquire);  // acquire: pairs with DropReceiver
  }
  // True: the channel goes.
  bool Unref() {
    // acq_rel: the last one sees all that the others did.
    return refs_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  Notify& changed() { return changed_; }  // a value, or the end
  Notify& no_receiver() { return no_receiver_; }

 private:
  base::Atomic<uint64_t> state_{0};
  mutable base::SpinLock lock_;
  base::Cell<WatchBlock*> value_;
  base::Mutex writers_;
  base::Atomic<const void*> writer_{nullptr};  // the thread that holds `writers_`; it alone finds itself there
  base::Atomic<uint32_t> senders_{1};
  base::Atomic<uint32_t> receivers_{0};
  base::Atomic<uint32_t> refs_{1};  // all senders together, and each receiver
  Notify changed_;
  Notify no_receiver_;
};

// Waits for changes on behalf of a receiver.
class WatchWait {
 public:
  explicit WatchWait(WatchCore& core) : core_(&core) {}
  WatchWait(WatchWait&& other) noexcept : core_(other.core_) {}

  // Polls look(state): true, and this is done; else waits for the next change, and looks again.
  template <class Look>
  bool PollUntil(Context& cx, Look look) {
    for (;;) {
      if (look(core_->state())) {
        notified_.reset();
        return true;
      }
      if (!notified_) {
        notified_.emplace(core_->changed());
        if (!KIOTO_MUTANT("watch.look_once")) continue;  // R1
      }
      if (notified_->PollOnce(cx).pending()) return false;
      notified_.reset();
    }
  }

 private:
  WatchCore* core_;
  std::optional<NotifiedFuture> notified_;
};

// Ready with OK when there is something unseen, which is seen then; IsClosed at the end. CANCEL SAFE: yes. Borrows the
// receiver.
class [[nodiscard]] WatchChanged : public FutureBase<WatchChanged, Status> {
 public:
  WatchChanged(WatchCore& core, uint64_t& seen) : seen_(&seen), wait_(core) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("watch::Changed"); }
  Poll<Status> PollOnce(Context& cx);

 private:
  uint64_t* seen_;
  WatchWait wait_;
};

// Ready when there is no receiver. CANCEL SAFE: yes. Borrows the sender.
class [[nodiscard]] WatchClosed : public FutureBase<WatchClosed, Unit> {
 public:
  explicit WatchClosed(WatchCore& core) : core_(&core) {}
  WatchClosed(WatchClosed&& other) noexcept : core_(other.core_) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("watch::Closed"); }
  Poll<Unit> PollOnce(Context& cx);

 private:
  WatchCore* core_;
  std::optional<NotifiedFuture> notified_;
};

// The end, as a receiver gets it.
Status WatchEnd();

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_WATCH_CORE_H_
