// Handle::BlockOn on every flavour, before and after the end of its runtime.
#include <utility>

#include "gtest/gtest.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto {
namespace {

class HandleBlockOnTest : public FlavourTest {};
ON_EVERY_FLAVOUR(HandleBlockOnTest);

// The end is not hidden: the handle refuses. A future that needs no runtime is waited for without one.
// behaviour: tokio/tests/rt_handle_block_on.rs#basic
TEST_P(HandleBlockOnTest, GivesWhatIsReady) {
  {
    EnterGuard guard = runtime().Enter();
    StatusOr<Handle> handle = Handle::Current();
    ASSERT_TRUE(handle.ok()) << handle.status();
    EXPECT_EQ(*handle->BlockOn(Ready(1)), 1);
    EXPECT_TRUE(runtime().Shutdown().clean());
    EXPECT_TRUE(IsShutdown(handle->BlockOn(Ready(1)).status()));
    EXPECT_EQ(BlockOn(Ready(1)), 1);
  }
}

// behaviour: tokio/tests/rt_handle_block_on.rs#bounded_mpsc_channel
TEST_P(HandleBlockOnTest, PassesThroughABoundedChannel) {
  const Handle handle = runtime().handle();
  auto channel = sync::Mpsc<int>(1024);
  EXPECT_TRUE(handle.BlockOn(channel.sender.Send(42)).ok());
  EXPECT_EQ(*handle.BlockOn(channel.receiver.Recv().Map([](std::optional<int>& n) { return *n; })), 42);
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(BlockOn(channel.sender.Send(43)).ok());
  EXPECT_EQ(BlockOn(channel.receiver.Recv()), 43);
}

// behaviour: tokio/tests/rt_handle_block_on.rs#unbounded_mpsc_channel
TEST_P(HandleBlockOnTest, PassesThroughAnUnboundedChannel) {
  const Handle handle = runtime().handle();
  auto channel = sync::MpscUnbounded<int>();
  EXPECT_TRUE(channel.sender.Send(42).ok());
  EXPECT_EQ(*handle.BlockOn(channel.receiver.Recv().Map([](std::optional<int>& n) { return *n; })), 42);
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(channel.sender.Send(43).ok());
  EXPECT_EQ(BlockOn(channel.receiver.Recv()), 43);
}

// behaviour: tokio/tests/rt_handle_block_on.rs#nesting
TEST_P(HandleBlockOnTest, IsRefusedInsideBlockOn) {
  StatusOr<int> inner = runtime().BlockOn([] { return Handle::Current()->BlockOn(Ready(1)); });
  EXPECT_EQ(inner.status().code(), absl::StatusCode::kFailedPrecondition) << inner.status();
}

}  // namespace
}  // namespace kioto
