// The words of kioto::debug.
#include "kioto/runtime/scheduler/debug.h"

#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"

namespace kioto::debug {
namespace {

// behaviour: kioto/runtime/scheduler/debug.h#trace_of_a_future
TEST(Debug, TracesAFutureBetweenPolls) {
  auto future = Select(Case(Never().Named("one")), Case(Never().Named("two")));
  EXPECT_EQ(ToString(Trace(future)), "Select\n  \"one\"\n    Never\n  \"two\"\n    Never\n");
  EXPECT_EQ(ToString(Trace(future, 2)), "Select\n  \"one\"\n… and 3 more\n");
}

// behaviour: kioto/runtime/scheduler/debug.h#dump_of_the_runtime_here
TEST(Debug, DumpsTheRuntimeEntered) {
  EXPECT_FALSE(Dump().ok());
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  auto task = runtime->Spawn(Never(), {"waits"});
  const EnterGuard entered = runtime->Enter();
  StatusOr<RuntimeDump> dump = Dump();
  ASSERT_TRUE(dump.ok()) << dump.status();
  ASSERT_EQ(dump->tasks.size(), 1u);
  EXPECT_EQ(dump->tasks[0].name, "waits");
  EXPECT_EQ(dump->tasks[0].state, TaskDump::State::kQueued);  // nobody has driven it yet
}

}  // namespace
}  // namespace kioto::debug
