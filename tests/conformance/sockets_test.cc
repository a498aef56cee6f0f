// Sockets and timers on every flavour: of the root, of tasks, of blocking jobs, and while the runtime ends.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT
using net::SocketAddress;
using net::TcpListener;
using net::TcpStream;
using sync::Oneshot;

class SocketsTest : public FlavourTest {
 protected:
  TcpListener Listen() { return *runtime().BlockOn(TcpListener::Bind("127.0.0.1:0")); }
};
ON_EVERY_FLAVOUR(SocketsTest);

// Takes one connection, writes to it and closes it.
auto ServesOne(TcpListener listener) {
  return With(std::move(listener), [](TcpListener& listener) {
    return listener.Accept().AndThen([](TcpStream& stream) { return stream.WriteAll("hello"); });
  });
}

// What the server at `address` says.
auto Fetch(SocketAddress address) {
  return TcpStream::Connect(address).AndThen([](TcpStream& stream) { return stream.ReadToEnd(100); });
}

// behaviour: tokio/tests/rt_common.rs#block_on_socket
TEST_P(SocketsTest, TheRootConnectsToATask) {
  TcpListener listener = Listen();
  const SocketAddress address = *listener.local_address();
  Status status = runtime().BlockOn([&] {
    auto done = Oneshot<int>();
    Spawn(With(std::move(listener), [](TcpListener& listener) { return listener.Accept(); })
              .Map([done = std::move(done.sender)](StatusOr<TcpStream>& stream) mutable { done.Send(stream.ok()); }))
        .Detach();
    return TryJoin(TcpStream::Connect(address), std::move(done.receiver)).Map([](auto& both) {
      EXPECT_EQ(std::get<1>(*both), 1);
      return both.status();
    });
  });
  EXPECT_TRUE(status.ok()) << status;
}

