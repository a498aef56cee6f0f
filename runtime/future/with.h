// With(state…, fn): keeps the states beside the future that fn(state&…) returns, so that it may borrow them.
//
//   With(std::move(stream), Buffer(16 * 1024), [](TcpStream& s, Buffer& buf) { return Loop([&] { … }); })
//   With(Session{…}, &Session::Run)                 // an object as the frame: its methods return futures over its members
//   With(InPlace<Session>(…), &Session::Run)        // the same, if a member borrows another: made where it stays (in_place.h)
//
// fn is called at the first poll, when the states have their final addresses. Destruction: the future, fn, and the states
// from the last to the first. Gives what fn gives. CANCEL SAFE: as the future; the states go with it.
#ifndef KIOTO_RUNTIME_FUTURE_WITH_H_
#define KIOTO_RUNTIME_FUTURE_WITH_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/in_place.h"
#include "kioto/runtime/future/internal/borrow.h"
#include "kioto/runtime/future/internal/pack.h"
#include "kioto/runtime/future/internal/step.h"

namespace kioto {
namespace internal {

template <class S>
typename StateOf<S>::Object& ObjectOf(S& state) {
  return StateOf<S>::Get(state);
}

// The last of the pack is fn, the others are its states.
template <size_t... I, class P>
decltype(auto) CallWith(P& pack, std::index_sequence<I...>) {
  return Invoke(At<sizeof...(I)>(pack), ObjectOf(At<I>(pack))...);
}

template <class... A>
using WithResult = decltype(CallWith(std::declval<Pack<A...>&>(), std::make_index_sequence<sizeof...(A) - 1>()));

template <class... A>
class [[nodiscard]] WithFuture : public FutureBase<WithFuture<A...>, typename ResultOf<WithResult<A...>>::Output> {
  using Result = WithResult<A...>;
  static constexpr bool kAsync = kIsAsync<Result>;
  using Next = typename ResultOf<Result>::Next;  // char if fn is synchronous
  using Indexes = std::make_index_sequence<sizeof...(A) - 1>;

 public:
  using Output = typename ResultOf<Result>::Output;
  static constexpr bool kLocal = (IsLocalFuture<Next> || ... || IsLocalFuture<typename StateOf<A>::Object>);
  static constexpr bool kLosesData = (LosesDataWhenDropped<Next> || ... || LosesDataWhenDropped<typename StateOf<A>::Object>);

  template <class... U>
  explicit WithFuture(std::in_place_t, U&&... u) : pack_(std::in_place, std::forward<U>(u)...) {}
  WithFuture(WithFuture&& other) : WithFuture::FutureBase(std::move(other)), pack_(std::move(other.pack_)) {}
  ~WithFuture() {
    if (stage_ == Stage::kNext) next_.~Next();
  }

  Poll<Output> PollOnce(Context& cx) {
    if (stage_ == Stage::kStart) {
      stage_ = Stage::kDone;
      Begin(cx, Indexes());
      if constexpr (!kAsync) {
        if constexpr (std::is_void_v<Result>) {
          CallWith(pack_, Indexes());
          return Unit{};
        } else {
          return Output(CallWith(pack_, Indexes()));
        }
      } else {
        ::new (&next_) Next(CallWith(pack_, Indexes()));
        stage_ = Stage::kNext;
      }
    }
    KIOTO_DCHECK(stage_ == Stage::kNext, "a future was polled after it was ready");
    if constexpr (kAsync) {
      auto polled = PollChild(next_, cx);
      if (polled.ready()) {
        stage_ = Stage::kDone;
        next_.~Next();
      }
      return polled;
    } else {
      return kPending;
    }
  }
  void Describe([[maybe_unused]] WaitTrace& trace) const {
    if constexpr (kAsync) {
      if (stage_ == Stage::kNext) trace.Child(next_);
    }
  }

 private:
  enum class Stage : uint8_t { kStart, kNext, kDone };

  template <size_t... I>
  void Begin(Context& cx, std::index_sequence<I...>) {
    (MakeState(cx, At<I>(pack_)), ...);
  }
  template <class S>
  static void MakeState(Context& cx, S& state) {
    StateOf<S>::Make(state);
    CheckBorrow(cx, ObjectOf(state));
  }

  Pack<A...> pack_;
  Stage stage_ = Stage::kStart;
  union {
    Next next_;
  };
};

template <class... A>
struct WithTraits {
  template <class P, size_t... I>
  static constexpr bool Callable(std::index_sequence<I...>) {
    return std::is_invocable_v<decltype((At<sizeof...(I)>(std::declval<P&>()))), decltype(ObjectOf(At<I>(std::declval<P&>())))...>;
  }
  template <class P, size_t N>
  using Last = Plain<decltype(At<N>(std::declval<P&>()))>;
};

template <class... A>
constexpr Mistake MistakeOfWith() {
  using P = Pack<A...>;
  using Indexes = std::make_index_sequence<sizeof...(A) - 1>;
  using Fn = typename WithTraits<A...>::template Last<P, sizeof...(A) - 1>;
  if constexpr (kAnyPoison<A...>) {
    return Mistake::kPoison;
  } else if constexpr (IsFuture<Fn>) {
    return Mistake::kFuture;
  } else if constexpr (!WithTraits<A...>::template Callable<P>(Indexes())) {
    return Mistake::kNotCallable;
  } else {
    return MistakeOfResult<WithResult<A...>, ParametersOf<Fn>, Unit>(sizeof...(A) == 1 ? How::kNoArgument : How::kElements);
  }
}

}  // namespace internal

template <class... A>
auto With(A&&... state_and_fn) {
  static_assert(sizeof...(A) > 0, "kioto: the last argument of With is the function that gets the states");
  constexpr bool keeps = (std::is_constructible_v<std::decay_t<A>, A&&> && ...);
  static_assert(keeps, "kioto: With keeps its states: std::move(state), or InPlace<T>(arguments...) for a T that may not be moved");
  if constexpr (!keeps) {
    return internal::Poison{};
  } else if constexpr (internal::Refuse<internal::MistakeOfWith<std::decay_t<A>...>()>()) {
    return internal::WithFuture<std::decay_t<A>...>(std::in_place, std::forward<A>(state_and_fn)...);
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_WITH_H_
