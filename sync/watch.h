// Watch: the last value of something that changes, for everybody who looks. A receiver learns that there is a new value,
// and sees the latest; those in between it may miss.
//
//   sync::Watch<Config> config(Load());                      // a handle: copy it for every task that sends
//   auto seen = config.Subscribe();                          // the value of this moment counts as seen
//   config.Set(Load());                                      // or Send, which does nothing if nobody is there
//   config.SendModify([](Config& c) { c.workers = 8; });
//   seen.Changed().AndThen([&] { Apply(*seen.BorrowAndUpdate()); })    // IsClosed: no sender is left
//
// A Borrow holds a counted reference to the value as it was published, and no lock: it may be kept across waits and
// outlive the channel, senders never wait for it, and what it shows never changes. A value lives until it was replaced
// and the last Borrow of it has gone; the last one stays readable when all senders are gone.
// SendModify and SendIfModified change a copy, which then takes the value's place: T must be copyable for them, and a
// value that is expensive to copy is better a std::shared_ptr. While their function runs, other senders wait (their
// threads do) and receivers read the value before it; the function must neither wait nor send to the same watch.
// Several threads read a T at once, as a const T always may be read.
// Memory: one block for each value that is held. A send takes a block from its thread's cache, a receive none.
// Threads: handles any, also one handle on several at once (but for reset and assignment); a receiver one at a time; a
// WatchRef as a const T*. States and races: internal/watch_core.h.
#ifndef KIOTO_SYNC_WATCH_H_
#define KIOTO_SYNC_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/memory_cache.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/sync/internal/held.h"
#include "kioto/sync/internal/watch_core.h"

namespace kioto::sync {

template <class T>
class Watch;
template <class T>
class WatchReceiver;

namespace internal {

template <class T>
class WatchValue : public WatchBlock {
 public:
  template <class U>
  explicit WatchValue(U&& value) : value(std::forward<U>(value)) {}

  static WatchValue* Of(WatchBlock* block) { return static_cast<WatchValue*>(block); }
  static void Drop(WatchBlock* block) {
    if (block != nullptr && block->Unref()) delete Of(block);
  }

  static void* operator new(size_t size) { return base::CacheAllocate(size); }
  static void operator delete(void* block, size_t size) { base::CacheFree(block, size); }
  static void* operator new(size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
  static void operator delete(void* block, std::align_val_t alignment) { ::operator delete(block, alignment); }

  T value;
};

template <class T, class Predicate>
class WatchWaitFor;

}  // namespace internal

// A value, as it was when it was borrowed.
template <class T>
class [[nodiscard]] WatchRef {
 public:
  WatchRef(WatchRef&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), has_changed_(other.has_changed_) {}
  WatchRef& operator=(WatchRef&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(has_changed_, other.has_changed_);
    return *this;
  }
  ~WatchRef() { internal::WatchValue<T>::Drop(block_); }

  const T& operator*() const { return block_->value; }
  const T* operator->() const { return &block_->value; }
  // Whether the receiver that borrowed it had not seen it yet. A sender has seen all.
  bool HasChanged() const { return has_changed_; }

 private:
  friend class Watch<T>;
  friend class WatchReceiver<T>;
  template <class U, class Predicate>
  friend class internal::WatchWaitFor;

  // Takes the reference over.
  explicit WatchRef(internal::WatchBlock* block) : block_(internal::WatchValue<T>::Of(block)) {}
  WatchRef(internal::WatchBlock* block, uint64_t seen) : WatchRef(block) { has_changed_ = version() != seen; }
  uint64_t version() const { return block_->version(); }

  internal::WatchValue<T>* block_;
  bool has_changed_ = false;
};

namespace internal {

template <class T>
class WatchChannel {
 public:
  template <class U>
  explicit WatchChannel(U&& value) : core(new WatchValue<T>(std::forward<U>(value))) {}
  ~WatchChannel() { WatchValue<T>::Drop(core.current()); }
  void Unref() {
    if (core.Unref()) delete this;
  }

  template <class U>
  WatchBlock* Send(U&& value) {
    auto* const next = new WatchValue<T>(std::forward<U>(value));
    WatchBlock* old;
    {
      WatchCore::Writing writing(core);
      old = core.Publish(next, /*told=*/true);
    }
    core.Tell();
    return old;
  }

