// Poison: what a combinator returns after it has refused its arguments by a sentence. Everything that is fed Poison stays
// silent and gives Poison, so that one mistake is one error. It exists only in programs that do not compile.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_POISON_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_POISON_H_

#include <type_traits>

#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::internal {

struct Poison {
  using Output = Poison;
  using Item = Poison;

  Poll<Poison> PollOnce(Context&);

  template <class T>
  operator T() const;  // NOLINT: stands for anything

  // clang-format off
  template <class... A> Poison Then(A&&...) { return {}; }
  template <class... A> Poison Map(A&&...) { return {}; }
  template <class... A> Poison AndThen(A&&...) { return {}; }
  template <class... A> Poison OrElse(A&&...) { return {}; }
  template <class... A> Poison Finally(A&&...) { return {}; }
  template <class... A> Poison Inspect(A&&...) { return {}; }
  template <class... A> Poison Named(A&&...) { return {}; }
  template <class... A> Poison Apply(A&&...) { return {}; }
  template <class... A> Poison When(A&&...) { return {}; }
  Poison Boxed() { return {}; }
  // clang-format on
};

template <class T>
inline constexpr bool kIsPoison = std::is_same_v<std::remove_cv_t<std::remove_reference_t<T>>, Poison>;

// False, but only once its template is used.
template <class...>
inline constexpr bool kAlwaysFalse = false;

template <class... T>
inline constexpr bool kAnyPoison = (kIsPoison<T> || ...);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_POISON_H_
