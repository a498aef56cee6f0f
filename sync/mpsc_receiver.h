// MpscReceiverOf: the receiving half of a channel, MpscReceiver<T> of Mpsc (mpsc.h) and MpscUnboundedReceiver<T> of
// MpscUnbounded (mpsc_unbounded.h).
//
//   receiver.Recv().Then([](std::optional<Job>& job) { ... })                 // nullopt: the end
//   return ForEach(std::move(receiver), [](Job& job) { ... });                // as a stream
//   receiver.RecvMany(batch, 100).Then([&](size_t& n) { ... })                 // 0: the end
//
// Close() ends it from this side: sends fail from then on; what was sent, and what has a permit, still comes.
// Threads: one task or thread at a time. Protocol, states and races: internal/mpsc_gate.h.
#ifndef KIOTO_SYNC_MPSC_RECEIVER_H_
#define KIOTO_SYNC_MPSC_RECEIVER_H_

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/stream/size_hint.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/internal/held.h"
#include "kioto/sync/internal/mpsc_channel.h"
#include "kioto/sync/internal/mpsc_gate.h"

namespace kioto::sync {

namespace internal {

// CANCEL SAFE: yes. Borrows the receiver.
template <class T, class Channel>
class [[nodiscard]] MpscRecv : public FutureBase<MpscRecv<T, Channel>, std::optional<T>> {
 public:
  explicit MpscRecv(Channel& channel) : channel_(&channel) {}
  MpscRecv(MpscRecv&& other) noexcept
      : channel_(other.channel_), waits_(std::exchange(other.waits_, false)) {}
  ~MpscRecv() {
    if (waits_) channel_->gate.ForgetWaker();
  }

  void Describe(WaitTrace& trace) const { trace.Leaf("mpsc::Recv"); }
  Poll<std::optional<T>> PollOnce(Context& cx) {
    auto poll = PollNext(*channel_, cx);
    waits_ = poll.pending();
    return poll;
  }

  static Poll<std::optional<T>> PollNext(Channel& channel, Context& cx) {
    for (;;) {
      if (auto slot = channel.Next()) {
        if (!cx.ConsumeBudget()) return kPending;
        std::optional<T> item;
        typename Channel::Taking(channel, &cx.scope()).Take(slot, [&](T& value) { item.emplace(std::move(value)); });
        return item;
      }
      switch (channel.Await(cx)) {
        case MpscWait::kParked:
          return kPending;
        case MpscWait::kOver:
          if (!cx.ConsumeBudget()) return kPending;
          return std::optional<T>();
        default:
          break;
      }
    }
  }

 private:
  Channel* channel_;
  bool waits_ = false;
};

// CANCEL SAFE: yes. Borrows the receiver and the vector.
template <class T, class Channel>
class [[nodiscard]] MpscRecvMany : public FutureBase<MpscRecvMany<T, Channel>, size_t> {
 public:
  MpscRecvMany(Channel& channel, std::vector<T>& out, size_t limit) : channel_(&channel), out_(&out), limit_(limit) {}
  MpscRecvMany(MpscRecvMany&& other) noexcept
      : channel_(other.channel_), out_(other.out_), limit_(other.limit_), waits_(std::exchange(other.waits_, false)) {}
  ~MpscRecvMany() {
    if (waits_) channel_->gate.ForgetWaker();
  }

  void Describe(WaitTrace& trace) const { trace.Leaf("mpsc::RecvMany"); }
  Poll<size_t> PollOnce(Context& cx) {
    waits_ = false;
    if (limit_ == 0) return size_t{0};
    for (;;) {
      if (channel_->Next()) {
        if (!cx.ConsumeBudget()) return kPending;
        return Take();
      }
      switch (channel_->Await(cx)) {
        case MpscWait::kParked:
          waits_ = true;
          return kPending;
        case MpscWait::kOver:
          if (!cx.ConsumeBudget()) return kPending;
          return size_t{0};
        default:
          break;
      }
    }
  }

 private:
  size_t Take() {
    typename Channel::Taking taking(*channel_);
    size_t count = 0;
    for (; count < limit_; ++count) {
      auto slot = taking.Next();
      if (!slot) break;
      taking.Take(slot, [&](T& value) { out_->push_back(std::move(value)); });
    }
    return count;
  }

