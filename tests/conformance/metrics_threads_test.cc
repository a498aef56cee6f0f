// RuntimeMetrics: blocking threads and readiness.
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/block_in_place.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/worker_index.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/tests/conformance/metrics_testing.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

// --- Blocking threads ------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_unstable_metrics.rs#num_blocking_threads
TEST(MetricsTest, CountBlockingThreads) {
  for (int workers : {0, 2}) {
    const Runtime runtime = workers == 0 ? OneThread() : Workers(workers);
    EXPECT_EQ(runtime.metrics().blocking_threads(), 0u);
    Finish(runtime, [] { return SpawnBlocking([] {}); });
    EXPECT_EQ(runtime.metrics().blocking_threads(), 1u);
  }
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#num_idle_blocking_threads
TEST(MetricsTest, CountBlockingThreadsWithoutAJob) {
  const Runtime runtime = OneThread();
  const RuntimeMetrics metrics = runtime.metrics();
  EXPECT_EQ(metrics.idle_blocking_threads(), 0u);
  Finish(runtime, [] { return SpawnBlocking([] {}); });
  AwaitThat([&] { return metrics.idle_blocking_threads() == 1; });
  Finish(runtime, [&] { return SpawnBlocking([&metrics] { EXPECT_EQ(metrics.idle_blocking_threads(), 0u); }); });
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#num_idle_blocking_threads_is_zero_after_shutdown
TEST(MetricsTest, AfterTheEndNoBlockingThreadIsIdle) {
  std::optional<Runtime> runtime = OneThread();
  const Handle handle = runtime->handle();
  Finish(*runtime, [] { return SpawnBlocking([] {}); });
  AwaitThat([&] { return handle.metrics().idle_blocking_threads() == 1; });
  runtime.reset();
  EXPECT_EQ(handle.metrics().idle_blocking_threads(), 0u);
  EXPECT_EQ(handle.metrics().blocking_threads(), 0u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#blocking_queue_depth
TEST(MetricsTest, CountJobsThatWaitForABlockingThread) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  const Runtime runtime = Built(builder.MaxBlockingThreads(1));
  const RuntimeMetrics metrics = runtime.metrics();
  EXPECT_EQ(metrics.blocking_queue_depth(), 0u);
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::vector<JoinHandle<Unit>> jobs;
  {
    const EnterGuard inside = runtime.Enter();
    for (int i = 0; i < 2; ++i) jobs.push_back(SpawnBlocking([released] { released.wait(); }));
  }
  EXPECT_GT(metrics.blocking_queue_depth(), 0u);
  release.set_value();
  for (JoinHandle<Unit>& job : jobs) Finish(runtime, std::move(job));
  EXPECT_EQ(metrics.blocking_queue_depth(), 0u);
}

// --- I/O -------------------------------------------------------------------------------------------------------------------

// A connection whose other end belongs to another runtime.
class IoMetricsTest : public testing::Test {
 protected:
  IoMetricsTest() : listener_(*elsewhere_.BlockOn(net::TcpListener::Bind("127.0.0.1:0"))) {}

  void Connect() {
    stream_ = *runtime_.BlockOn(net::TcpStream::Connect(*listener_.local_address()));
    peer_ = *elsewhere_.BlockOn(listener_.Accept());
  }
  // Reads a byte that is sent only when the read waits for it.
  void Read() {
    TestThread sender([this] {
      AwaitThat([&] { return metrics_.io_fds_registered() == 1; });
      EXPECT_TRUE(elsewhere_.BlockOn(peer_->WriteAll(std::string("x"))).ok());
    });
    char byte[1];
    EXPECT_EQ(*runtime_.BlockOn(stream_->Read(MutableBytes(byte))), 1u);
  }

  const Runtime elsewhere_ = OneThread();
  const Runtime runtime_ = OneThread();
  const RuntimeMetrics metrics_ = runtime_.metrics();
  net::TcpListener listener_;
  std::optional<net::TcpStream> stream_;
  std::optional<net::TcpStream> peer_;
};

// behaviour: tokio/tests/rt_unstable_metrics.rs#io_driver_fd_count
TEST_F(IoMetricsTest, CountWhatIsWatchedFromItsFirstWaitToItsEnd) {
  EXPECT_EQ(metrics_.io_fds_registered(), 0u);
  Connect();
  Read();
  EXPECT_EQ(metrics_.io_fds_registered(), 1u);
  EXPECT_EQ(metrics_.io_fds_deregistered(), 0u);
  stream_.reset();
  EXPECT_EQ(metrics_.io_fds_registered(), 1u);
  EXPECT_EQ(metrics_.io_fds_deregistered(), 1u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#io_driver_ready_count
TEST_F(IoMetricsTest, CountReadiness) {
  Connect();
  EXPECT_EQ(metrics_.io_ready_events(), 0u);
  Read();
  EXPECT_EQ(metrics_.io_ready_events(), 1u);
}

TEST(MetricsTest, WithoutIoThereIsNone) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  const RuntimeMetrics metrics = Built(builder.WithoutIo()).metrics();
  EXPECT_EQ(metrics.io_fds_registered(), 0u);
  EXPECT_EQ(metrics.io_ready_events(), 0u);
}

}  // namespace
}  // namespace kioto