  // What fn has changed is published if it throws, too, and told if it returns true.
  template <class Fn>
  bool Modify(Fn& fn) {
    struct Old {
      ~Old() { WatchValue<T>::Drop(block); }
      WatchBlock* block = nullptr;
    } old;  // dropped when nothing is held
    bool told = false;
    {
      WatchCore::Writing writing(core);
      auto* const next = new WatchValue<T>(std::as_const(WatchValue<T>::Of(core.current())->value));
      struct Publishing {
        ~Publishing() { old.block = core.Publish(next, told); }
        WatchCore& core;
        WatchBlock* next;
        Old& old;
        bool& told;
      } publishing{core, next, old, told};
      told = fn(next->value);
    }
    if (told) core.Tell();
    return told;
  }

  WatchCore core;
};

// CANCEL SAFE: yes. Borrows the receiver; what its predicate refused counts as seen.
template <class T, class Predicate>
class [[nodiscard]] WatchWaitFor : public FutureBase<WatchWaitFor<T, Predicate>, StatusOr<WatchRef<T>>> {
 public:
  WatchWaitFor(WatchCore& core, uint64_t& seen, Predicate predicate)
      : core_(&core), seen_(&seen), predicate_(std::move(predicate)), wait_(core) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("watch::WaitFor"); }
  Poll<StatusOr<WatchRef<T>>> PollOnce(Context& cx) {
    if (cx.budget_spent()) {
      (void)cx.ConsumeBudget();
      return kPending;
    }
    std::optional<StatusOr<WatchRef<T>>> result;
    if (!wait_.PollUntil(cx, [&](uint64_t state) { return Look(state, result); })) return kPending;
    (void)cx.ConsumeBudget();
    return *std::move(result);
  }

 private:
  bool Look(uint64_t state, std::optional<StatusOr<WatchRef<T>>>& result) {
    if (WatchCore::VersionIn(state) != tested_) {
      WatchRef<T> value(core_->Borrow(), *seen_);
      *seen_ = tested_ = value.version();
      if (kioto::internal::Invoke(predicate_, *value)) {
        result.emplace(std::move(value));
        return true;
      }
    }
    if (!WatchCore::ClosedIn(state)) return false;  // seen before the borrow: then that was the last value
    result.emplace(WatchEnd());
    return true;
  }

  WatchCore* core_;
  uint64_t* seen_;
  uint64_t tested_ = WatchCore::kNever;
  Predicate predicate_;
  WatchWait wait_;
};

}  // namespace internal

// A copy has seen what the original has.
template <class T>
class WatchReceiver {
 public:
  using ChangedFuture = internal::WatchChanged;

  WatchReceiver(const WatchReceiver& other) : channel_(other.channel_), seen_(other.seen_) {
    if (channel_ != nullptr) channel_->core.AddReceiver();
  }
  WatchReceiver(WatchReceiver&& other) noexcept
      : channel_(std::exchange(other.channel_, nullptr)), seen_(other.seen_) {}
  WatchReceiver& operator=(WatchReceiver other) noexcept {
    std::swap(channel_, other.channel_);
    std::swap(seen_, other.seen_);
    return *this;
  }
  ~WatchReceiver() { reset(); }

  // The last value. Does not count it as seen.
  WatchRef<T> Borrow() const { return WatchRef<T>(channel_->core.Borrow(), seen_); }
  // The same, and it is seen.
  WatchRef<T> BorrowAndUpdate() {
    WatchRef<T> value = Borrow();
    if (!KIOTO_MUTANT("watch.borrow_unseen")) seen_ = value.version();
    return value;
  }

  // Ready when there is an unseen value, which counts as seen then: OK. IsClosed: all senders are gone, and the last
  // value is seen. CANCEL SAFE: yes.
  ChangedFuture Changed() { return ChangedFuture(channel_->core, seen_); }
  // The first value, from the present one on, seen or not, of which predicate(const T&) is true; it and those before it
  // are seen then. IsClosed: all senders are gone, and it was false of the last value, too. The predicate may use the
  // watch. CANCEL SAFE: yes.
  template <class Predicate>
  auto WaitFor(Predicate predicate) {
    constexpr bool tells = std::is_invocable_r_v<bool, Predicate&, const T&>;
    static_assert(tells, "kioto: the predicate of WaitFor is called with const T& and returns a bool");
    if constexpr (tells) {
      return internal::WatchWaitFor<T, Predicate>(channel_->core, seen_, std::move(predicate));
    } else {
      return kioto::internal::Poison{};
    }
  }

