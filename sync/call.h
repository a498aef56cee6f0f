// Call: make a job with a place for its answer, send it, await the answer.
//
//   struct Job { std::string text; sync::OneshotSender<size_t> reply; };
//   sync::Call<size_t>(pool, [&](auto reply) { return Job{text, std::move(reply)}; })   // gives a StatusOr<size_t>
//
// `pool` is an MpscSender (then it waits for room) or an MpscUnboundedSender of the job; borrowed. `make` is called at
// the first poll. Gives the answer as Oneshot does (Status and StatusOr as themselves); IsClosed if the receiver of
// jobs is gone, or dropped the job without an answer.
// CANCEL SAFE: loses data: the job may be on its way; whoever has it sees that nobody waits (reply.IsClosed()).
#ifndef KIOTO_SYNC_CALL_H_
#define KIOTO_SYNC_CALL_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/sync/internal/received.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/oneshot.h"

namespace kioto::sync {
namespace internal {

// What a Sender gives for what Make makes.
template <class R, class Sender, class Make>
using SentBy = decltype(std::declval<const Sender&>().Send(std::declval<std::invoke_result_t<Make&, OneshotSender<R>>>()));

// Whether a Sender sends that, as those of an Mpsc and an MpscUnbounded do.
template <class R, class Sender, class Make, class = void>
inline constexpr bool kSendsMade = false;
template <class R, class Sender, class Make>
inline constexpr bool kSendsMade<R, Sender, Make, std::void_t<SentBy<R, Sender, Make>>> =
    std::is_same_v<SentBy<R, Sender, Make>, Status> || IsFuture<SentBy<R, Sender, Make>>;

// STATE  not begun -> sending (bounded and full) -> awaiting the answer -> done
template <class R, class Sender, class Make>
class [[nodiscard]] CallFuture : public FutureBase<CallFuture<R, Sender, Make>, Received<R>> {
  using Job = std::invoke_result_t<Make&, OneshotSender<R>>;
  struct Sent {};  // an unbounded sender's Send is no future
  template <class S, class = void>
  struct SendOf {
    using Type = Sent;
  };
  template <class S>
  struct SendOf<S, std::void_t<typename S::SendFuture>> {
    using Type = typename S::SendFuture;
  };
  using Send = typename SendOf<Sender>::Type;

 public:
  using Output = Received<R>;
  static constexpr bool kLosesData = true;

  CallFuture(const Sender& pool, Make make) : pool_(&pool), make_(std::move(make)) {}

  Poll<Output> PollOnce(Context& cx) {
    if (!reply_) {
      if (Status status = Begin(); !status.ok()) return Output(std::move(status));
    }
    if constexpr (!std::is_same_v<Send, Sent>) {
      if (send_) {
        auto poll = kioto::internal::PollChild(*send_, cx);
        if (poll.pending()) return kPending;
        send_.reset();
        if (!(*poll).ok()) return Output(*std::move(poll));
      }
    }
    auto poll = reply_->PollOnce(cx);
    if (poll.pending()) return kPending;
    return Output(*std::move(poll));
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Call");
    if constexpr (!std::is_same_v<Send, Sent>) {
      if (send_) return trace.Child(*send_);
    }
    if (reply_) trace.Child(*reply_);
  }

 private:
  Status Begin() {
    auto channel = Oneshot<R>();
    reply_.emplace(std::move(channel.receiver));
    if constexpr (std::is_same_v<Send, Sent>) {
      return pool_->Send(make_(std::move(channel.sender)));
    } else {
      send_.emplace(pool_->Send(make_(std::move(channel.sender))));
      return OkStatus();
    }
  }

  const Sender* pool_;
  Make make_;
  std::optional<OneshotReceiver<R>> reply_;
  std::optional<Send> send_;
};

}  // namespace internal

template <class R, class Sender, class Make>
auto Call(const Sender& pool, Make make) {
  constexpr bool makes = std::is_invocable_v<Make&, OneshotSender<R>>;
  static_assert(makes, "kioto: Call takes a function that makes the job from the OneshotSender<R> of its answer");
  constexpr bool sends = internal::kSendsMade<R, Sender, Make>;
  static_assert(sends || !makes, "kioto: Call: the function makes the job that the sender takes, and the sender is one of an Mpsc or MpscUnbounded");
  if constexpr (makes && sends) {
    return internal::CallFuture<R, Sender, Make>(pool, std::move(make));
  } else {
    return kioto::internal::Poison{};
  }
}

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_CALL_H_
