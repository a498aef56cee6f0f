// How branches with different outputs become one. By output, not by the type of the future:
//
//   void ≡ Unit                       Status ∪ StatusOr<T>      → StatusOr<T>
//   Unit or Continue ∪ Break(v)       → Flow<V>
//   Unit ∪ Status                     → Status (nothing to say is OK)
//   Status ∪ Break(v) or Continue     → StatusOr<Flow<V>> (OK = once more)
//   T ∪ StatusOr<U>                   → StatusOr<T ∪ U>
// Anything else is a mismatch.
//
// A Status that joins a StatusOr<T> is there for its errors: an OK one has no T (unless T says no more than Unit does) and
// becomes a kInternal error with a sentence. Where a future is erased, that is refused at compile time (erased.h).
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_UNIFY_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_UNIFY_H_

#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/flow.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::internal {

template <class T>
struct Type {
  using type = T;
};

struct Mismatch {};

template <class T>
inline constexpr bool kIsStatus = std::is_same_v<T, Status>;

template <class T>
inline constexpr bool kIsStatusOr = false;
template <class T>
inline constexpr bool kIsStatusOr<StatusOr<T>> = true;

// Whether T has a good and a bad side.
template <class T>
inline constexpr bool kIsFallible = kIsStatus<T> || kIsStatusOr<T>;

template <class T>
inline constexpr bool kIsFlow = false;
template <class V>
inline constexpr bool kIsFlow<Flow<V>> = true;

template <class T>
inline constexpr bool kIsUnit = std::is_same_v<T, Unit>;

// Unit or Continue: nothing to say, once more.
template <class T>
inline constexpr bool kGoesOn = kIsUnit<T> || std::is_same_v<T, ContinueFlow>;

template <class T>
struct ValueOfImpl : Type<T> {};
template <class T>
struct ValueOfImpl<StatusOr<T>> : Type<T> {};
template <>
struct ValueOfImpl<Status> : Type<Unit> {};
// The T of a StatusOr<T>; Unit for Status; anything else is itself.
template <class T>
using ValueOf = typename ValueOfImpl<T>::type;

template <class T>
struct FlowValueOf : Type<Unit> {};
template <class V>
struct FlowValueOf<Flow<V>> : Type<V> {};

// StatusOr<T>, or the mismatch that T is.
template <class T>
constexpr auto OrStatus(Type<T>) {
  if constexpr (std::is_same_v<T, Mismatch> || kIsPoison<T>) {
    return Type<T>{};
  } else {
    return Type<StatusOr<T>>{};
  }
}

template <class A, class B>
constexpr auto UnifyTwo() {
  if constexpr (std::is_same_v<A, B>) {
    return Type<A>{};
  } else if constexpr (kAnyPoison<A, B>) {
    return Type<Poison>{};
  } else if constexpr (kIsStatus<A> || kIsStatus<B>) {
    using Other = std::conditional_t<kIsStatus<A>, B, A>;
    if constexpr (kIsUnit<Other>) {
      return Type<Status>{};
    } else if constexpr (kIsStatusOr<Other>) {
      return Type<Other>{};
    } else if constexpr (kIsFlow<Other> || kGoesOn<Other>) {
      return Type<StatusOr<Flow<typename FlowValueOf<Other>::type>>>{};
    } else {
      return Type<Mismatch>{};
    }
  } else if constexpr (kIsStatusOr<A> || kIsStatusOr<B>) {
    return OrStatus(UnifyTwo<ValueOf<A>, ValueOf<B>>());
  } else if constexpr (kGoesOn<A> && kGoesOn<B>) {
    return Type<ContinueFlow>{};
  } else if constexpr (kIsFlow<A> && kGoesOn<B>) {
    return Type<A>{};
  } else if constexpr (kIsFlow<B> && kGoesOn<A>) {
    return Type<B>{};
  } else {
    return Type<Mismatch>{};
  }
}

// Unify, as an operator, so that a fold does the rest.
template <class A, class B>
constexpr auto operator|(Type<A>, Type<B>) {
  return UnifyTwo<A, B>();
}

template <class... T>
using Unify = typename decltype((Type<T>{} | ...))::type;

// Whether a Status, OK or not, can be a T: not a StatusOr of something that must be computed.
template <class T>
inline constexpr bool kTakesOk = !kIsStatusOr<T> || kIsFlow<ValueOf<T>> || kGoesOn<ValueOf<T>>;

inline Status OkWithoutValueError() {
  return absl::InternalError("kioto: a branch gave an OK Status where the others give StatusOr<T>: it has no T; let it give the value");
}

// `value` as To, which is what Unify gave for From and others.
template <class To, class From>
To Convert(From&& value) {
  using Plain = std::remove_cv_t<std::remove_reference_t<From>>;
  if constexpr (std::is_same_v<To, Plain>) {
    return std::forward<From>(value);
  } else if constexpr (kGoesOn<To>) {
    return To{};
  } else if constexpr (kIsStatus<To>) {
    if constexpr (kIsUnit<Plain>) {
      return OkStatus();
    } else {
      return std::forward<From>(value);
    }
  } else if constexpr (kIsStatusOr<To>) {
    using T = ValueOf<To>;
    if constexpr (kIsStatus<Plain>) {
      if constexpr (kTakesOk<To>) {
        if (value.ok()) return To(Convert<T>(Unit{}));
      } else {
        if (value.ok()) return To(OkWithoutValueError());
      }
      return To(std::forward<From>(value));
    } else if constexpr (kIsStatusOr<Plain>) {
      if (!value.ok()) return To(std::forward<From>(value).status());
      return To(Convert<T>(*std::forward<From>(value)));
    } else {
      return To(Convert<T>(std::forward<From>(value)));
    }
  } else if constexpr (kIsFlow<To> && kGoesOn<Plain>) {
    return To(ContinueFlow{});
  } else {
    return To(std::forward<From>(value));
  }
}

// What AndThen gives for a step that gives V.
template <class V>
constexpr auto FallibleOf() {
  if constexpr (kIsFallible<V> || kIsPoison<V>) {
    return Type<V>{};
  } else if constexpr (kIsUnit<V>) {
    return Type<Status>{};
  } else if constexpr (kGoesOn<V>) {
    return Type<StatusOr<Flow<>>>{};
  } else {
    return Type<StatusOr<V>>{};
  }
}
template <class V>
using Fallible = typename decltype(FallibleOf<V>())::type;

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_UNIFY_H_
