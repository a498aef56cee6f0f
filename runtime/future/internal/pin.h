// How a node polls its child, and the checks that nothing is moved after its first poll, or polled after it was moved from.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_PIN_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_PIN_H_

#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::internal {

#if KIOTO_DEBUG

// The part of FutureBase that notices a move after the first poll, and a poll after a move. A future whose address does not matter (it holds a
// pointer to what is polled) says `static constexpr bool kMovable = true` and is left alone.
class PinCheck {
 public:
  PinCheck() = default;
  PinCheck(PinCheck&& other) noexcept {
    moved_from_ = other.MoveAway();
  }
  PinCheck& operator=(PinCheck&& other) noexcept {
    moved_from_ = other.MoveAway();
    polled_ = false;
    return *this;
  }
  void MarkPolled() {
    KIOTO_CHECK(!moved_from_, "a future was polled after it was moved from: it is elsewhere now, and can be used only once");
    polled_ = true;
  }

 private:
  // Whether there is nothing left to move.
  bool MoveAway() {
    KIOTO_CHECK(!polled_, "a future was moved after its first poll: move it before, or box it (.Boxed())");
    return std::exchange(moved_from_, true);
  }

  bool polled_ = false;
  bool moved_from_ = false;
};

#else

class PinCheck {};

#endif

template <class F, class = void>
inline constexpr bool kIsMovable = false;
template <class F>
inline constexpr bool kIsMovable<F, std::enable_if_t<F::kMovable>> = true;

// One poll of a future by what holds it: a node, a task, a test.
template <class F>
auto PollChild(F& future, Context& cx) {
#if KIOTO_DEBUG
  if constexpr (std::is_base_of_v<PinCheck, F> && !kIsMovable<F>) static_cast<PinCheck&>(future).MarkPolled();
#endif
  return future.PollOnce(cx);
}

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_PIN_H_
