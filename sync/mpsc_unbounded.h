// MpscUnbounded: a queue from many senders to one receiver, without a bound: a send never waits. Use it only where
// something else bounds what is sent; else sync::Mpsc.
//
//   auto log = sync::MpscUnbounded<Line>();
//   log.sender.Send(Line{...}).IgnoreError();             // IsClosed if the receiver is gone
//
// Memory: blocks of 32 items, of up to 128 small ones, reused; a steady flow allocates nothing.
// Order: values of one sender are received in the order of their sends.
// Threads: senders any, also one handle on several at once (but for reset and assignment); the receiver one at a time.
// Protocol, states and races: internal/mpsc_gate.h, internal/mpsc_blocks.h.
#ifndef KIOTO_SYNC_MPSC_UNBOUNDED_H_
#define KIOTO_SYNC_MPSC_UNBOUNDED_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/sync/internal/held.h"
#include "kioto/sync/internal/mpsc_blocks.h"
#include "kioto/sync/internal/mpsc_channel.h"
#include "kioto/sync/mpsc_receiver.h"
#include "kioto/sync/weak_sender.h"

namespace kioto::sync {

// Recv, RecvMany, Close and the rest: mpsc_receiver.h.
template <class T>
using MpscUnboundedReceiver = MpscReceiverOf<T, internal::MpscBlocks<T>>;

template <class T>
class MpscUnboundedSender;
// A handle that does not keep the channel open: Upgrade makes one that does, while there is one. See weak_sender.h.
template <class T>
using MpscUnboundedWeakSender = WeakSenderOf<MpscUnboundedSender<T>, internal::MpscChannel<T, internal::MpscBlocks<T>>>;

// A handle: copy it for every task that sends. When the last one goes, the receiver gets what is left, then the end.
template <class T>
class MpscUnboundedSender {
  using Channel = internal::MpscChannel<T, internal::MpscBlocks<T>>;

 public:
  using ClosedFuture = internal::MpscClosed<internal::UnboundedGate>;

  MpscUnboundedSender() = default;  // of no channel
  MpscUnboundedSender(Channel* channel, internal::TakeOver) : channel_(channel) {}
  MpscUnboundedSender(const MpscUnboundedSender& other) : channel_(other.channel_) {
    if (channel_ != nullptr) channel_->AddSender();
  }
  MpscUnboundedSender(MpscUnboundedSender&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  MpscUnboundedSender& operator=(MpscUnboundedSender other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~MpscUnboundedSender() { reset(); }

  // OK, or IsClosed: the receiver is closed or gone. `value` is moved from only if it is OK.
  Status Send(T&& value) const { return SendFrom(std::move(value)); }
  template <class U = T, std::enable_if_t<std::is_copy_constructible_v<U>, int> = 0>
  Status Send(const T& value) const {
    return SendFrom(value);
  }
  MpscUnboundedWeakSender<T> Downgrade() const { return MpscUnboundedWeakSender<T>(channel_); }
  // Ready when the receiver is closed or gone. CANCEL SAFE: yes. Borrows the sender.
  ClosedFuture Closed() const { return ClosedFuture(channel_->gate); }

  // The receiver is closed or gone.
  bool IsClosed() const { return channel_ == nullptr || channel_->gate.rx_closed(); }
  size_t SenderCount() const { return channel_->senders(); }
  size_t WeakSenderCount() const { return channel_->weak_senders(); }
  bool SameChannel(const MpscUnboundedSender& other) const { return channel_ == other.channel_; }

  // Lets go of the channel.
  void reset() {
    if (channel_ != nullptr) std::exchange(channel_, nullptr)->DropSender();
  }
  explicit operator bool() const { return channel_ != nullptr; }

 private:
  template <class U>
  Status SendFrom(U&& value) const {
    internal::UnboundedGate::Ticket ticket;
    if (channel_->gate.Enter(ticket) == internal::MpscEntry::kClosed) return ClosedError();
    channel_->Put(ticket, std::forward<U>(value));
    return OkStatus();
  }

  internal::Held<Channel> channel_;
};

template <class T>
struct MpscUnboundedHandles {
  MpscUnboundedSender<T> sender;
  MpscUnboundedReceiver<T> receiver;
};

template <class T>
MpscUnboundedHandles<T> MpscUnbounded() {
  auto* channel = new internal::MpscChannel<T, internal::MpscBlocks<T>>();
  return {MpscUnboundedSender<T>(channel, internal::TakeOver()), MpscUnboundedReceiver<T>(channel)};
}

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_MPSC_UNBOUNDED_H_