  Channel* channel_;
  std::vector<T>* out_;
  size_t limit_;
  bool waits_ = false;
};

}  // namespace internal

// The receiving half. One task or thread at a time uses it. It is a stream of T.
template <class T, class Queue>
class MpscReceiverOf {
 public:
  using Item = T;
  using Channel = internal::MpscChannel<T, Queue>;
  using RecvFuture = internal::MpscRecv<T, Channel>;
  using RecvManyFuture = internal::MpscRecvMany<T, Channel>;

  explicit MpscReceiverOf(Channel* channel) : channel_(channel) {}  // takes over the receiver's reference
  MpscReceiverOf(MpscReceiverOf&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  MpscReceiverOf& operator=(MpscReceiverOf&& other) noexcept {
    if (this != &other) {
      reset();
      channel_ = std::exchange(other.channel_, nullptr);
    }
    return *this;
  }
  ~MpscReceiverOf() { reset(); }

  // The next item; nullopt when nothing will come any more: all senders are gone, or the receiver was closed, and
  // everything that was sent, or had a permit, was received. CANCEL SAFE of MpscReceiver::Recv(): yes.
  RecvFuture Recv() { return RecvFuture(*channel_); }
  // Appends 1 to `limit` items to `out`, as many as there are, and gives their number; 0 only at the end (or if limit
  // is 0).
  // CANCEL SAFE of MpscReceiver::RecvMany(): yes.
  RecvManyFuture RecvMany(std::vector<T>& out, size_t limit) { return RecvManyFuture(*channel_, out, limit); }
  Poll<std::optional<T>> PollNext(Context& cx) {
    return RecvFuture::PollNext(*channel_, cx);
  }

  // The next item, IsEmpty or IsClosed. It never says empty after a Send has returned; if one is half done, it waits
  // for those few instructions.
  StatusOr<T> TryRecv() {
    for (;;) {
      if (auto slot = channel_->Next()) {
        StatusOr<T> item = EmptyError();
        typename Channel::Taking(*channel_).Take(slot, [&](T& value) { item.emplace(std::move(value)); });
        return item;
      }
      switch (channel_->gate.Ask(channel_->gate.head())) {
        case internal::MpscWait::kParked:
          return EmptyError();
        case internal::MpscWait::kOver:
          return ClosedError();
        default:
          if (!channel_->SpinForWriter()) base::YieldThread();
      }
    }
  }

  // A plain thread waits. Not on a thread that runs tasks.
  std::optional<T> BlockingRecv() { return internal::BlockingWait(Recv()); }
  size_t BlockingRecvMany(std::vector<T>& out, size_t limit) { return internal::BlockingWait(RecvMany(out, limit)); }

  // From now on a send fails, also one that waits. What was sent, and what has a permit, still comes.
  void Close() {
    if (!channel_->gate.rx_closed()) channel_->gate.Close();
  }
  // Closed by Close(), or all senders are gone. There may still be items.
  bool IsClosed() const { return channel_->gate.rx_sees_closed(); }
  size_t size() const { return channel_->gate.len(); }
  bool IsEmpty() const { return size() == 0; }
  // As a stream: what is there, and once it is closed at most that and the permits that are out.
  SizeHint size_hint() const {
    const bool closed = IsClosed();
    const size_t promised = channel_->gate.permits_out();  // first: one that is used meanwhile counts twice, not never
    const size_t there = size();
    return {there, closed ? std::optional<size_t>(there + promised) : std::nullopt};
  }
  size_t SenderCount() const { return channel_->senders(); }
  size_t WeakSenderCount() const { return channel_->weak_senders(); }
  // Bounded channels only: the room that is left, and all of it.
  size_t Capacity() const { return channel_->gate.free(); }
  size_t MaxCapacity() const { return channel_->gate.capacity(); }

  // Closes, and destroys what is in the channel.
  void reset() {
    if (channel_ == nullptr) return;
    Close();
    channel_->gate.ForgetWaker();
    channel_->Drain();
    std::exchange(channel_, nullptr)->Unref();
  }
  explicit operator bool() const { return channel_ != nullptr; }

 private:
  internal::Held<Channel> channel_;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_MPSC_RECEIVER_H_
