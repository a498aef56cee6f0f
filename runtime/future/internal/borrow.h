// The check that no compiler makes: that what a future borrows does not lie on the stack of the poll itself, in a step that
// has returned. Unoptimized debug builds only; AddressSanitizer finds more.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_BORROW_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_BORROW_H_

#include <cstdint>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/future/context.h"

// Only without optimization: with it, a poll's scope may share its frame with what the caller rightly lends. Under
// AddressSanitizer locals live elsewhere, and it sees these mistakes by itself.
#if defined(__SANITIZE_ADDRESS__) || defined(__OPTIMIZE__)
#define KIOTO_CHECK_BORROWS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KIOTO_CHECK_BORROWS 0
#endif
#endif
#ifndef KIOTO_CHECK_BORROWS
#define KIOTO_CHECK_BORROWS KIOTO_DEBUG
#endif

namespace kioto::internal {

// Stacks grow down on every platform that we know: what was on the stack in this poll lies just below its scope.
inline constexpr uintptr_t kPollStackBytes = 256 * 1024;

inline bool IsOnPollStack(Context& cx, const volatile void* p) {
  const uintptr_t top = reinterpret_cast<uintptr_t>(&cx.scope());
  const uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const uintptr_t at = reinterpret_cast<uintptr_t>(p);
  if (top - here >= kPollStackBytes) return false;  // the scope is not on this stack, or too far up
  return top - at < kPollStackBytes;                // unsigned: no for what lies above
}

template <class T, class = void>
inline constexpr bool kIsView = false;
template <class T>  // string_view, span: data() and size(), and no destructor: it owns nothing
inline constexpr bool kIsView<T, std::void_t<decltype(std::declval<const T&>().data() + std::declval<const T&>().size())>> =
    std::is_trivially_destructible_v<T> && std::is_trivially_copyable_v<T> &&
    sizeof(T) == sizeof(void*) + sizeof(std::declval<const T&>().size());

// Checks what a With, a ByRef or an I/O future is about to borrow. Call at the first poll.
template <class T>
void CheckBorrow([[maybe_unused]] Context& cx, [[maybe_unused]] const T& value) {
#if KIOTO_CHECK_BORROWS
  const volatile void* p = nullptr;
  if constexpr (std::is_pointer_v<T>) {
    if constexpr (!std::is_function_v<std::remove_pointer_t<T>>) p = value;
  } else if constexpr (kIsView<T>) {
    p = value.data();
  }
  KIOTO_CHECK(p == nullptr || !IsOnPollStack(cx, p),
              "a future borrows from the stack of a step that has returned: keep what it uses in With, or let it own it");
#endif
}

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_BORROW_H_
