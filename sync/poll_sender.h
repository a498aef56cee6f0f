// MpscPollSender: a bounded channel's sender for a PollOnce that is written by hand: first a place, then the value.
//
//   Poll<Status> PollOnce(Context& cx) {
//     auto room = sender_.PollReserve(cx);               // may be asked again: one place is kept
//     if (room.pending()) return kPending;
//     if (room->ok()) sender_.Send(MakeValue());         // never waits
//     return room;
//   }
//
// With combinators, MpscSender::Send is simpler. A copy of it has no place. One thread at a time.
//
// STATE       idle -> acquiring (`reserve_` waits in the queue) -> reserved (`permits_` has one) -> idle
//             `closing_`: Close was called while a place was kept, which may still be used; then the sender goes.
#ifndef KIOTO_SYNC_POLL_SENDER_H_
#define KIOTO_SYNC_POLL_SENDER_H_

#include <optional>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/sync/mpsc.h"

namespace kioto::sync {

// Pinned while PollReserve was pending, as a future is.
template <class T>
class MpscPollSender {
 public:
  explicit MpscPollSender(MpscSender<T> sender) : sender_(std::move(sender)) {}
  MpscPollSender(const MpscPollSender& other) : sender_(other.closing_ ? MpscSender<T>() : other.sender_) {}
  MpscPollSender(MpscPollSender&&) = default;
  MpscPollSender& operator=(MpscPollSender&&) = delete;

  // Ready with OK: a place is kept for Send. IsClosed: the receiver is closed or gone, or Close was called.
  Poll<Status> PollReserve(Context& cx) {
    if (permits_.has_value()) return OkStatus();
    if (!sender_) return ClosedError("PollReserve: the MpscPollSender was closed");
    if (!reserve_.has_value()) reserve_.emplace(sender_.Reserve());
    auto poll = reserve_->PollOnce(cx);
    if (poll.pending()) return kPending;
    auto permits = *std::move(poll);
    reserve_.reset();
    if (!permits.ok()) return permits.status();
    permits_.emplace(*std::move(permits));
    return OkStatus();
  }

  // Uses the place. It never fails: see MpscPermits::Send.
  void Send(T value) {
    KIOTO_CHECK(permits_.has_value(), "MpscPollSender::Send wants a place: call PollReserve first, until it is ready");
    permits_->Send(std::move(value));
    PlaceIsGone();
  }

  // As a sink (runtime/io/codec/sink.h).
  Poll<Status> PollReady(Context& cx) { return PollReserve(cx); }
  Status StartSend(T value) {
    Send(std::move(value));
    return OkStatus();
  }
  Poll<Status> PollFlush(Context&) { return OkStatus(); }
  Poll<Status> PollClose(Context&) {
    Close();
    return OkStatus();
  }

  // Gives the place back, or leaves the queue. Whether there was either.
  bool Abort() {
    const bool any = permits_.has_value() || reserve_.has_value();
    PlaceIsGone();
    return any;
  }

  // Lets go of the sender; a place that is kept may still be used. More than once is enough.
  void Close() {
    reserve_.reset();
    closing_ = permits_.has_value();
    if (!closing_) sender_.reset();
  }
  // Close was called, or the receiver is closed or gone.
  bool IsClosed() const { return closing_ || sender_.IsClosed(); }
  // The sender; an empty one after Close.
  const MpscSender<T>& sender() const { return sender_; }

 private:
  void PlaceIsGone() {
    reserve_.reset();
    permits_.reset();
    if (std::exchange(closing_, false)) sender_.reset();
  }

  MpscSender<T> sender_;  // goes last: the others borrow it
  bool closing_ = false;
  std::optional<typename MpscSender<T>::ReserveFuture> reserve_;
  std::optional<MpscPermits<T>> permits_;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_POLL_SENDER_H_
