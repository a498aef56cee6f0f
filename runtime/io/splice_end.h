// Which readers and writers splice: whose bytes are those of an fd, and nothing else. Between two of them io::Copy lets the
// kernel move the bytes. Such a class, a socket or a pipe of ours, has
//
//   using Splices = T;                            // T being itself
//   kioto::internal::IoHandle& splice_handle();
//
// What derives from it does not splice for that, since it may want to see the bytes, or count them; nor does what holds it.
#ifndef KIOTO_RUNTIME_IO_SPLICE_END_H_
#define KIOTO_RUNTIME_IO_SPLICE_END_H_

#include <type_traits>

#include "kioto/runtime/base/config.h"

namespace kioto::internal {
class IoHandle;
}

namespace kioto::io::internal {

#if defined(__linux__) && !KIOTO_PORTABLE
inline constexpr bool kSystemSplices = true;
#else
inline constexpr bool kSystemSplices = false;
#endif

template <class T, class = void>
struct SplicesImpl : std::false_type {};
template <class T>
struct SplicesImpl<T, std::void_t<typename T::Splices>> : std::is_same<typename T::Splices, T> {};

// Whether the bytes of T (no reference) are spliced.
template <class T>
inline constexpr bool Splices = kSystemSplices && SplicesImpl<T>::value;

template <class T>
kioto::internal::IoHandle* SpliceHandleOf([[maybe_unused]] T& end) {
  if constexpr (Splices<T>) {
    return &end.splice_handle();
  } else {
    return nullptr;
  }
}

}  // namespace kioto::io::internal

#endif  // KIOTO_RUNTIME_IO_SPLICE_END_H_
