// Received<T>: what may end without a value gives: a Status or a StatusOr<U> as itself, Unit as Status, any other T as
// StatusOr<T>. So "the other side is gone" has a place, and no error lies inside another.
#ifndef KIOTO_SYNC_INTERNAL_RECEIVED_H_
#define KIOTO_SYNC_INTERNAL_RECEIVED_H_

#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::sync::internal {

template <class T>
struct ReceivedOf {
  using Type = StatusOr<T>;
};
template <>
struct ReceivedOf<Unit> {
  using Type = Status;
};
template <>
struct ReceivedOf<Status> {
  using Type = Status;
};
template <class U>
struct ReceivedOf<StatusOr<U>> {
  using Type = StatusOr<U>;
};

template <class T>
using Received = typename ReceivedOf<T>::Type;

template <class T>
Received<T> ToReceived(T&& value) {
  if constexpr (std::is_same_v<T, Unit>) {
    return OkStatus();
  } else {
    return Received<T>(std::move(value));
  }
}

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_RECEIVED_H_
