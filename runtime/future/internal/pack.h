// Pack<T...>: values side by side. Made in order, destroyed in reverse; without std::tuple's recursion.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_PACK_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_PACK_H_

#include <cstddef>
#include <utility>

namespace kioto::internal {

template <size_t I, class T>
struct Leaf {
  T value;
};

template <class Indexes, class... T>
struct PackOf;

template <size_t... I, class... T>
struct PackOf<std::index_sequence<I...>, T...> : Leaf<I, T>... {
  template <class... U>
  explicit PackOf(std::in_place_t, U&&... u) : Leaf<I, T>{std::forward<U>(u)}... {}
};

template <class... T>
using Pack = PackOf<std::index_sequence_for<T...>, T...>;

template <size_t I, class T>
T& At(Leaf<I, T>& leaf) {
  return leaf.value;
}
template <size_t I, class T>
const T& At(const Leaf<I, T>& leaf) {
  return leaf.value;
}

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_PACK_H_
