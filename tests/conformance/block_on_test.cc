// Handle::BlockOn on every flavour, before and after the end of its runtime.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/paths.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/runtime/scheduler/in_runtime.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

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

// --- What needs a part of the runtime --------------------------------------------------------------------------------------

std::string NewFile(absl::string_view contents) {
  static std::atomic<int> number{0};
  const std::string path = absl::StrCat(testing::TempDir(), "/block_on_", getpid(), "_", ++number);
  std::FILE* file = std::fopen(path.c_str(), "w");
  EXPECT_EQ(std::fwrite(contents.data(), 1, contents.size(), file), contents.size());
  EXPECT_EQ(std::fclose(file), 0);
  return path;
}

// behaviour: tokio/tests/rt_handle_block_on.rs#basic_fs
TEST_P(HandleBlockOnTest, ReadsAFile) {
  const std::string path = NewFile("hello, file");
  const StatusOr<std::string> text = runtime().handle().BlockOn(fs::ReadToString(path));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "hello, file");
}

// The handle refuses, and so does the blocking pool, whoever drives the future.
// behaviour: tokio/tests/rt_handle_block_on.rs#fs_shutdown_before_started
TEST_P(HandleBlockOnTest, ReadsNoFileAfterTheEnd) {
  const std::string path = NewFile("hello, file");
  const EnterGuard guard = runtime().Enter();
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(IsShutdown(runtime().handle().BlockOn(fs::ReadToString(path)).status()));
  const Status status = BlockOn(fs::ReadToString(path)).status();
  EXPECT_TRUE(IsShutdown(status)) << status;
}

// behaviour: tokio/tests/rt_handle_block_on.rs#tcp_listener_bind
TEST_P(HandleBlockOnTest, BindsAListener) {
  StatusOr<net::TcpListener> listener = runtime().handle().BlockOn(net::TcpListener::Bind("127.0.0.1:0"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_NE(listener->local_address()->port(), 0);
}

// behaviour: tokio/tests/rt_handle_block_on.rs#tcp_listener_connect_after_shutdown
TEST_P(HandleBlockOnTest, ListensNotAfterTheEnd) {
  const EnterGuard guard = runtime().Enter();
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(IsShutdown(runtime().handle().BlockOn(net::TcpListener::Bind("127.0.0.1:0")).status()));
  const Status status = BlockOn(net::TcpListener::Bind("127.0.0.1:0")).status();
  EXPECT_TRUE(IsShutdown(status)) << status;
}

// behaviour: tokio/tests/rt_handle_block_on.rs#tcp_listener_connect_before_shutdown
TEST_P(HandleBlockOnTest, ListensNotWhereItWasToBeforeTheEnd) {
  const EnterGuard guard = runtime().Enter();
  auto bind = net::TcpListener::Bind("127.0.0.1:0");
  auto other = net::TcpListener::Bind("127.0.0.1:0");
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(IsShutdown(runtime().handle().BlockOn(std::move(bind)).status()));
  const Status status = BlockOn(std::move(other)).status();
  EXPECT_TRUE(IsShutdown(status)) << status;
}

// behaviour: tokio-util/tests/context.rs#tokio_context_with_another_runtime
TEST(InRuntimeTest, ASleepHasTheTimersOfAnotherRuntimeThanTheOneThatDrivesIt) {
  const Runtime with_timers = *RuntimeBuilder::MultiThread().WorkerThreads(1).Build();
  for (int workers : {0, 1}) {
    RuntimeBuilder builder = workers == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
    if (workers > 0) builder.WorkerThreads(workers);
    const Runtime without = *builder.WithoutTime().Build();
    Status status = without.BlockOn(InRuntime(with_timers.handle(), time::Sleep(1ms)));
    EXPECT_TRUE(status.ok()) << status;
    status = without.BlockOn(without.Spawn(InRuntime(with_timers.handle(), time::Sleep(1ms))));
    EXPECT_TRUE(status.ok()) << status;
  }
}

}  // namespace
}  // namespace kioto
