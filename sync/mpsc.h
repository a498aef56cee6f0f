// Mpsc: a bounded queue from many senders to one receiver, first come first served. A send waits while it is full.
//
//   auto jobs = sync::Mpsc<Job>(/*capacity=*/32);
//   JoinHandle<Status> worker = Spawn(ForEach(std::move(jobs.receiver), [](Job& job) { ... }));
//   return TryJoin(With(std::move(jobs.sender), [](sync::MpscSender<Job>& jobs) { return jobs.Send(Job{...}); }),
//                  std::move(worker));       // the worker ends when the last sender has gone
//
// Send gives a future of Status, IsClosed if the receiver is gone. It borrows the sender: keep that, as With does here; for one
// value, std::move(sender).Send(value) gives the sender to the future.
//
// Memory: capacity (rounded up to a power of two) times the size of an item, once. A send and a receive allocate
// nothing.
// Order: values of one sender are received in the order of their sends; senders that wait are served in order of
// arrival, and none passes them. They get their room many at a time: while much is left to receive, at the end of the
// receiver's poll at the latest.
// Threads: senders any, also one handle on several at once (but for reset and assignment); the receiver one at a time.
// Protocol, states and races: internal/mpsc_gate.h, internal/mpsc_bounded_gate.h.
#ifndef KIOTO_SYNC_MPSC_H_
#define KIOTO_SYNC_MPSC_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/internal/held.h"
#include "kioto/sync/internal/mpsc_bounded_gate.h"
#include "kioto/sync/internal/mpsc_channel.h"
#include "kioto/sync/internal/mpsc_permit_future.h"
#include "kioto/sync/internal/mpsc_ring.h"
#include "kioto/sync/mpsc_receiver.h"
#include "kioto/sync/weak_sender.h"

namespace kioto::sync {

// Recv, RecvMany, Close and the rest: mpsc_receiver.h.
template <class T>
using MpscReceiver = MpscReceiverOf<T, internal::MpscRing<T>>;
template <class T>
class MpscSender;
template <class T>
class MpscOwnedPermit;
template <class T>
class MpscReserveOwned;
template <class T>
class MpscSendOwned;
// A handle that does not keep the channel open: Upgrade makes one that does, while there is one. See weak_sender.h.
template <class T>
using MpscWeakSender = WeakSenderOf<MpscSender<T>, internal::MpscChannel<T, internal::MpscRing<T>>>;

// Places in the queue that are kept for their owner; dropped, they are given back. Borrows the sender.
template <class T>
class [[nodiscard]] MpscPermits {
 public:
  MpscPermits(MpscPermits&& other) noexcept : channel_(other.channel_), count_(std::exchange(other.count_, 0)) {}
  MpscPermits& operator=(MpscPermits&& other) noexcept {
    if (this != &other) {
      Release();
      channel_ = other.channel_;
      count_ = std::exchange(other.count_, 0);
    }
    return *this;
  }
  ~MpscPermits() { Release(); }

  // Uses one. Never waits, never fails: what is sent by a permit is delivered even after the receiver has called
  // Close().
  void Send(T value) {
    KIOTO_CHECK(count_ > 0, "a channel's permit was used twice");
    --count_;
    channel_->Put(channel_->gate.Redeem(), std::move(value));
  }
  size_t size() const { return count_; }
  // Gives back what is left.
  void Release() {
    if (count_ > 0) channel_->gate.Return(std::exchange(count_, 0));
  }

 private:
  friend class MpscSender<T>;
  template <class, class>
  friend class internal::MpscReserve;
  using Channel = internal::MpscChannel<T, internal::MpscRing<T>>;

  MpscPermits(Channel& channel, size_t count) : channel_(&channel), count_(count) {}

  Channel* channel_;
  size_t count_;
};

// OK: the value is in the queue. IsClosed: the receiver is closed or gone, and the value is destroyed with the future.
// CANCEL SAFE of MpscSender::Send(): loses data: a value that was not sent is destroyed with the future, and the place is
// lost (with Reserve only the place). Borrows the sender.
template <class T>
class [[nodiscard]] MpscSend : public FutureBase<MpscSend<T>, Status> {
  using Channel = internal::MpscChannel<T, internal::MpscRing<T>>;

 public:
  static constexpr bool kLosesData = true;

