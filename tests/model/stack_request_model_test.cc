// A thread is asked for its stack, perhaps too late, then another one: what is taken is of the one that was asked. The numbers are
// those of runtime/scheduler/stack_request.h.
#include "kioto/runtime/scheduler/stack_request.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::StackRequest;

constexpr uintptr_t kFirst = 16, kSecond = 32;

class Asked {
 public:
  // A handler of `thread`, which the signal may reach at any time, and its stack: one frame, or two.
  void Handle(uintptr_t thread) {
    StackRequest::Request* const request = request_.Claim(thread);
    if (request == nullptr) return;
    void* const frame = reinterpret_cast<void*>(thread);
    void* const frames[StackRequest::kMaxFrames] = {frame, frame};
    StackRequest::Answer(request, frames, thread == kFirst ? 1 : 2);
  }
  // Looks a few times whether it has answered.
  void Ask(uintptr_t thread) {
    if (!request_.Ask(thread)) return;
    for (int looks = 0; looks < 2 && !request_.answered(); ++looks) SpinHint();
    void* frames[StackRequest::kMaxFrames] = {};
    const int count = request_.Take(thread, frames);
    if (count < 0) return;
    Assert(count == (thread == kFirst ? 1 : 2), "the number of frames of another thread");
    for (int i = 0; i < count; ++i) Assert(frames[i] == reinterpret_cast<void*>(thread), "a frame of another thread");
  }

 private:
  StackRequest request_;
};

void TwoAreAsked() {
  Asked asked;
  Thread first([&] { asked.Handle(kFirst); });
  Thread second([&] { asked.Handle(kSecond); });
  asked.Ask(kFirst);
  asked.Ask(kSecond);
}

void OneIsAskedAgain() {
  Asked asked;
  Thread first([&] {
    asked.Handle(kFirst);
    asked.Handle(kFirst);
  });
  Thread second([&] { asked.Handle(kSecond); });
  asked.Ask(kFirst);
  asked.Ask(kSecond);
  asked.Ask(kFirst);
}

TEST(StackRequestModel, AnAnswerIsOfWhoWasAsked) {
  ExpectHoldsAlways(Options().Preemptions(3), TwoAreAsked);
  ExpectHoldsAlways(Options().Preemptions(2), OneIsAskedAgain);
  ExpectCaught("stack_request.take_claimed", Options().Preemptions(3), TwoAreAsked);
  ExpectCaught("stack_request.take_order", Options().Preemptions(3), TwoAreAsked);
  ExpectCaught("stack_request.answer_order", Options().Preemptions(3), TwoAreAsked);
}

}  // namespace
}  // namespace kioto::model
