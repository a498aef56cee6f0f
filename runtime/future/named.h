// future.Named("reading the head"): a name for whoever looks at the task. Costs one pointer and nothing at a poll.
// CANCEL SAFE: as the future.
#ifndef KIOTO_RUNTIME_FUTURE_NAMED_H_
#define KIOTO_RUNTIME_FUTURE_NAMED_H_

#include <string>
#include <utility>

#include "kioto/runtime/future/future_base.h"

namespace kioto {
namespace internal {

template <class F>
class [[nodiscard]] NamedNode : public FutureBase<NamedNode<F>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  NamedNode(F future, const char* name) : name_(name), future_(std::move(future)) {}

  Poll<OutputOf<F>> PollOnce(Context& cx) { return PollChild(future_, cx); }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node(std::string("\"") + name_ + "\"");
    trace.Child(future_);
  }
  const char* name() const { return name_; }

 private:
  const char* name_;
  F future_;
};

}  // namespace internal

template <class Self, class T>
auto FutureBase<Self, T>::Named(const char* name) && {
  return internal::NamedNode<Self>(self(), name);
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_NAMED_H_
