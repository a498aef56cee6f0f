// JoinOutput<T>: what a JoinHandle gives for a task whose future gives T: T itself where it can hold an error, else T made
// able to. An aborted task gives IsAborted, one that threw IsThrown, one that the runtime ended IsShutdown;
// TaskIdOf gives the task's number from each of them.
//
//   Unit, Status   ->  Status            (no value is no value: a StatusOr<Unit> would only be a longer word for it)
//   StatusOr<U>    ->  StatusOr<U>
//   any other T    ->  StatusOr<T>
#ifndef KIOTO_RUNTIME_TASK_JOIN_OUTPUT_H_
#define KIOTO_RUNTIME_TASK_JOIN_OUTPUT_H_

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/poll.h"

namespace kioto {
namespace internal {

template <class T>
struct JoinOutputImpl {
  using type = StatusOr<T>;
};
template <>
struct JoinOutputImpl<Unit> {
  using type = Status;
};
template <>
struct JoinOutputImpl<Status> {
  using type = Status;
};
template <class U>
struct JoinOutputImpl<StatusOr<U>> {
  using type = StatusOr<U>;
};

template <class T>
auto ToJoinOutput(T&& value) -> typename JoinOutputImpl<std::decay_t<T>>::type {
  if constexpr (std::is_same_v<std::decay_t<T>, Unit>) {
    return OkStatus();
  } else {
    return std::forward<T>(value);
  }
}

inline const Status& StatusIn(const Status& status) { return status; }
template <class T>
const Status& StatusIn(const StatusOr<T>& value) {
  return value.status();
}

}  // namespace internal

template <class T>
using JoinOutput = typename internal::JoinOutputImpl<T>::type;

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_JOIN_OUTPUT_H_
