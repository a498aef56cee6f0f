// The way of accepting that all listeners share: what it passes over, how it pauses, and when it gives up. Tried by a
// TcpListener.
#include "kioto/net/acceptor.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/io/owned_fd.h"
#include "kioto/runtime/io/testing/read_rest.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;

constexpr int64_t kMs = 1'000'000;

class AcceptorTest : public TcpTest {};

TEST_F(AcceptorTest, PassesBrokenConnectionsOver) {
  for (int i = 0; i < 20; ++i) BlockingSocket(address_).Reset();
  BlockingSocket client(address_);
  client.Send("x");
  char buf[8];
  for (int i = 0; i < 21; ++i) {
    StatusOr<TcpStream> stream = loop_.Run(listener_.Accept());
    ASSERT_TRUE(stream.ok()) << stream.status();
    StatusOr<size_t> n = loop_.Run(stream->Read(buf));
    if (n.ok() && *n == 1) return;  // the good one
  }
  FAIL() << "the good client was not accepted";
}

// The check D3: whatever accept gives, once or a thousand times in a row, the next good client is served soon.
// check: D3
TEST_F(AcceptorTest, SurvivesEveryErrno) {
  for (int error = 1; error < 134; ++error) {
    if (error == EAGAIN || error == EINTR) continue;  // not errors of accept
    for (int64_t times : {int64_t{1}, int64_t{1000}}) {
      const bool of_one_connection = error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN;
      if (times > 1 && !of_one_connection) continue;  // those wait between two tries: below, with the clock in hand
      sys::ScopedFault fault(sys::Call::kAccept, sys::Fault::First(times, error));
      BlockingSocket client(address_);
      const int64_t start = base::MonotonicNanos();
      StatusOr<TcpStream> stream = loop_.Run(listener_.Accept());
      ASSERT_TRUE(stream.ok()) << error << stream.status();
      EXPECT_EQ(fault.hits(), times);
      EXPECT_LT(base::MonotonicNanos() - start, 10'000 * kMs) << error;
    }
  }
}

TEST_F(AcceptorTest, PausesLongerUpToAHundredMilliseconds) {
  loop_.clock().Pause();
  sys::ScopedFault fault(sys::Call::kAccept, sys::Fault::First(1000, ENOMEM));
  BlockingSocket client(address_);
  const int64_t start = loop_.clock().Now();
  int64_t before = start;
  std::vector<int64_t> pauses;
  PolledTask accept(listener_.Accept());
  while (true) {  // the clock jumps to the next timer when there is nothing else to do
    auto poll = accept.Poll();
    if (poll.ready()) {
      EXPECT_TRUE(poll->ok());
      break;
    }
    loop_.Step();
    const int64_t now = loop_.clock().Now();
    if (now != before) pauses.push_back((now - before) / kMs);
    before = now;
  }
  ASSERT_GE(pauses.size(), 1000u);
  EXPECT_EQ(pauses[0], 5);
  EXPECT_EQ(pauses[1], 10);
  EXPECT_EQ(pauses[2], 20);
  EXPECT_EQ(pauses[5], 100);
  EXPECT_EQ(pauses[999], 100);
  // And the shortage is forgotten with the first success.
  sys::ScopedFault again(sys::Call::kAccept, sys::Fault::First(1, EMFILE));
  BlockingSocket other(address_);
  before = loop_.clock().Now();
  EXPECT_TRUE(loop_.Run(listener_.Accept()).ok());
  EXPECT_EQ(loop_.clock().Now() - before, 5 * kMs);
}

TEST_F(AcceptorTest, AShortageThatEndedBeforeAnyoneCameDelaysNobody) {
  loop_.clock().Pause();
  sys::ScopedFault fault(sys::Call::kAccept, sys::Fault::First(1, EMFILE));
  PolledTask accept(listener_.Accept());
  EXPECT_TRUE(accept.Poll().pending());
  loop_.Await([&] { return accept.wakes() > 0; });
  EXPECT_TRUE(accept.Poll().pending());  // tried again, and nobody was there
  const int wakes = accept.wakes();
  BlockingSocket client(address_);
  loop_.Await([&] { return accept.wakes() != wakes; });
  const int64_t now = loop_.clock().Now();
  EXPECT_TRUE(accept.Poll().ready());
  EXPECT_EQ(loop_.clock().Now(), now);
}

TEST_F(AcceptorTest, AShortageCostsOneCallPerPauseHoweverManyAccept) {
  loop_.clock().Pause();
  sys::ScopedFault fault(sys::Call::kAccept, sys::Fault::Every(EMFILE));
  std::vector<std::unique_ptr<PolledTask<AcceptFuture>>> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back(std::make_unique<PolledTask<AcceptFuture>>(listener_.Accept()));
  const int64_t end = loop_.clock().Now() + 2000 * kMs;
  while (loop_.clock().Now() < end) {
    for (auto& task : tasks) EXPECT_TRUE(task->Poll().pending());
    loop_.Step();
  }
  EXPECT_LE(fault.hits(), 26);  // 5 + 10 + 20 + 40 + 80 ms, then ten a second
  EXPECT_GE(fault.hits(), 20);
}

// A clock during whose next reading somebody else accepts.
PolledTask<AcceptFuture>* somebody_else = nullptr;
int64_t ClockOfAnAcceptor() {
  PolledTask<AcceptFuture>* other = std::exchange(somebody_else, nullptr);
  if (other != nullptr) {
    EXPECT_TRUE(other->Poll().ready());
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The pause is two words: one task's success between them leaves half of the other's shortage behind (R2 in acceptor.cc).
TEST_F(AcceptorTest, ASuccessBesideAShortageCostsOnePauseNotOnePerClient) {
  std::vector<BlockingSocket> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(address_);
  base::ScopedClockForTest clock(&ClockOfAnAcceptor);
  sys::ScopedFault fault(sys::Call::kAccept, sys::Fault::First(1, EMFILE));
  PolledTask lucky(listener_.Accept()), unlucky(listener_.Accept());
  somebody_else = &lucky;
  EXPECT_TRUE(unlucky.Poll().pending());
  ASSERT_EQ(somebody_else, nullptr) << "the shortage read no clock";
  loop_.Await([&] { return unlucky.wakes() > 0; });
  EXPECT_TRUE(unlucky.Poll().ready());
  for (int i = 2; i < 4; ++i) EXPECT_TRUE(PolledTask(listener_.Accept()).Poll().ready());
}

TEST_F(AcceptorTest, GivesUpOnlyWhenItListensNoMore) {
  ASSERT_EQ(::shutdown(listener_.fd(), SHUT_RDWR), 0);
  IncomingStream incoming = listener_.Incoming();
  struct Next : FutureBase<Next, std::optional<StatusOr<TcpStream>>> {
    explicit Next(IncomingStream& stream) : stream(&stream) {}
    Poll<std::optional<StatusOr<TcpStream>>> PollOnce(Context& cx) { return stream->PollNext(cx); }
    IncomingStream* stream;
  };
  auto first = loop_.Run(Next(incoming));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(ErrnoOf(first->status()), EINVAL) << first->status();
  EXPECT_FALSE(loop_.Run(Next(incoming)).has_value());
}

TEST_F(AcceptorTest, EndsWithItsRuntime) {
  PolledTask accept(listener_.Accept());
  EXPECT_TRUE(accept.Poll().pending());
  loop_.driver().Shutdown();
  EXPECT_EQ(accept.wakes(), 1);
  EXPECT_TRUE(IsShutdown((*accept.Poll()).status()));
}

// The check D2, with real fds: out of them, it neither spins nor dies, serves who is there, and goes on afterwards.
// check: D2
TEST_F(AcceptorTest, SurvivesTheLastFd) {
  auto [served, first] = Accepted();
  EXPECT_EQ(served.SetNoDelay(true), OkStatus());  // for when its writes are cut
  std::vector<BlockingSocket> waiting;
  for (int i = 0; i < 200; ++i) waiting.emplace_back(address_);
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const int highest = ::dup(0);
  ::close(highest);
  rlimit none = limit;
  none.rlim_cur = static_cast<rlim_t>(highest);  // the next fd would have this number
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  PolledTask accept(listener_.Accept());
  sys::ScopedFault count(sys::Call::kAccept, sys::Fault::Short(2, 1));
  char buf[8];
  int refused = 0;
  const int64_t end = base::MonotonicNanos() + 300 * kMs;
  while (base::MonotonicNanos() < end) {  // the served client goes on
    const int wakes = accept.wakes();
    if (accept.Poll().pending()) ++refused;
    first.Send("ping");
    EXPECT_EQ(ReadRest(loop_, served, buf, *loop_.Run(served.Read(buf)), 4), 4u);
    EXPECT_EQ(loop_.Run(served.WriteAll("pong")), OkStatus());
    EXPECT_EQ(first.Receive(4), "pong");
    loop_.Await([&] { return accept.wakes() != wakes; });
  }
  EXPECT_LE(refused, 12);  // 5, 10, 20, 40, 80, 100, 100 ms
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  const int64_t released = base::MonotonicNanos();
  EXPECT_TRUE(loop_.Run(accept).ok());
  EXPECT_LT(base::MonotonicNanos() - released, 10'000 * kMs);
  for (int i = 1; i < 200; ++i) EXPECT_TRUE(loop_.Run(listener_.Accept()).ok());
}

// Clients that come when there are no fds, before somebody accepts and later, are reset at once; those that come afterwards are
// served. It neither spins nor loses an fd.
// behaviour: kioto/net/tcp_listener.h#without_fds_clients_are_shed_if_that_was_asked_for
TEST_F(AcceptorTest, ShedsClientsWithoutFds) {
  const int before = OpenFds();
  ListenOptions options;
  options.shed = true;
  {
    StatusOr<TcpListener> listener = loop_.Run(TcpListener::Bind("127.0.0.1:0", options));
    ASSERT_TRUE(listener.ok()) << listener.status();
    const SocketAddress address = *listener->local_address();
    const auto reset = [](int client) {
      char byte;
      return ::recv(client, &byte, 1, 0) < 0 && errno == ECONNRESET;
    };
    std::vector<BlockingSocket> early;
    for (int i = 0; i < 3; ++i) early.emplace_back(address);
    const OwnedFd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    PolledTask accept(listener->Accept());
    rlimit limit;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int highest = ::dup(0);
    ::close(highest);
    rlimit none = limit;
    none.rlim_cur = static_cast<rlim_t>(highest);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    sys::ScopedFault calls(sys::Call::kAccept, sys::Fault::Short(2, 1));
    EXPECT_TRUE(accept.Poll().pending());
    for (const BlockingSocket& client : early) EXPECT_TRUE(reset(client.fd()));
    EXPECT_EQ(listener->shed(), 3u);
    const int wakes = accept.wakes();
    sockaddr_storage storage;
    const size_t size = address.ToSockaddr(&storage);
    EXPECT_EQ(::connect(late.fd(), reinterpret_cast<sockaddr*>(&storage), static_cast<socklen_t>(size)), 0);
    loop_.Await([&] { return accept.wakes() > wakes; });
    EXPECT_TRUE(accept.Poll().pending());
    EXPECT_TRUE(reset(late.fd()));
    EXPECT_EQ(listener->shed(), 4u);
    EXPECT_LE(calls.hits(), 2 * (4 + 2));  // two for each, and two each time that nobody waits any more
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    BlockingSocket served(address);
    EXPECT_TRUE(loop_.Run(accept).ok());
    EXPECT_EQ(listener->shed(), 4u);
  }
  EXPECT_EQ(OpenFds(), before);
}

TEST(AcceptorWithoutTimers, SaysThatItIsOutOfFds) {
  DrivenLoop loop(/*io=*/true, /*time=*/false);
  StatusOr<TcpListener> listener = loop.Run(TcpListener::Bind("127.0.0.1:0"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  sys::ScopedFault fault(sys::Call::kAccept, sys::Fault::First(1, EMFILE));
  BlockingSocket client(*listener->local_address());
  EXPECT_EQ(loop.Run(listener->Accept()).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace kioto::net
