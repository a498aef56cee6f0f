// CallbackCore: what a FromCallback and its Completer share, but for the value.
//
// STATE       one word:
//               kOpen       neither side has acted
//               kArmed      the same, and on_cancel_ is set
//               kCompleted  the output is in the block, for the future
//               kAbandoned  the completer went away without a call
//               kCancelled  the future went away
//             refs_: the two sides; the last one frees the block.
// OWNERSHIP   the output: the completer's until it stores kCompleted, the future's from then on; whoever frees the block
//             destroys what was not taken. on_cancel_: the completer's until kArmed, then of whoever leaves kArmed.
// RACES       R1 Complete against Cancel: both exchange the word. The second sees the first: a completer learns that nobody
//                wants the output; a future that is dropped runs no on_cancel_ of a call that was made.
//             R2 OnCancel against Cancel: the CAS of OnCancel fails, and it runs the function itself.
//             R3 Complete against Await: the future registers its waker first and looks at the word second.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_CALLBACK_CORE_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_CALLBACK_CORE_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/future/waker_slot.h"

namespace kioto::internal {

class CallbackCore {
 public:
  enum class State : uint32_t { kOpen, kArmed, kCompleted, kAbandoned, kCancelled };

  CallbackCore() = default;
  CallbackCore(const CallbackCore&) = delete;
  CallbackCore& operator=(const CallbackCore&) = delete;

  // --- the completer, one thread at a time ---

  // The output is in the block. Whether the future is still there to take it.
  bool Complete() { return End(State::kCompleted); }
  void Abandon() { End(State::kAbandoned); }
  // Once. Calls `fn` when the future goes away before the output; here and now if it has gone already.
  void OnCancel(absl::AnyInvocable<void() &&> fn);
  bool cancelled() const {
    return state(std::memory_order_acquire) == State::kCancelled;  // acquire: pairs with Cancel
  }

  // --- the future ---

  // Keeps `waker`, then looks: kCompleted and kAbandoned are final.
  State Await(const Waker& waker) {
    waiting_.Register(waker);
    return state(KIOTO_ORDER("callback.await_order", std::memory_order_acquire));  // acquire: pairs with End
  }
  // Goes away; runs what OnCancel was given. Whether it was before the end of the completer.
  bool Cancel();

  // Whether this was the last side.
  [[nodiscard]] bool Unref() {
    // acq_rel: the release pairs with the acquire of the last, which must see all that the other did.
    return refs_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

 private:
  State state(std::memory_order order) const { return static_cast<State>(word_.load(order)); }
  bool End(State how);

  base::Atomic<uint32_t> word_{static_cast<uint32_t>(State::kOpen)};
  base::Atomic<uint32_t> refs_{2};
  WakerSlot waiting_;
  absl::AnyInvocable<void() &&> on_cancel_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_CALLBACK_CORE_H_