// behaviour: tokio/tests/rt_common.rs#client_server_block_on
TEST_P(SocketsTest, AServerAndAClient) {
  TcpListener listener = Listen();
  const SocketAddress address = *listener.local_address();
  auto channel = sync::MpscUnbounded<std::string>();  // clang 14 lets no lambda capture the names of a structured binding
  auto& receiver = channel.receiver;
  Status status = runtime().BlockOn([&] {
    Spawn(ServesOne(std::move(listener))).Detach();
    return Fetch(address).Map([to = std::move(channel.sender)](StatusOr<std::string>& text) { return to.Send(*text); });
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(*receiver.TryRecv(), "hello");
  EXPECT_TRUE(IsClosed(receiver.TryRecv().status()));  // one completion only
}

// behaviour: tokio/tests/rt_threaded.rs#spawn_shutdown
TEST_P(SocketsTest, ExchangesOfTasksFromInsideAndOutside) {
  auto channel = sync::MpscUnbounded<std::string>();
  auto& receiver = channel.receiver;
  auto exchange = [](TcpListener listener, sync::MpscUnboundedSender<std::string> to) {
    const SocketAddress address = *listener.local_address();
    return TryJoin(ServesOne(std::move(listener)), Fetch(address)).Map([to = std::move(to)](auto& both) {
      return to.Send(std::get<1>(*both));
    });
  };
  TcpListener first = Listen(), second = Listen();
  EXPECT_TRUE(runtime().BlockOn([&] { Spawn(exchange(std::move(first), channel.sender)).Detach(); }).ok());
  runtime().Spawn(exchange(std::move(second), std::move(channel.sender))).Detach();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(*runtime().BlockOn(receiver.Recv().Map([](std::optional<std::string>& text) { return *text; })), "hello");
  }
  EndRuntime();
  EXPECT_TRUE(IsClosed(receiver.TryRecv().status()));
}

// behaviour: tokio/tests/rt_common.rs#local_set_block_on_socket
TEST_P(SocketsTest, ARootConnectsToAnAcceptorOfItsLocalSet) {
  TcpListener listener = Listen();
  const SocketAddress address = *listener.local_address();
  LocalSet set;
  auto both = set.BlockOn(runtime(), [&] { return TryJoin(SpawnLocal(listener.Accept()), TcpStream::Connect(address)); });
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(*std::get<0>(*both).peer_address(), *std::get<1>(*both).local_address());
}

// behaviour: tokio/tests/rt_common.rs#local_set_client_server_block_on
TEST_P(SocketsTest, AServerAndAClientOfALocalSet) {
  TcpListener listener = Listen();
  const SocketAddress address = *listener.local_address();
  LocalSet set;
  auto channel = sync::MpscUnbounded<std::string>();
  auto& receiver = channel.receiver;
  const Status status = set.BlockOn(runtime(), [&] {
    auto server = SpawnLocal(ServesOne(std::move(listener)));
    return TryJoin(std::move(server), Fetch(address)).Map([to = std::move(channel.sender)](auto& both) {
      return both.ok() ? to.Send(std::get<1>(*both)) : both.status();
    });
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(*receiver.TryRecv(), "hello");
  EXPECT_TRUE(IsClosed(receiver.TryRecv().status()));  // one completion only
}

// --- In a blocking job ---------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_common.rs#socket_from_blocking
TEST_P(SocketsTest, ABlockingJobMayWaitForASocket) {
  TcpListener listener = Listen();
  const SocketAddress address = *listener.local_address();
  Status status = runtime().BlockOn([&] {
    return TryJoin(listener.Accept(), SpawnBlocking([address] { return BlockOn(TcpStream::Connect(address)); }))
        .Map([](auto& both) { return both.status(); });
  });
  EXPECT_TRUE(status.ok()) << status;
}

// behaviour: tokio/tests/rt_common.rs#sleep_from_blocking
TEST_P(SocketsTest, ABlockingJobMaySleep) {
  const time::Instant start = time::Instant::Now();
  EXPECT_TRUE(runtime().BlockOn([] { return SpawnBlocking([] { BlockOn(Sleep(1ms)); }); }).ok());
  EXPECT_GE(start.Elapsed(), 1ms);
}

// --- Timers --------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_common.rs#sleep_at_root
TEST_P(SocketsTest, TheRootSleeps) {
  const time::Instant start = time::Instant::Now();
  EXPECT_TRUE(runtime().BlockOn(Sleep(50ms)).ok());
  EXPECT_GE(start.Elapsed(), 50ms);
}

// behaviour: tokio/tests/rt_common.rs#sleep_in_spawn
TEST_P(SocketsTest, ATaskSleeps) {
  const time::Instant start = time::Instant::Now();
  auto done = Oneshot<int>();
  runtime().Spawn(Sleep(50ms).Map([to = std::move(done.sender)](Unit) mutable { to.Send(1); })).Detach();
  EXPECT_TRUE(runtime().BlockOn(std::move(done.receiver)).ok());
  EXPECT_GE(start.Elapsed(), 50ms);
}

// --- At the end ----------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_common.rs#io_notify_while_shutting_down
TEST_P(SocketsTest, EventsThatComeWhileTheRuntimeEnds) {
  // To itself and back, for ever.
  auto plays = [](TcpStream stream) {
    return With(std::move(stream), Buffer(16), [](TcpStream& stream, Buffer& buf) {
      return Loop([&] {
        return stream.WriteAll("ping").AndThen([&] { return stream.Read(buf); }).AndThen([](size_t& n) {
          return n > 0 ? OkStatus() : ClosedError();
        });
      });
    });
  };
  for (int round = 0; round < 9; ++round) {
    Runtime runtime = Make();
    Status status = runtime.BlockOn(TcpListener::Bind("127.0.0.1:0").AndThen([&](TcpListener& listener) {
      return TryJoin(listener.Accept(), TcpStream::Connect(*listener.local_address())).AndThen([&](TcpStream& a, TcpStream& b) {
        Spawn(plays(std::move(a))).Detach();
        Spawn(plays(std::move(b))).Detach();
        return Sleep(5ms).Then([] { return OkStatus(); });
      });
    }));
    EXPECT_TRUE(status.ok()) << status;
  }
}

// behaviour: tokio/tests/rt_shutdown_err.rs#test_is_rt_shutdown_err
TEST_P(SocketsTest, AListenerOfARuntimeThatIsGoneSaysSo) {
  TcpListener listener = Listen();
  EXPECT_TRUE(runtime().BlockOn(PollFn([accept = listener.Accept()](Context& cx) mutable -> Poll<Unit> {
    EXPECT_TRUE(accept.PollOnce(cx).pending());
    return Unit{};
  })).ok());
  EndRuntime();
  Runtime other = Make();
  const Status status = other.BlockOn(listener.Accept()).status();
  EXPECT_TRUE(IsShutdown(status)) << status;
}

}  // namespace
}  // namespace kioto
