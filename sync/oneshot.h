// Oneshot: one value, once, from one task or thread to another. One allocation.
//
//   auto answer = sync::Oneshot<int>();
//   Spawn(Compute(std::move(answer.sender))).Detach();      // ... sender.Send(42);
//   return std::move(answer.receiver).AndThen([](int& n) { ... });
//
// Threads: the sender and the receiver may live on different ones; each is used by one at a time.
// The word that they share, its states and races: internal/oneshot_core.h.
#ifndef KIOTO_SYNC_ONESHOT_H_
#define KIOTO_SYNC_ONESHOT_H_

#include <new>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/memory_cache.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/internal/oneshot_core.h"
#include "kioto/sync/internal/received.h"

namespace kioto::sync {
namespace internal {

template <class T>
struct OneshotBlock {
  static_assert(alignof(T) <= 16, "kioto: a oneshot's value is aligned to 16 bytes at most: send a unique_ptr to it");

  static OneshotBlock* New() { return new (base::CacheAllocate(sizeof(OneshotBlock))) OneshotBlock; }
  void Delete() {
    this->~OneshotBlock();
    base::CacheFree(this, sizeof(OneshotBlock));
  }
  T& value() { return *std::launder(reinterpret_cast<T*>(bytes)); }

  OneshotCore core;
  alignas(T) unsigned char bytes[sizeof(T)];
};

}  // namespace internal

template <class T>
struct OneshotChannel;
template <class T>
OneshotChannel<T> Oneshot();
template <class T>
class OneshotSender;

// Ready when the receiver has closed or is gone. CANCEL SAFE of OneshotSender::Closed(): yes. Borrows its sender.
template <class T>
class [[nodiscard]] OneshotClosed : public FutureBase<OneshotClosed<T>, Unit> {
 public:
  explicit OneshotClosed(OneshotSender<T>& sender) : sender_(&sender) {}
  OneshotClosed(OneshotClosed&& other) noexcept
      : sender_(other.sender_), waiting_(std::exchange(other.waiting_, false)) {}
  ~OneshotClosed() {
    if (waiting_ && sender_->block_ != nullptr) sender_->block_->core.DisarmClosed();
  }

  void Describe(WaitTrace& trace) const { trace.Leaf("oneshot::Closed"); }
  Poll<Unit> PollOnce(Context& cx) {
    if (sender_->IsClosed()) {
      if (!cx.ConsumeBudget()) return kPending;
      waiting_ = false;
      return Unit{};
    }
    waiting_ = true;
    if (!sender_->block_->core.PollClosed(cx.waker())) return kPending;
    waiting_ = false;
    return Unit{};
  }

 private:
  OneshotSender<T>* sender_;
  bool waiting_ = false;
};

// Dropped without a Send, it tells the receiver that nothing will come.
template <class T>
class OneshotSender {
 public:
  OneshotSender() = default;  // as if it had sent
  OneshotSender(OneshotSender&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  OneshotSender& operator=(OneshotSender&& other) noexcept {
    if (this != &other) {
      reset();
      block_ = std::exchange(other.block_, nullptr);
    }
    return *this;
  }
  ~OneshotSender() { reset(); }

  // Gives the value to the receiver; never waits. False: the receiver has closed or is gone, and `value` is as it was.
  // Either way the sender is used up. True does not mean that the value will be looked at.
  bool Send(T&& value) { return SendFrom<true>(value); }
  template <class U = T, std::enable_if_t<std::is_copy_constructible_v<U>, int> = 0>
  bool Send(const T& value) {
    return SendFrom<false>(value);
  }

  // Whether a Send is certain to fail.
  bool IsClosed() const { return block_ == nullptr || block_->core.rx_closed(); }
  // Ready when nobody waits for the value any more: stop computing it.
  OneshotClosed<T> Closed() { return OneshotClosed<T>(*this); }

  // Leaves without sending.
  void reset() {
    if (block_ == nullptr) return;
    if (block_->core.LeaveSender().last) block_->Delete();
    block_ = nullptr;
  }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  friend OneshotChannel<T> Oneshot<T>();
  friend class OneshotClosed<T>;
  explicit OneshotSender(internal::OneshotBlock<T>* block) : block_(block) {}

  template <bool kMove, class U>
  bool SendFrom(U& value) {
    if (IsClosed()) {
      reset();
      return false;
    }
    if constexpr (kMove) {
      new (block_->bytes) T(std::move(value));
    } else {
      new (block_->bytes) T(value);
    }
    if (block_->core.Send()) {
      block_ = nullptr;
      return true;
    }
    if constexpr (kMove) GiveBack(value);
    block_->value().~T();
    reset();
    return false;
  }
  void GiveBack(T& value) {
    if constexpr (std::is_move_assignable_v<T>) {
      value = std::move(block_->value());
    } else {
      value.~T();
      new (&value) T(std::move(block_->value()));
    }
  }

  internal::OneshotBlock<T>* block_ = nullptr;
};

// A future of the value: StatusOr<T> (T itself if T is a Status or a StatusOr; Status if T is Unit). The error is
// IsClosed: the sender is gone without sending, or this receiver was closed before it sent.
// CANCEL SAFE: yes, through ByRef: what is sent stays until it is taken. Dropped with a value in it, it destroys the
// value.
template <class T>
class [[nodiscard]] OneshotReceiver : public FutureBase<OneshotReceiver<T>, internal::Received<T>> {
  using View = internal::OneshotCore::View;

