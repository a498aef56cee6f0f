// The names of the erased futures and of what polls them, for headers that only declare functions.
#ifndef KIOTO_RUNTIME_FUTURE_FUTURE_FWD_H_
#define KIOTO_RUNTIME_FUTURE_FUTURE_FWD_H_

namespace kioto {

struct Unit;
class Context;
class Waker;
template <class T>
class Poll;
template <class T = Unit>
class Future;
template <class T = Unit>
class LocalFuture;
template <class V>
class Flow;

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_FUTURE_FWD_H_
