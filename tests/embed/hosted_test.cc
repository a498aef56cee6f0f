// A program whose loop is a plain poll(2), and Kioto inside it: both make progress, an idle guest wakes nobody, other threads
// reach it, and nothing of it stays.
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/hosted.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

class Host {
 public:
  explicit Host(RuntimeBuilder builder = RuntimeBuilder::CurrentThread()) : kioto_(*HostedRuntime::Make(std::move(builder))) {}

  // One turn; whether the wait was ended by Kioto's fd.
  bool Turn(int own_timeout_ms = -1) {
    ++turns_;
    int wait = kioto_.PollTimeoutMs();
    if (wait < 0 || (own_timeout_ms >= 0 && own_timeout_ms < wait)) wait = own_timeout_ms;
    pollfd fd = {kioto_.PollFd(), POLLIN, 0};
    const bool came = poll(&fd, 1, wait) == 1;
    kioto_.Drive();
    return came;
  }
  template <class T>
  JoinOutput<T> Await(JoinHandle<T> handle) {
    while (!handle.finished()) Turn();
    internal::PollScope scope;
    Waker none;
    Context cx(none, scope);
    return *handle.PollOnce(cx);
  }

  Runtime& runtime() { return kioto_.runtime(); }
  HostedRuntime& kioto() { return kioto_; }
  int turns() const { return turns_; }

 private:
  HostedRuntime kioto_;
  int turns_ = 0;
};

Future<StatusOr<std::string>> Exchange(net::TcpListener& listener) {
  return TryJoin(net::TcpStream::Connect(*listener.local_address()), listener.Accept())
      .AndThen([](std::tuple<net::TcpStream, net::TcpStream>& both) {
        return std::get<0>(both).WriteAll("hello").AndThen([&both] { return std::get<0>(both).Shutdown(); }).AndThen([&both] {
          return std::get<1>(both).ReadToEnd(100);
        });
      });
}

TEST(Hosted, ServesSocketsAndTimers) {
  Host host;
  EXPECT_EQ(*host.Await(host.runtime().Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen(Exchange))), "hello");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(host.Await(host.runtime().Spawn(Sleep(20ms))).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

TEST(Hosted, TheHostMaySpawnBetweenTurns) {
  Host host;
  for (int i = 0; i < 3; ++i) {
    auto handle = host.runtime().Spawn(Ready(i));
    EXPECT_EQ(host.kioto().PollTimeoutMs(), 0);
    EXPECT_EQ(*host.Await(std::move(handle)), i);
  }
}

TEST(Hosted, OtherThreadsReachIt) {
  Host host;
  EXPECT_EQ(*host.Await(host.runtime().Spawn(Lazy([] { return SpawnBlocking([] { return 7; }); }))), 7);
  const Handle handle = host.runtime().handle();
  bool ran = false;
  std::thread other([&] { handle.Spawn(Lazy([&ran] { ran = true; })).Detach(); });
  while (!ran) (void)host.Turn();  // one may find nothing: that something comes is said first, and then the fd is made ready
  other.join();
}

TEST(Hosted, AnIdleGuestWakesNobody) {
  Host host;
  auto waits = host.runtime().Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen([](net::TcpListener& listener) {
    return listener.Accept().AndThen([](net::TcpStream&) {});
  }));
  while (host.kioto().PollTimeoutMs() == 0) host.Turn();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(host.Turn(/*own_timeout_ms=*/1)) << "nothing has come";
  EXPECT_EQ(host.kioto().NextDeadline(), std::nullopt);
  waits.Abort();
  EXPECT_FALSE(host.Await(std::move(waits)).ok());
}

TEST(Hosted, ManyTasksAreDoneInPieces) {
  Host host;
  int ran = 0;
  for (int i = 0; i < 1000; ++i) host.runtime().Spawn(Lazy([&ran] { ++ran; })).Detach();
  EXPECT_TRUE(host.kioto().Drive(10, 1h));
  EXPECT_EQ(ran, 10);
  EXPECT_EQ(host.kioto().PollTimeoutMs(), 0);
  while (host.kioto().Drive(10, 1h)) {
  }
  EXPECT_EQ(ran, 1000);
}

TEST(Hosted, RefusesToBlockAndToBeDrivenFromInside) {
  Host host;
  EXPECT_EQ(host.runtime().BlockOn(Ready(1)).status().code(), absl::StatusCode::kFailedPrecondition);
  bool again = true;
  EXPECT_TRUE(host.Await(host.runtime().Spawn(Lazy([&] { again = host.kioto().Drive(); }))).ok());
  EXPECT_FALSE(again);
  EXPECT_EQ(HostedRuntime::Make(RuntimeBuilder::MultiThread()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Hosted, HasAPausedClock) {
  Host host(std::move(RuntimeBuilder::CurrentThread().StartPaused()));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(host.Await(host.runtime().Spawn(Sleep(1h))).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10min);
}

TEST(Hosted, NothingOfItStays) {
  const int before = OpenFds();
  bool destroyed = false;
  for (bool detach : {false, true}) {
    Host host;
    host.runtime()
        .Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen([&destroyed](net::TcpListener& listener) {
          return OnDrop(listener.Accept().AndThen([](net::TcpStream&) {}), [&destroyed] { destroyed = true; });
        }))
        .Detach();
    while (host.kioto().PollTimeoutMs() == 0) host.Turn();
    EXPECT_FALSE(destroyed);
    if (!detach) {
      EXPECT_TRUE(host.runtime().Shutdown().clean());
    } else {
      bool done = false;
      EXPECT_TRUE(host.runtime().Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &done).ok());
      EXPECT_TRUE(done) << "at once, outside Drive";
    }
    EXPECT_TRUE(std::exchange(destroyed, false));
    EXPECT_FALSE(host.kioto().Drive());
  }
  EXPECT_EQ(OpenFds(), before);
}

TEST(Hosted, ATaskMayEndIt) {
  Host host;
  bool done = false;
  host.runtime()
      .Spawn(Lazy([&] { EXPECT_TRUE(host.runtime().Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &done).ok()); }))
      .Detach();
  while (!done) host.Turn();
  EXPECT_EQ(host.kioto().PollFd(), -1);
}

}  // namespace
}  // namespace kioto
