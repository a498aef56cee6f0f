#include "kioto/runtime/task/spawn_callback.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/log.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/tracked.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"

#if KIOTO_EXCEPTIONS
#include <stdexcept>
#endif

namespace kioto {
namespace {

Runtime MakeRuntime() {
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// Lets other tasks run until then.
template <class Condition>
auto YieldUntil(Condition condition) {
  return Loop([condition] {
    return YieldNow().Then([condition](Unit&) { return condition() ? Flow<>(Break()) : Flow<>(Continue()); });
  });
}

// Where an output goes; counts how often.
template <class Output>
struct Outcome {
  int calls = 0;
  std::optional<Output> output;
  auto Callback() {
    return [this](Output out) {
      ++calls;
      output = std::move(out);
    };
  }
};

TEST(SpawnCallbackTest, GivesTheOutputAsAJoinHandleDoes) {
  Outcome<StatusOr<int>> value;
  Outcome<Status> nothing;
  Outcome<StatusOr<std::string>> error;
  const Runtime runtime = MakeRuntime();
  (void)runtime.BlockOn([&] {
    Spawn(Ready(7), value.Callback());
    Spawn(Ready(), nothing.Callback());
    Spawn(Ready(StatusOr<std::string>(absl::NotFoundError("nowhere"))), error.Callback());
    EXPECT_EQ(value.calls, 0) << "not before the task runs";
    return YieldUntil([&] { return value.calls + nothing.calls + error.calls == 3; });
  });
  EXPECT_EQ(value.calls, 1);
  EXPECT_EQ(**value.output, 7);
  EXPECT_EQ(nothing.calls, 1);
  EXPECT_TRUE(nothing.output->ok());
  EXPECT_EQ(error.calls, 1);
  EXPECT_TRUE(absl::IsNotFound(error.output->status()));
}

// By a thread that has entered no runtime.
TEST(SpawnCallbackTest, ARuntimeAndItsHandleTakeItFromOutside) {
  Outcome<StatusOr<int>> one, two;
  Outcome<Status> aborted, late;
  Runtime runtime = MakeRuntime();
  const Handle handle = runtime.handle();
  runtime.Spawn(Ready(1), one.Callback());
  handle.Spawn(Ready(2), two.Callback(), {"two"});
  handle.Spawn(Never(), aborted.Callback()).Abort();
  EXPECT_EQ(one.calls + two.calls + aborted.calls, 0) << "not before the tasks run";
  (void)runtime.BlockOn(YieldUntil([&] { return one.calls + two.calls + aborted.calls == 3; }));
  EXPECT_EQ(**one.output, 1);
  EXPECT_EQ(**two.output, 2);
  EXPECT_TRUE(kioto::IsAborted(*aborted.output)) << *aborted.output;
  EXPECT_TRUE(runtime.Shutdown().clean());
  handle.Spawn(Never(), late.Callback());
  EXPECT_EQ(late.calls, 1);
  EXPECT_TRUE(IsShutdown(*late.output)) << *late.output;
}

TEST(SpawnCallbackTest, TheFutureIsGoneBeforeTheCall) {
  const Runtime runtime = MakeRuntime();
  int alive = -1;
  (void)runtime.BlockOn([&] {
    Spawn(Lazy([held = Tracked()] { return held.lives(); }), [&](StatusOr<bool> lived) {
      alive = Tracked::alive();
      EXPECT_TRUE(*lived);
    });
    return YieldUntil([&] { return alive >= 0; });
  });
  EXPECT_EQ(alive, 0);
}

TEST(SpawnCallbackTest, SaysThatTheTaskWasAborted) {
  Outcome<Status> outcome;
  int alive = -1;
  const Runtime runtime = MakeRuntime();
  (void)runtime.BlockOn([&] {
    AbortHandle task = Spawn(Lazy([held = Tracked()] { return Never(); }), [&, callback = outcome.Callback()](Status status) mutable {
      alive = Tracked::alive();
      callback(std::move(status));
    });
    task.Abort();
    EXPECT_EQ(outcome.calls, 0) << "never on the caller's stack";
    return YieldUntil([&] { return outcome.calls > 0; });
  });
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_TRUE(kioto::IsAborted(*outcome.output)) << *outcome.output;
  EXPECT_EQ(alive, 0) << "the future is gone before the call";
}

TEST(SpawnCallbackTest, SaysThatTheRuntimeHasEnded) {
  Outcome<Status> before, after;
  Runtime runtime = MakeRuntime();
  const EnterGuard entered = runtime.Enter();
  Spawn(Never(), before.Callback());
  runtime.Shutdown();
  EXPECT_EQ(before.calls, 1);
  EXPECT_TRUE(IsShutdown(*before.output)) << *before.output;
  Spawn(Ready(), after.Callback());
  EXPECT_EQ(after.calls, 1);
  EXPECT_TRUE(IsShutdown(*after.output)) << *after.output;
}

TEST(SpawnCallbackTest, SaysThatThereIsNoRuntime) {
  Outcome<StatusOr<int>> outcome;
  Spawn(Ready(7), outcome.Callback());
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.output->status())) << outcome.output->status();
}

TEST(SpawnCallbackTest, RunsOnAWorkerAndTakesMoveOnlyThings) {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  base::Parker done;
  base::Atomic<bool> here{true};
  {
    const EnterGuard entered = runtime->Enter();
    Spawn(Ready(std::make_unique<int>(7)),
          [&, self = std::this_thread::get_id(), token = std::make_unique<int>(1)](StatusOr<std::unique_ptr<int>> seven) {
            EXPECT_EQ(**seven, 7);
            here.store(std::this_thread::get_id() == self);
            done.Unpark();
          },
          TaskOptions{"named"});
  }
  done.Park();
  EXPECT_FALSE(here.load());
}

#if KIOTO_EXCEPTIONS
TEST(SpawnCallbackTest, SaysThatTheFutureThrew) {
  Outcome<Status> outcome;
  const Runtime runtime = MakeRuntime();
  (void)runtime.BlockOn([&] {
    Spawn(Lazy([]() -> Status { throw std::runtime_error("thrown"); }), outcome.Callback());
    return YieldUntil([&] { return outcome.calls > 0; });
  });
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_TRUE(IsThrown(*outcome.output)) << *outcome.output;
  EXPECT_EQ(outcome.output->message().rfind("the future of task ", 0), 0u) << *outcome.output;
}

class Lines : public LogSink {
 public:
  Lines() : before_(SetLogSink(this)) { base::ResetLogRateForTest(); }
  ~Lines() override { SetLogSink(before_); }
  void Write(absl::string_view line) override { text_.append(line.data(), line.size()); }
  const std::string& text() const { return text_; }

 private:
  LogSink* before_;
  std::string text_;
};

TEST(SpawnCallbackTest, AThrowOfTheCallbackIsLogged) {
  for (bool abort : {false, true}) {
    Lines lines;
    int calls = 0;
    const Runtime runtime = MakeRuntime();
    (void)runtime.BlockOn([&] {
      AbortHandle task = Spawn(YieldNow(), [&](Status) {
        ++calls;
        throw std::runtime_error("thrown away");
      });
      if (abort) task.Abort();
      return YieldUntil([task] { return task.finished(); });
    });
    EXPECT_EQ(calls, 1);
    EXPECT_NE(lines.text().find("thrown away"), std::string::npos) << lines.text();
  }
}
#endif

}  // namespace
}  // namespace kioto
