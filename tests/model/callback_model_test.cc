// FromCallback: an output that was given arrives; who comes too late learns it; OnCancel runs once or never.
#include "kioto/runtime/future/internal/callback_core.h"

#include <gtest/gtest.h>

#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::CallbackCore;

// A thread completes while the task polls and sleeps (R3).
void Complete() {
  auto* sleeper = new Sleeper;
  {
    CallbackCore core;
    Cell<int> output;
    Thread completer([&] {
      output.Write() = 7;
      Assert(core.Complete(), "refused, though the future is there");
    });
    {
      const Waker waker = sleeper->MakeWaker();
      while (core.Await(waker) != CallbackCore::State::kCompleted) sleeper->Sleep();
      Assert(output.Read() == 7, "completed without the output");
    }
    completer.Join();
  }
  sleeper->Drop();
}

TEST(CallbackModel, AnOutputArrives) { ExpectHoldsAlways(Options(), Complete); }

TEST(CallbackModel, AnOutputArrivesMutants) {
  ExpectCaught("callback.await_order", Options(), Complete);
  ExpectCaught("callback.end_order", Options(), Complete);
  ExpectCaught("callback.end_without_wake", Options(), Complete);
}

// The future is dropped while the completer says what to do then, and completes (R1, R2).
void CancelAgainstComplete() {
  CallbackCore core;
  int cancels = 0;
  bool taken = false;
  Thread completer([&] {
    core.OnCancel([&] { ++cancels; });
    taken = core.Complete();
  });
  const bool open = core.Cancel();
  completer.Join();
  Assert(taken == !open, "both sides think that they came first");
  Assert(cancels == (open ? 1 : 0), "cancelled twice, or not at all");
}

TEST(CallbackModel, OneSideComesFirst) { ExpectHoldsAlways(Options(), CancelAgainstComplete); }

TEST(CallbackModel, OneSideComesFirstMutants) {
  ExpectCaught("callback.late_cancel_is_lost", Options(), CancelAgainstComplete);
}

}  // namespace
}  // namespace kioto::model