 public:
  using Output = internal::Received<T>;
  static constexpr bool kMovable = true;  // the waker lies in the block

  OneshotReceiver(OneshotReceiver&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  OneshotReceiver& operator=(OneshotReceiver&& other) noexcept {
    if (this != &other) {
      reset();
      block_ = std::exchange(other.block_, nullptr);
    }
    return *this;
  }
  ~OneshotReceiver() { reset(); }

  void Describe(WaitTrace& trace) const { trace.Leaf("oneshot::Receiver"); }
  Poll<Output> PollOnce(Context& cx) {
    KIOTO_CHECK(block_ != nullptr, "a oneshot's receiver was polled after it had given its answer");
    const View view = block_->core.Await(cx.waker());
    if (view == View::kPending || !cx.ConsumeBudget()) return kPending;
    return Take(view);
  }

  // The value, IsEmpty (not sent yet) or IsClosed.
  Output TryRecv() {
    if (block_ == nullptr) return ClosedError();
    const View view = block_->core.Look();
    return view == View::kPending ? Output(EmptyError()) : Take(view);
  }

  // A plain thread waits. Not on a thread that runs tasks.
  Output BlockingRecv() && { return internal::BlockingWait(std::move(*this)); }

  // From now on a Send fails; what was sent before can still be received.
  void Close() {
    if (block_ != nullptr) block_->core.Close();
  }
  // No value can be taken at this moment.
  bool IsEmpty() const { return block_ == nullptr || block_->core.Look() != View::kSent; }
  // The answer was given: it may not be polled again.
  bool IsTerminated() const { return block_ == nullptr; }

  void reset() {
    if (block_ == nullptr) return;
    const auto leave = block_->core.LeaveReceiver();
    if (leave.has_value) block_->value().~T();
    if (leave.last) block_->Delete();
    block_ = nullptr;
  }

 private:
  friend OneshotChannel<T> Oneshot<T>();
  explicit OneshotReceiver(internal::OneshotBlock<T>* block) : block_(block) {}

  // `view` is not kPending. The block is ours alone, unless we closed while the sender is still there.
  Output Take(View view) {
    if (view != View::kSent) {
      reset();
      return view == View::kTxGone ? ClosedError("the sender of a oneshot went away without sending")
                                   : ClosedError("the oneshot was closed by its receiver before anything was sent");
    }
    struct Freed {  // also when the move throws
      ~Freed() {
        block->value().~T();
        block->Delete();
      }
      internal::OneshotBlock<T>* block;
    } freed{std::exchange(block_, nullptr)};
    return internal::ToReceived<T>(std::move(freed.block->value()));
  }

  internal::OneshotBlock<T>* block_;
};

template <class T>
struct OneshotChannel {
  OneshotSender<T> sender;
  OneshotReceiver<T> receiver;
};

template <class T>
OneshotChannel<T> Oneshot() {
  auto* block = internal::OneshotBlock<T>::New();
  return {OneshotSender<T>(block), OneshotReceiver<T>(block)};
}

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_ONESHOT_H_