  MpscSend(Channel& channel, T value) : channel_(&channel), value_(std::move(value)) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("mpsc::Send"); }
  Poll<Status> PollOnce(Context& cx) {
    if (cx.budget_spent()) {
      (void)cx.ConsumeBudget();
      return kPending;
    }
    typename internal::BoundedGate::Ticket ticket;
    if (!permit_.waiting()) {
      switch (channel_->gate.Enter(ticket)) {
        case internal::MpscEntry::kTicket:
          return Put(cx, ticket);
        case internal::MpscEntry::kClosed:
          return Closed(cx);
        case internal::MpscEntry::kFull:
          break;
      }
    }
    switch (permit_.Acquire(channel_->gate, 1, cx.waker())) {
      case internal::MpscPermit::kPending:
        return kPending;
      case internal::MpscPermit::kClosed:
        return Closed(cx);
      case internal::MpscPermit::kGranted:
        break;
    }
    return Put(cx, channel_->gate.Redeem());
  }

 private:
  Poll<Status> Put(Context& cx, typename internal::BoundedGate::Ticket ticket) {
    (void)cx.ConsumeBudget();
    channel_->Put(ticket, std::move(value_));
    return OkStatus();
  }
  static Poll<Status> Closed(Context& cx) {
    (void)cx.ConsumeBudget();
    return ClosedError("Send: the channel's receiver is closed or gone");
  }

  Channel* channel_;
  internal::MpscPermit permit_;
  T value_;
};

// A handle: copy it for every task that sends. When the last one goes, the receiver gets what is left, then the end.
template <class T>
class MpscSender {
  using Channel = internal::MpscChannel<T, internal::MpscRing<T>>;

 public:
  using SendFuture = MpscSend<T>;
  using ReserveFuture = internal::MpscReserve<MpscPermits<T>, Channel>;
  using ClosedFuture = internal::MpscClosed<internal::BoundedGate>;

