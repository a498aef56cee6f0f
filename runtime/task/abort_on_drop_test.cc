#include "kioto/runtime/task/abort_on_drop.h"

#include <optional>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/task/testing/collections.h"

namespace kioto {
namespace {

// behaviour: tokio-util/tests/abort_on_drop.rs#aborts_task_on_drop
TEST(AbortOnDropTest, Aborts) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  {
    AbortOnDrop handle(runtime.Spawn(HoldForEver(guard)));
    Drive(runtime);
    EXPECT_FALSE(handle.finished());
  }
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 1);
}

// behaviour: tokio-util/tests/abort_on_drop.rs#aborts_task_directly
TEST(AbortOnDropTest, AbortsAtOnce) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  AbortOnDrop handle(runtime.Spawn(HoldForEver(guard)));
  handle.Abort();
  Drive(runtime);
  EXPECT_TRUE(handle.finished());
  EXPECT_EQ(guard.use_count(), 1);
  EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(handle))));
}

// behaviour: tokio-util/tests/abort_on_drop.rs#does_not_abort_after_detach
TEST(AbortOnDropTest, DisarmedItLetsTheTaskGoOn) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  AbortOnDrop(runtime.Spawn(HoldForEver(guard))).Disarm().Detach();
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 2);
}

TEST(AbortOnDropTest, IsAFutureOfTheOutput) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(*runtime.BlockOn(AbortOnDrop(runtime.Spawn(YieldThen(3)))), 3);
}

// check: H1
TEST(AbortOnDropTest, DropSuite) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  RunDropSuite([&] { return AbortOnDrop(runtime.Spawn(HoldForEver(guard))); }, 3, [&] {
    Drive(runtime);
    EXPECT_EQ(guard.use_count(), 1);  // the task ends with it
  });
}

TEST(AbortOnDropTest, AssigningAbortsWhatWasThere) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  AbortOnDrop handle(runtime.Spawn(HoldForEver(guard)));
  handle = AbortOnDrop(runtime.Spawn(Ready(Unit{})));
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 1);
  EXPECT_EQ(runtime.BlockOn(std::move(handle)), OkStatus());
}

// behaviour: tokio-util/tests/abort_on_drop.rs#handle_aborts_task_on_drop
// behaviour: tokio-util/tests/abort_on_drop.rs#handle_aborts_task_directly
TEST(AbortOnDropTest, OfAnAbortHandleToo) {
  Runtime runtime = MakeCurrentThread();
  for (bool directly : {false, true}) {
    auto guard = std::make_shared<int>();
    JoinHandle<Unit> join = runtime.Spawn(HoldForEver(guard));
    std::optional<AbortOnDrop<void>> handle(join.abort_handle());
    Drive(runtime);
    if (directly) {
      handle->Abort();
    } else {
      handle.reset();
    }
    Drive(runtime);
    EXPECT_TRUE(!handle.has_value() || handle->finished());
    EXPECT_EQ(guard.use_count(), 1);
    EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(join))));
  }
}

// behaviour: tokio-util/tests/abort_on_drop.rs#handle_does_not_abort_after_detach
TEST(AbortOnDropTest, AnAbortHandleCanBeDisarmed) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  AbortOnDrop handle(runtime.Spawn(HoldForEver(guard)).abort_handle());
  static_assert(std::is_same_v<decltype(handle), AbortOnDrop<void>>);
  { AbortHandle plain = std::move(handle).Disarm(); }
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 2);
}

}  // namespace
}  // namespace kioto
