// FutureBase<Self, T>: what every future class inherits: its Output, and the combinators as members.
//
//   class [[nodiscard]] RecvFuture : public FutureBase<RecvFuture, StatusOr<int>> {
//    public:
//     Poll<StatusOr<int>> PollOnce(Context& cx);
//   };
#ifndef KIOTO_RUNTIME_FUTURE_FUTURE_BASE_H_
#define KIOTO_RUNTIME_FUTURE_FUTURE_BASE_H_

#include "kioto/runtime/future/future_traits.h"

namespace kioto {

template <class Self, class T>
class FutureBase {
 public:
  using Output = T;

 protected:
  FutureBase() = default;
  ~FutureBase() = default;
  FutureBase(FutureBase&&) = default;
  FutureBase& operator=(FutureBase&&) = default;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_FUTURE_BASE_H_
