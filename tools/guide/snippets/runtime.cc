// The snippets of tools/guide/runtime.md, compiled and run.
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"

namespace kioto {
namespace {

// [region enter]
// On a thread that is none of the runtime's.
StatusOr<int> FromOutside(const Handle& runtime) {
  const EnterGuard inside = runtime.Enter();  // Spawn, Sleep and sockets find the runtime here
  JoinHandle<int> answer = Spawn(Ready(42));
  return runtime.BlockOn(std::move(answer));
}
// [end enter]

TEST(RuntimeGuide, AThreadOfItsOwnMaySpawnAndWait) {
  StatusOr<Runtime> many = Runtime::MultiThread();
  StatusOr<Runtime> one = Runtime::CurrentThread();
  ASSERT_TRUE(many.ok()) << many.status();
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(FromOutside(many->handle()).value(), 42);
  EXPECT_EQ(FromOutside(one->handle()).value(), 42);
}

TEST(RuntimeGuide, AHandleThatOutlivesItsRuntimeIsRefused) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  const Handle handle = runtime->handle();
  EXPECT_TRUE(runtime->Shutdown().clean());
  EXPECT_TRUE(IsShutdown(FromOutside(handle).status()));
}

}  // namespace
}  // namespace kioto