  MpscSender() = default;  // of no channel
  MpscSender(Channel* channel, internal::TakeOver) : channel_(channel) {}
  MpscSender(const MpscSender& other) : channel_(other.channel_) {
    if (channel_ != nullptr) channel_->AddSender();
  }
  MpscSender(MpscSender&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  MpscSender& operator=(MpscSender other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~MpscSender() { reset(); }

  MpscWeakSender<T> Downgrade() const { return MpscWeakSender<T>(channel_); }

  // Waits for room. Called on an rvalue, the future keeps the handle.
  SendFuture Send(T value) const& { return SendFuture(*channel_, std::move(value)); }
  SendFuture Send(T value) const&& = delete;
  MpscSendOwned<T> Send(T value) && { return MpscSendOwned<T>(std::move(*this), std::move(value)); }
  // Waits for `count` places, to fill them later without waiting. More than MaxCapacity() is kInvalidArgument.
  // CANCEL SAFE: loses place. Borrows the sender.
  ReserveFuture Reserve(size_t count = 1) const { return ReserveFuture(*channel_, count); }
  // Ready when the receiver is closed or gone. CANCEL SAFE: yes. Borrows the sender.
  ClosedFuture Closed() const { return ClosedFuture(channel_->gate); }

  // OK, IsFull (also while others wait for room) or IsClosed. `value` is moved from only if it is OK.
  Status TrySend(T&& value) const { return TrySendFrom(std::move(value)); }
  template <class U = T, std::enable_if_t<std::is_copy_constructible_v<U>, int> = 0>
  Status TrySend(const T& value) const {
    return TrySendFrom(value);
  }
  StatusOr<MpscPermits<T>> TryReserve(size_t count = 1) const {
    switch (channel_->gate.Reserve(count)) {
      case internal::MpscEntry::kFull:
        return FullError();
      case internal::MpscEntry::kClosed:
        return ClosedError();
      case internal::MpscEntry::kTicket:
        break;
    }
    return MpscPermits<T>(*channel_, count);
  }
  // The same with this handle in the permit. TryReserveOwned moves it there only if it is OK.
  MpscReserveOwned<T> ReserveOwned() && { return MpscReserveOwned<T>(std::move(*this)); }
  StatusOr<MpscOwnedPermit<T>> TryReserveOwned() && {
    auto permit = TryReserve();
    if (!permit.ok()) return permit.status();
    return MpscOwnedPermit<T>(std::move(*this), *std::move(permit));
  }
  // A plain thread waits. Not on a thread that runs tasks.
  Status BlockingSend(T value) const { return internal::BlockingWait(Send(std::move(value))); }

  // The receiver is closed or gone.
  bool IsClosed() const { return channel_ == nullptr || channel_->gate.rx_closed(); }
  // The room that is left now, and all of it.
  size_t Capacity() const { return channel_->gate.free(); }
  size_t MaxCapacity() const { return channel_->gate.capacity(); }
  size_t SenderCount() const { return channel_->senders(); }
  size_t WeakSenderCount() const { return channel_->weak_senders(); }
  bool SameChannel(const MpscSender& other) const { return channel_ == other.channel_; }

  // Lets go of the channel.
  void reset() {
    if (channel_ != nullptr) std::exchange(channel_, nullptr)->DropSender();
  }
  explicit operator bool() const { return channel_ != nullptr; }

 private:
  template <class U>
  Status TrySendFrom(U&& value) const {
    typename internal::BoundedGate::Ticket ticket;
    switch (channel_->gate.Enter(ticket)) {
      case internal::MpscEntry::kFull:
        return FullError();
      case internal::MpscEntry::kClosed:
        return ClosedError();
      case internal::MpscEntry::kTicket:
        break;
    }
    channel_->Put(ticket, std::forward<U>(value));
    return OkStatus();
  }

  internal::Held<Channel> channel_;
};

// A place in the queue, and a sender: so the channel stays open, and the place outlives every other handle.
template <class T>
class [[nodiscard]] MpscOwnedPermit {
 public:
  MpscOwnedPermit(MpscOwnedPermit&&) = default;
  MpscOwnedPermit& operator=(MpscOwnedPermit other) noexcept {
    std::swap(sender_, other.sender_);
    std::swap(permit_, other.permit_);
    return *this;
  }

  // As MpscPermits::Send. The sender is the caller's again.
  MpscSender<T> Send(T value) && {
    permit_.Send(std::move(value));
    return std::move(sender_);
  }
  // Gives the place back, and the sender to the caller.
  MpscSender<T> Release() && {
    permit_.Release();
    return std::move(sender_);
  }
  const MpscSender<T>& sender() const { return sender_; }

 private:
  friend class MpscSender<T>;
  friend class MpscReserveOwned<T>;
  MpscOwnedPermit(MpscSender<T> sender, MpscPermits<T> permit)
      : sender_(std::move(sender)), permit_(std::move(permit)) {}

  MpscSender<T> sender_;
  MpscPermits<T> permit_;  // given back before its sender goes
};

// The permit, or IsClosed. CANCEL SAFE of MpscSender::ReserveOwned(): loses place, and the sender goes with the future.
template <class T>
class [[nodiscard]] MpscReserveOwned : public FutureBase<MpscReserveOwned<T>, StatusOr<MpscOwnedPermit<T>>> {
 public:
  explicit MpscReserveOwned(MpscSender<T> sender) : sender_(std::move(sender)), reserve_(sender_.Reserve()) {}

  void Describe(WaitTrace& trace) const { reserve_.Describe(trace); }
  Poll<StatusOr<MpscOwnedPermit<T>>> PollOnce(Context& cx) {
    auto poll = reserve_.PollOnce(cx);
    if (poll.pending()) return kPending;
    if (!poll->ok()) return StatusOr<MpscOwnedPermit<T>>(poll->status());
    return StatusOr<MpscOwnedPermit<T>>(MpscOwnedPermit<T>(std::move(sender_), **std::move(poll)));
  }

 private:
  MpscSender<T> sender_;
  typename MpscSender<T>::ReserveFuture reserve_;  // gone before its sender
};

// A Send that keeps its sender. CANCEL SAFE of std::move(sender).Send(): loses data, as Send(); the sender goes with the future.
template <class T>
class [[nodiscard]] MpscSendOwned : public FutureBase<MpscSendOwned<T>, Status> {
 public:
  static constexpr bool kLosesData = true;

  MpscSendOwned(MpscSender<T> sender, T value) : sender_(std::move(sender)), send_(sender_.Send(std::move(value))) {}

  void Describe(WaitTrace& trace) const { send_.Describe(trace); }
  Poll<Status> PollOnce(Context& cx) { return send_.PollOnce(cx); }

 private:
  MpscSender<T> sender_;
  MpscSend<T> send_;  // gone before its sender
};

template <class T>
struct MpscHandles {
  MpscSender<T> sender;
  MpscReceiver<T> receiver;
};

// `capacity` is 1 to 2^27 - 1.
template <class T>
MpscHandles<T> Mpsc(size_t capacity) {
  KIOTO_CHECK(capacity >= 1 && capacity <= internal::kMpscMaxCapacity,
              "sync::Mpsc: the capacity is 1 to 2^27 - 1; for no bound at all use sync::MpscUnbounded");
  auto* channel = new internal::MpscChannel<T, internal::MpscRing<T>>(capacity);
  return {MpscSender<T>(channel, internal::TakeOver()), MpscReceiver<T>(channel)};
}

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_MPSC_H_
