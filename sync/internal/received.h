// Received<T>: what one asks of a channel of T gives: a Status as itself, a StatusOr<U> as itself, any other T as
// StatusOr<T>. So "the other side is gone" has a place, and no error lies inside another.
#ifndef KIOTO_SYNC_INTERNAL_RECEIVED_H_
#define KIOTO_SYNC_INTERNAL_RECEIVED_H_

#include "kioto/runtime/base/status.h"

namespace kioto::sync::internal {

template <class T>
struct ReceivedOf {
  using Type = StatusOr<T>;
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

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_RECEIVED_H_
