#include "kioto/net/resolve.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::net {
namespace {

using Addresses = std::vector<SocketAddress>;

// A resolver that waits until it is let go.
struct Gate {
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
    --inside;
    changed.notify_all();
  }
  void Open() {
    std::lock_guard<std::mutex> lock(mutex);
    open = true;
    changed.notify_all();
  }
  void Close() {
    std::lock_guard<std::mutex> lock(mutex);
    open = false;
  }
  void AwaitInside(int n) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return inside == n; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  int inside = 0;
};
Gate& TheGate() {
  static Gate& gate = *new Gate;
  return gate;
}
StatusOr<Addresses> GatedResolver(const std::string& host, uint16_t port) {
  TheGate().Wait();
  if (host == "nowhere") return absl::NotFoundError("nowhere");
  return Addresses{SocketAddress(IpAddress::V4(1, 2, 3, 4), port)};
}

void AwaitNoThreads() {
  while (internal::ResolverThreads() != 0) std::this_thread::yield();
}

template <class F>
OutputOf<F> Finish(PolledTask<F>& task) {
  while (true) {
    const int wakes = task.wakes();
    auto poll = task.Poll();
    if (poll.ready()) return *std::move(poll);
    while (task.wakes() == wakes) std::this_thread::yield();
  }
}

// behaviour: tokio/tests/net_lookup_host.rs#lookup_socket_addr
TEST(Resolve, GivesAnAddressBackAtOnce) {
  const SocketAddress address(IpAddress::LoopbackV4(), 8000);
  PolledTask task(Resolve(address));
  auto poll = task.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_EQ(**poll, Addresses{address});
}

// behaviour: tokio/tests/net_lookup_host.rs#lookup_str_socket_addr
TEST(Resolve, NeverLooksALiteralUp) {
  TheGate().Close();
  internal::ScopedResolverForTest resolver(&GatedResolver);
  PolledTask task(Resolve("127.0.0.1:8000"));
  auto poll = task.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_EQ(**poll, Addresses{SocketAddress(IpAddress::LoopbackV4(), 8000)});
  EXPECT_EQ(internal::ResolverThreads(), 0);
}

// behaviour: tokio/tests/net_lookup_host.rs#resolve_dns
TEST(Resolve, KnowsLocalhost) {
  PolledTask task(Resolve("localhost:3000"));
  StatusOr<Addresses> addresses = Finish(task);
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  for (const SocketAddress& address : *addresses) {
    EXPECT_TRUE(address.ip().is_loopback()) << address.ToString();
    EXPECT_EQ(address.port(), 3000);
  }
  AwaitNoThreads();
}

TEST(Resolve, SaysWhatIsWrong) {
  PolledTask bad(Resolve("no port"));
  EXPECT_EQ((*bad.Poll()).status().code(), absl::StatusCode::kInvalidArgument);
  // By itself no network is asked for a name that ends with .invalid in the hosts file or fails.
  internal::ScopedResolverForTest resolver(&GatedResolver);
  TheGate().Open();
  PolledTask task(Resolve("nowhere:1"));
  EXPECT_EQ(Finish(task).status().code(), absl::StatusCode::kNotFound);
  AwaitNoThreads();
}

// check: D21
TEST(Resolve, IsCappedAndLosesNothing) {
  TheGate().Close();
  internal::ScopedResolverForTest resolver(&GatedResolver);
  std::vector<std::unique_ptr<PolledTask<ResolveFuture>>> tasks;
  for (int i = 0; i < 64; ++i) {
    tasks.push_back(std::make_unique<PolledTask<ResolveFuture>>(Resolve(Endpoint("host", static_cast<uint16_t>(i)))));
    EXPECT_TRUE(tasks.back()->Poll().pending());
  }
  TheGate().AwaitInside(limits::kMaxResolverThreads);
  EXPECT_EQ(internal::ResolverThreads(), limits::kMaxResolverThreads);
  EXPECT_EQ(internal::WaitingLookUps(), 64u - limits::kMaxResolverThreads);
  // While they all hang, addresses go through.
  PolledTask literal(Resolve("127.0.0.1:1"));
  EXPECT_TRUE(literal.Poll().ready());
  TheGate().Open();
  for (int i = 0; i < 64; ++i) EXPECT_EQ(Finish(*tasks[i])->front().port(), i);
  AwaitNoThreads();
}

TEST(Resolve, DroppedLookUpsAreNotBegun) {
  TheGate().Close();
  internal::ScopedResolverForTest resolver(&GatedResolver);
  std::vector<std::unique_ptr<PolledTask<ResolveFuture>>> tasks;
  for (int i = 0; i < 20; ++i) {
    tasks.push_back(std::make_unique<PolledTask<ResolveFuture>>(Resolve("host:1")));
    if (i % 5 == 4) continue;  // some are dropped before their first poll
    EXPECT_TRUE(tasks.back()->Poll().pending());
  }
  TheGate().AwaitInside(limits::kMaxResolverThreads);
  tasks.clear();  // running ones and waiting ones
  EXPECT_EQ(internal::WaitingLookUps(), 0u);
  TheGate().Open();
  AwaitNoThreads();
}

TEST(Resolve, APausedClockDoesNotJumpMeanwhile) {
  DrivenLoop loop;
  loop.clock().Pause();
  TheGate().Close();
  internal::ScopedResolverForTest resolver(&GatedResolver);
  for (bool dropped : {false, true}) {
    PolledTask task(Resolve("host:1"));
    EXPECT_TRUE(task.Poll().pending());
    EXPECT_FALSE(loop.clock().auto_advance());
    if (dropped) task.Drop();
    TheGate().Open();
    if (!dropped) {
      EXPECT_TRUE(Finish(task).ok());
    }
    EXPECT_TRUE(loop.clock().auto_advance());
    AwaitNoThreads();
    TheGate().Close();
  }
}

TEST(Resolve, RefusesMoreThanMayWait) {
  TheGate().Close();
  internal::ScopedResolverForTest resolver(&GatedResolver);
  std::vector<std::unique_ptr<PolledTask<ResolveFuture>>> tasks;
  StatusOr<Addresses> refused = Addresses{};
  for (int i = 0; refused.ok() && i < 10'000; ++i) {
    tasks.push_back(std::make_unique<PolledTask<ResolveFuture>>(Resolve("host:1")));
    auto poll = tasks.back()->Poll();
    if (poll.ready()) refused = *std::move(poll);
  }
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted) << refused.status();
  TheGate().AwaitInside(limits::kMaxResolverThreads);
  tasks.clear();
  TheGate().Open();
  AwaitNoThreads();
}

}  // namespace
}  // namespace kioto::net
