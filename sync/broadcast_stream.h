// BroadcastStream: what a broadcast's receiver gets, as a stream. An item is a value, or IsLagged where values were missed.
//
//   ForEach(sync::BroadcastStream(room.Subscribe()), [&](StatusOr<std::string>& said) {
//     if (said.ok()) Show(*said);                            // else IsLagged(said.status(), &missed): the next one is there
//   })
//
// It ends when all senders are gone and everything was given. Movable at any time. CANCEL SAFE: Next(): yes.
// THREADS: as a BroadcastReceiver.
#ifndef KIOTO_SYNC_BROADCAST_STREAM_H_
#define KIOTO_SYNC_BROADCAST_STREAM_H_

#include <optional>
#include <utility>

#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/sync/broadcast.h"

namespace kioto::sync {

template <class T>
class [[nodiscard]] BroadcastStream : public StreamBase<BroadcastStream<T>, StatusOr<T>> {
 public:
  explicit BroadcastStream(BroadcastReceiver<T> receiver) : receiver_(std::move(receiver)) {}
  BroadcastStream(BroadcastStream&& other) noexcept : receiver_(std::move(other.receiver_)) { other.recv_.reset(); }

  Poll<std::optional<StatusOr<T>>> PollNext(Context& cx) {
    if (!recv_) recv_.emplace(receiver_.Recv());
    auto poll = recv_->PollOnce(cx);
    if (poll.pending()) return kPending;
    recv_.reset();
    StatusOr<T> item = *std::move(poll);
    if (!item.ok() && IsClosed(item.status())) return std::optional<StatusOr<T>>();
    return std::optional<StatusOr<T>>(std::move(item));
  }
  void Describe(WaitTrace& trace) const { trace.Leaf("broadcast::Recv"); }

 private:
  BroadcastReceiver<T> receiver_;
  std::optional<typename BroadcastReceiver<T>::RecvFuture> recv_;  // borrows receiver_
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_BROADCAST_STREAM_H_
