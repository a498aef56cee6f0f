// ByRef(future): a future that polls another one, which the caller keeps: so that it survives a Select in a loop.
//
//   With(sleep, [&](auto& sleep) { return Loop([&] { return Select(Case(inbox.Recv(), …), Case(ByRef(sleep), …)); }); })
//
// ByRef(stream) is the same for a stream. Dropping it drops nothing of `future`. After `future` was ready it may not be polled again: switch the branch off, .When.
// CANCEL SAFE: yes.
#ifndef KIOTO_RUNTIME_FUTURE_BY_REF_H_
#define KIOTO_RUNTIME_FUTURE_BY_REF_H_

#include <optional>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/borrow.h"
#include "kioto/runtime/future/stream.h"

namespace kioto {
namespace internal {

template <class F>
class [[nodiscard]] ByRefFuture : public FutureBase<ByRefFuture<F>, OutputOf<F>> {
 public:
  static constexpr bool kMovable = true;
  static constexpr bool kLocal = IsLocalFuture<F>;

  explicit ByRefFuture(F* future) : future_(future) {}
  Poll<OutputOf<F>> PollOnce(Context& cx) {
    CheckBorrow(cx, future_);
    return PollChild(*future_, cx);
  }
  void Describe(WaitTrace& trace) const { trace.Child(*future_); }

 private:
  F* future_;
};

template <class S>
class [[nodiscard]] ByRefStream {
 public:
  using Item = typename S::Item;
  static constexpr bool kLocal = IsLocalFuture<S>;

  explicit ByRefStream(S* stream) : stream_(stream) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    CheckBorrow(cx, stream_);
    return stream_->PollNext(cx);
  }
  void Describe(WaitTrace& trace) const { trace.Child(*stream_); }

 private:
  S* stream_;
};

}  // namespace internal

template <class F>
auto ByRef(F& future) {
  static_assert(IsFuture<F> || IsStream<F>, "kioto: ByRef takes a future or a stream that is kept elsewhere, in a With for instance");
  if constexpr (internal::kIsPoison<F>) {
    return internal::Poison{};
  } else if constexpr (IsFuture<F>) {
    return internal::ByRefFuture<F>(&future);
  } else if constexpr (IsStream<F>) {
    return internal::ByRefStream<F>(&future);
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_BY_REF_H_
