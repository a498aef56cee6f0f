// InPlace<T>(args…): a state of With that is made where it stays, T(args…), at the first poll. For an object as frame whose
// members borrow each other, which With could not move:
//
//   struct Session {
//     explicit Session(net::TcpStream s) : stream(std::move(s)) {}
//     Future<Status> Run();
//     net::TcpStream stream;
//     io::Lines lines{stream, 4096};   // borrows its neighbour: a Session may not be moved
//   };
//   With(InPlace<Session>(std::move(stream)), &Session::Run)
//
// T needs no move constructor; best delete it. T may be an aggregate: T{args…}. The arguments are kept by value (a pointer, where T
// borrows from outside), moved into T in the order of With's states, and gone then. What T's constructor throws, the With throws.
#ifndef KIOTO_RUNTIME_FUTURE_IN_PLACE_H_
#define KIOTO_RUNTIME_FUTURE_IN_PLACE_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/internal/pack.h"
#include "kioto/runtime/future/internal/poison.h"

namespace kioto {
namespace internal {

template <class T, class = void, class... A>
inline constexpr bool kBraces = false;
template <class T, class... A>
inline constexpr bool kBraces<T, std::void_t<decltype(T{std::declval<A>()...})>, A...> = true;

// The arguments, then the object.
template <class T, class... A>
class [[nodiscard]] InPlaceState {
 public:
  using Arguments = Pack<A...>;

  template <class... U>
  explicit InPlaceState(std::in_place_t, U&&... u) : arguments_(std::in_place, std::forward<U>(u)...) {}
  InPlaceState(InPlaceState&& other) : InPlaceState(other, std::index_sequence_for<A...>()) {}
  ~InPlaceState() {
    if (stage_ == Stage::kArguments) arguments_.~Arguments();
    if (stage_ == Stage::kObject) object_.~T();
  }

  void Make() { MakeOf(std::index_sequence_for<A...>()); }
  T& object() { return object_; }

 private:
  enum class Stage : uint8_t { kArguments, kObject, kNone };

  template <size_t... I>
  InPlaceState(InPlaceState& other, std::index_sequence<I...>) : arguments_(std::in_place, std::move(At<I>(other.arguments_))...) {
    KIOTO_DCHECK(other.stage_ == Stage::kArguments, "a future was moved after it was polled");
  }
  template <size_t... I>
  void MakeOf(std::index_sequence<I...>) {
    Arguments arguments(std::in_place, std::move(At<I>(arguments_))...);
    stage_ = Stage::kNone;
    arguments_.~Arguments();
    if constexpr (std::is_constructible_v<T, A...>) {
      ::new (&object_) T(std::move(At<I>(arguments))...);
    } else {
      ::new (&object_) T{std::move(At<I>(arguments))...};
    }
    stage_ = Stage::kObject;
  }

  Stage stage_ = Stage::kArguments;
  union {
    Arguments arguments_;
    T object_;
  };
};

// What With keeps as an S, and gives its function.
template <class S>
struct StateOf {
  using Object = S;
  static void Make(S&) {}
  static S& Get(S& state) { return state; }
};
template <class T, class... A>
struct StateOf<InPlaceState<T, A...>> {
  using Object = T;
  static void Make(InPlaceState<T, A...>& state) { state.Make(); }
  static T& Get(InPlaceState<T, A...>& state) { return state.object(); }
};

}  // namespace internal

template <class T, class... A>
auto InPlace(A&&... args) {
  constexpr bool makes = std::is_constructible_v<T, std::decay_t<A>...> || internal::kBraces<T, void, std::decay_t<A>...>;
  static_assert(makes || internal::kAnyPoison<T, A...>, "kioto: InPlace<T>(args...) makes a T from these arguments, as rvalues: T has no such constructor");
  if constexpr (makes && !internal::kAnyPoison<T, A...>) {
    return internal::InPlaceState<T, std::decay_t<A>...>(std::in_place, std::forward<A>(args)...);
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_IN_PLACE_H_