  // Whether there is an unseen value. IsClosed when all senders are gone, even if there is: Changed() and Borrow tell.
  StatusOr<bool> HasChanged() const {
    const uint64_t state = channel_->core.state();
    if (internal::WatchCore::ClosedIn(state)) return internal::WatchEnd();
    return internal::WatchCore::VersionIn(state) != seen_;
  }
  // The present value counts as unseen, or seen.
  void MarkChanged() { seen_ = internal::WatchCore::kNever; }
  void MarkUnchanged() { seen_ = internal::WatchCore::VersionIn(channel_->core.state()); }

  bool SameChannel(const WatchReceiver& other) const { return channel_ == other.channel_; }

  void reset() {
    if (channel_ == nullptr) return;
    channel_->core.DropReceiver();
    std::exchange(channel_, nullptr)->Unref();
  }
  explicit operator bool() const { return channel_ != nullptr; }

 private:
  friend class Watch<T>;
  explicit WatchReceiver(internal::WatchChannel<T>& channel) : channel_(&channel) {
    channel.core.AddReceiver();
    MarkUnchanged();
  }

  internal::Held<internal::WatchChannel<T>> channel_;
  uint64_t seen_;  // a version, or kNever
};

template <class T>
class Watch {
 public:
  using Receiver = WatchReceiver<T>;
  using Ref = WatchRef<T>;
  using ClosedFuture = internal::WatchClosed;

  // The value of `T()`, or the one given. It counts as seen.
  Watch() : Watch(T()) {}
  explicit Watch(T value) : channel_(new internal::WatchChannel<T>(std::move(value))) {}
  Watch(const Watch& other) : channel_(other.channel_) {
    if (channel_ != nullptr) channel_->core.AddSender();
  }
  Watch(Watch&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  Watch& operator=(Watch other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~Watch() { reset(); }

  // One more receiver, for which the value of this moment is seen. Also when there was none for a while.
  Receiver Subscribe() const { return Receiver(*channel_); }
  Ref Borrow() const { return Ref(channel_->core.Borrow()); }

  // False: nobody is there, and `value` is as it was. Set keeps it for those who come.
  [[nodiscard]] bool Send(T&& value) const { return SendAny(std::move(value)); }
  template <class U = T, std::enable_if_t<std::is_copy_constructible_v<U>, int> = 0>
  [[nodiscard]] bool Send(const T& value) const {
    return SendAny(value);
  }
  // Also when nobody is there. SendReplace returns the value before.
  void Set(T value) const { internal::WatchValue<T>::Drop(channel_->Send(std::move(value))); }
  Ref SendReplace(T value) const { return Ref(channel_->Send(std::move(value))); }
  // fn(T&) changes the value, which is new to everybody then. If it throws, what it changed is there, but not told.
  template <class Fn>
  void SendModify(Fn fn) const {
    auto told = [&fn](T& value) {
      fn(value);
      return true;
    };
    (void)SendIfModified(told);
  }
  // The same, but new only if fn returns true; what it changed is there for a Borrow in any case. Returns what fn did.
  template <class Fn>
  bool SendIfModified(Fn fn) const {
    static_assert(std::is_copy_constructible_v<T>,
                  "kioto: SendModify and SendIfModified change a copy of the value: use SendReplace, or a Watch of a "
                  "std::shared_ptr");
    if constexpr (std::is_copy_constructible_v<T>) {
      return channel_->Modify(fn);
    } else {
      return false;
    }
  }

  // Ready when there is no receiver. One that comes and goes in between may be missed. CANCEL SAFE: yes. Borrows the
  // handle.
  ClosedFuture Closed() const { return ClosedFuture(channel_->core); }
  // There is no receiver now; Subscribe makes one.
  bool IsClosed() const { return ReceiverCount() == 0; }

  size_t ReceiverCount() const { return channel_->core.receivers(); }
  size_t SenderCount() const { return channel_->core.senders(); }
  bool SameChannel(const Watch& other) const { return channel_ == other.channel_; }

  // Lets go of the channel. When the last handle goes, receivers get what they have not seen, then IsClosed.
  void reset() {
    internal::WatchChannel<T>* channel = std::exchange(channel_, nullptr);
    if (channel != nullptr && channel->core.DropSender()) channel->Unref();
  }
  explicit operator bool() const { return channel_ != nullptr; }

 private:
  template <class U>
  bool SendAny(U&& value) const {
    if (IsClosed()) return false;  // R5
    internal::WatchValue<T>::Drop(channel_->Send(std::forward<U>(value)));
    return true;
  }

  internal::Held<internal::WatchChannel<T>> channel_;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_WATCH_H_
