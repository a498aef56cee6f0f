// WeakSenderOf: a handle of a channel that does not keep it open: MpscWeakSender<T>, MpscUnboundedWeakSender<T> and
// WeakBroadcast<T>, which the Downgrade() of their senders gives.
//
//   if (auto sender = weak.Upgrade()) return With(std::move(sender), ...);    // else the channel is over
//
// Its channel counts it (internal/sender_count.h), and the channel's block lives as long as it does.
#ifndef KIOTO_SYNC_WEAK_SENDER_H_
#define KIOTO_SYNC_WEAK_SENDER_H_

#include <cstddef>
#include <utility>

#include "kioto/sync/internal/held.h"

namespace kioto::sync {
namespace internal {

// A handle is made from a count that was taken already.
struct TakeOver {};

}  // namespace internal

// Threads: any, also one handle on several at once (but for reset and assignment).
template <class Sender, class Channel>
class WeakSenderOf {
 public:
  WeakSenderOf() = default;                                                     // of no channel
  explicit WeakSenderOf(Channel* channel) : channel_(channel) { AddMe(); }  // counts itself
  WeakSenderOf(const WeakSenderOf& other) : channel_(other.channel_) { AddMe(); }
  WeakSenderOf(WeakSenderOf&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  WeakSenderOf& operator=(WeakSenderOf other) noexcept {
    std::swap(channel_, other.channel_);
    return *this;
  }
  ~WeakSenderOf() { reset(); }

  // A sender; an empty one if the last has gone: the channel is over then, and never opens again.
  Sender Upgrade() const {
    return Sender(channel_ != nullptr && channel_->TryAddSender() ? channel_ : nullptr, internal::TakeOver());
  }

  size_t SenderCount() const { return channel_->senders(); }
  size_t WeakSenderCount() const { return channel_->weak_senders(); }
  bool SameChannel(const WeakSenderOf& other) const { return channel_ == other.channel_; }

  // Lets go of the channel.
  void reset() {
    if (channel_ != nullptr) std::exchange(channel_, nullptr)->DropWeakSender();
  }
  explicit operator bool() const { return channel_ != nullptr; }

 private:
  void AddMe() {
    if (channel_ != nullptr) channel_->AddWeakSender();
  }

  internal::Held<Channel> channel_;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_WEAK_SENDER_H_
