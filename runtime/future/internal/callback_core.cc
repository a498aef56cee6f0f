#include "kioto/runtime/future/internal/callback_core.h"

#include <utility>

#include "kioto/runtime/base/check.h"

namespace kioto::internal {

bool CallbackCore::End(State how) {
  // acq_rel: releases the output to Await; the acquire pairs with OnCancel's release. (R1)
  const auto before = static_cast<State>(
      word_.exchange(static_cast<uint32_t>(how), KIOTO_ORDER("callback.end_order", std::memory_order_acq_rel)));
  if (before == State::kCancelled) return false;
  if (before == State::kArmed) on_cancel_ = nullptr;
  if (!KIOTO_MUTANT("callback.end_without_wake")) waiting_.Wake();
  return true;
}

void CallbackCore::OnCancel(absl::AnyInvocable<void() &&> fn) {
  KIOTO_CHECK(state(std::memory_order_relaxed) != State::kArmed,  // relaxed: set by this side
              "Completer::OnCancel was called twice: call it once, with a function that does all there is to do");
  on_cancel_ = std::move(fn);
  auto expected = static_cast<uint32_t>(State::kOpen);
  // release: hands on_cancel_ to whoever leaves kArmed. relaxed on failure: cancelled, on_cancel_ is still ours (R2).
  if (word_.compare_exchange_strong(expected, static_cast<uint32_t>(State::kArmed), std::memory_order_release,
                                    std::memory_order_relaxed)) {
    return;
  }
  if (!KIOTO_MUTANT("callback.late_cancel_is_lost")) std::exchange(on_cancel_, nullptr)();
}

bool CallbackCore::Cancel() {
  // acq_rel: pairs with OnCancel's and End's release; released to cancelled(). (R1)
  const auto before = static_cast<State>(word_.exchange(static_cast<uint32_t>(State::kCancelled), std::memory_order_acq_rel));
  waiting_.Register(Waker());  // the completer may be kept for ever, and is not to keep the task
  if (before == State::kArmed) std::exchange(on_cancel_, nullptr)();
  return before == State::kOpen || before == State::kArmed;
}

}  // namespace kioto::internal
