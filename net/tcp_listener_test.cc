#include "kioto/net/tcp_listener.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/sys_fault.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;

class TcpListenerTest : public TcpTest {
 protected:
  // Bound so, it accepts, and both ends agree on their addresses.
  void ExpectServes(const Endpoint& at) {
    StatusOr<TcpListener> listener = loop_.Run(TcpListener::Bind(at));
    ASSERT_TRUE(listener.ok()) << listener.status();
    BlockingSocket client(*listener->local_address());
    StatusOr<TcpStream> stream = loop_.Run(listener->Accept());
    ASSERT_TRUE(stream.ok()) << stream.status();
    EXPECT_EQ(*stream->local_address(), *listener->local_address());
    EXPECT_EQ(*stream->peer_address(), *internal::LocalAddress(client.fd()));
  }
};

constexpr int64_t kMs = 1'000'000;

// behaviour: tokio/tests/tcp_accept.rs#ip_str
TEST_F(TcpListenerTest, BindsToAString) { ExpectServes(Endpoint("127.0.0.1:0")); }

// behaviour: tokio/tests/tcp_accept.rs#host_str
TEST_F(TcpListenerTest, BindsToAHostAndPortInOneString) { ExpectServes(Endpoint("localhost:0")); }

// behaviour: tokio/tests/tcp_accept.rs#socket_addr
TEST_F(TcpListenerTest, BindsToAnAddress) { ExpectServes(Endpoint(SocketAddress(IpAddress::LoopbackV4(), 0))); }

// behaviour: tokio/tests/tcp_accept.rs#str_port_tuple
TEST_F(TcpListenerTest, BindsToAHostAndAPort) {
  ExpectServes(Endpoint("127.0.0.1", 0));
  ExpectServes(Endpoint("localhost", 0));
}

// behaviour: tokio/tests/tcp_accept.rs#ip_port_tuple
TEST_F(TcpListenerTest, BindsToAnIpAddressAndAPort) { ExpectServes(Endpoint(IpAddress::LoopbackV4(), 0)); }

TEST_F(TcpListenerTest, SaysWhyItCanNotBind) {
  ListenOptions no_reuse;
  no_reuse.reuse_address = false;
  Status status = loop_.Run(TcpListener::Bind(address_, no_reuse)).status();
  EXPECT_EQ(ErrnoOf(status), EADDRINUSE) << status;
  EXPECT_NE(status.message().find(address_.ToString()), absl::string_view::npos) << status;
  EXPECT_EQ(ErrnoOf(loop_.Run(TcpListener::Bind("192.0.2.1:0")).status()), EADDRNOTAVAIL);
  EXPECT_EQ(loop_.Run(TcpListener::Bind("no port")).status().code(), absl::StatusCode::kInvalidArgument);
  sys::ScopedFault fault(sys::Call::kListen, sys::Fault::Every(EACCES));
  EXPECT_EQ(ErrnoOf(loop_.Run(TcpListener::Bind("127.0.0.1:0")).status()), EACCES);
}

TEST_F(TcpListenerTest, SharesAPortWhenAsked) {
  ListenOptions options;
  options.reuse_port = true;
  StatusOr<TcpListener> one = loop_.Run(TcpListener::Bind("127.0.0.1:0", options));
  ASSERT_TRUE(one.ok()) << one.status();
  StatusOr<TcpListener> two = loop_.Run(TcpListener::Bind(*one->local_address(), options));
  EXPECT_TRUE(two.ok()) << two.status();
}

TEST_F(TcpListenerTest, SetsAcceptedSocketsUp) {
  auto [stream, client] = Accepted();
  EXPECT_NE(::fcntl(stream.fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(stream.fd(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(listener_.fd(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(listener_.SetTtl(33), OkStatus());
  EXPECT_EQ(*listener_.Ttl(), 33);
}

// behaviour: tokio/tests/tcp_accept.rs#no_extra_poll
TEST_F(TcpListenerTest, WakesOnceForOneConnection) {
  IncomingStream incoming = listener_.Incoming();
  struct Count : FutureBase<Count, int> {
    explicit Count(IncomingStream& stream) : stream(&stream) {}
    Poll<int> PollOnce(Context& cx) {
      ++polls;
      while (stream->PollNext(cx).ready()) ++items;
      return kPending;
    }
    IncomingStream* stream;
    int polls = 0, items = 0;
  };
  PolledTask task(Count{incoming});
  EXPECT_TRUE(task.Poll().pending());
  BlockingSocket client(address_);
  loop_.Await([&] { return task.wakes() > 0; });
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(task.future().items, 1);
  loop_.Turn();
  EXPECT_EQ(task.wakes(), 1);
}

// behaviour: tokio/tests/tcp_accept.rs#accept_many
TEST_F(TcpListenerTest, ManyTasksMayAccept) {
  std::vector<std::unique_ptr<PolledTask<AcceptFuture>>> tasks;
  for (int i = 0; i < 50; ++i) {
    tasks.push_back(std::make_unique<PolledTask<AcceptFuture>>(listener_.Accept()));
    EXPECT_TRUE(tasks.back()->Poll().pending());
  }
  BlockingSocket client(address_);
  loop_.Await([&] {
    for (auto& task : tasks) {
      if (task->wakes() == 0) return false;
    }
    return true;
  });
  int accepted = 0;
  for (auto& task : tasks) accepted += task->Poll().ready() ? 1 : 0;
  EXPECT_EQ(accepted, 1);
  // Every one of the others gets one too, whoever is dropped between.
  tasks.erase(tasks.begin() + 10, tasks.begin() + 20);
  std::vector<BlockingSocket> clients;
  for (int i = 0; i < 39; ++i) {
    clients.emplace_back(address_);
    bool done = false;
    loop_.Await([&] {
      for (auto& task : tasks) {
        if (!task->done() && task->Poll().ready()) return done = true;
      }
      return false;
    });
    EXPECT_TRUE(done);
  }
}

TEST_F(TcpListenerTest, ADroppedAcceptLosesNoConnection) {
  for (int polls = 0; polls < 2; ++polls) {
    PolledTask accept(listener_.Accept());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(accept.Poll().pending());
    BlockingSocket client(address_);
    if (polls > 0) loop_.Await([&] { return accept.wakes() > 0; });
    accept.Drop();
    client.Send("here");
    StatusOr<TcpStream> stream = loop_.Run(listener_.Accept());
    char buf[8];
    EXPECT_EQ(*loop_.Run(stream->Read(buf)), 4u);
  }
}

TEST_F(TcpListenerTest, PassesBrokenConnectionsOver) {
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
TEST_F(TcpListenerTest, SurvivesEveryErrno) {
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
      EXPECT_LT(base::MonotonicNanos() - start, 100 * kMs) << error;
    }
  }
}

TEST_F(TcpListenerTest, PausesLongerUpToAHundredMilliseconds) {
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

TEST_F(TcpListenerTest, AShortageThatEndedBeforeAnyoneCameDelaysNobody) {
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

TEST_F(TcpListenerTest, AShortageCostsOneCallPerPauseHoweverManyAccept) {
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
TEST_F(TcpListenerTest, ASuccessBesideAShortageCostsOnePauseNotOnePerClient) {
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

TEST_F(TcpListenerTest, GivesUpOnlyWhenItListensNoMore) {
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

TEST_F(TcpListenerTest, EndsWithItsRuntime) {
  PolledTask accept(listener_.Accept());
  EXPECT_TRUE(accept.Poll().pending());
  loop_.driver().Shutdown();
  EXPECT_EQ(accept.wakes(), 1);
  EXPECT_TRUE(IsShutdown((*accept.Poll()).status()));
}

// The check D2, with real fds: out of them, it neither spins nor dies, serves who is there, and goes on afterwards.
TEST_F(TcpListenerTest, SurvivesTheLastFd) {
  auto [served, first] = Accepted();
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
    EXPECT_EQ(*loop_.Run(served.Read(buf)), 4u);
    EXPECT_EQ(loop_.Run(served.WriteAll("pong")), OkStatus());
    EXPECT_EQ(first.Receive(4), "pong");
    loop_.Await([&] { return accept.wakes() != wakes; });
  }
  EXPECT_LE(refused, 12);  // 5, 10, 20, 40, 80, 100, 100 ms
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  const int64_t released = base::MonotonicNanos();
  EXPECT_TRUE(loop_.Run(accept).ok());
  EXPECT_LT(base::MonotonicNanos() - released, 1500 * kMs);
  for (int i = 1; i < 200; ++i) EXPECT_TRUE(loop_.Run(listener_.Accept()).ok());
}

TEST(TcpListenerWithoutTimers, SaysThatItIsOutOfFds) {
  DrivenLoop loop(/*io=*/true, /*time=*/false);
  StatusOr<TcpListener> listener = loop.Run(TcpListener::Bind("127.0.0.1:0"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  sys::ScopedFault fault(sys::Call::kAccept, sys::Fault::First(1, EMFILE));
  BlockingSocket client(*listener->local_address());
  EXPECT_EQ(loop.Run(listener->Accept()).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(TcpListenerTest, GivesItsFdUpAndTakesOneOver) {
  const int fd = std::move(listener_).IntoFd();
  StatusOr<TcpListener> again = TcpListener::FromFd(fd);
  ASSERT_TRUE(again.ok()) << again.status();
  BlockingSocket client(address_);
  EXPECT_TRUE(loop_.Run(again->Accept()).ok());
  EXPECT_EQ(TcpListener::FromFd(client.fd()).status().code(), absl::StatusCode::kInvalidArgument);
}

// behaviour: tokio/tests/io_driver.rs#test_drop_on_notify
TEST_F(TcpListenerTest, AConnectionComesForATaskThatIsGone) {
  {
    PolledTask accepting(listener_.Accept());
    EXPECT_TRUE(accepting.Poll().pending());
  }
  BlockingSocket client(address_);
  loop_.Turn();
  loop_.Turn();
  EXPECT_TRUE(loop_.Run(listener_.Accept()).ok());
}

// behaviour: tokio/tests/io_driver_drop.rs#drop_wakes
TEST(TcpListenerShutdown, WakesWhoAccepts) {
  std::optional<DrivenLoop> loop(std::in_place);
  TcpListener listener = *loop->Run(TcpListener::Bind("127.0.0.1:0"));
  PolledTask accepting(listener.Accept());
  EXPECT_TRUE(accepting.Poll().pending());
  loop.reset();
  EXPECT_EQ(accepting.wakes(), 1);
  EXPECT_TRUE(IsShutdown((*accepting.Poll()).status()));
}

// behaviour: tokio/tests/io_driver_drop.rs#tcp_doesnt_block
TEST(TcpListenerShutdown, WhoComesAfterwardsDoesNotWait) {
  std::optional<DrivenLoop> loop(std::in_place);
  TcpListener listener = *loop->Run(TcpListener::Bind("127.0.0.1:0"));
  TcpListener known = *loop->Run(TcpListener::Bind("127.0.0.1:0"));
  {
    PolledTask waited(known.Accept());
    EXPECT_TRUE(waited.Poll().pending());
  }
  loop.reset();
  PolledTask first(listener.Accept());
  EXPECT_EQ((*first.Poll()).status().code(), absl::StatusCode::kFailedPrecondition);  // in no runtime
  PolledTask second(known.Accept());
  EXPECT_TRUE(IsShutdown((*second.Poll()).status()));
}

int PlainListener() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(sys::Listen(fd, 1), 0);  // at a port of the system's choice
  return fd;
}

// Nothing is refused before the listener has to wait.
// behaviour: tokio/tests/no_rt.rs#io_panics_when_no_tokio_context
// behaviour: tokio/tests/net_bind_resource.rs#no_runtime_panics_binding_net_tcp_listener
TEST(TcpListenerOutside, AnFdThatWaitsSaysThatThereIsNoRuntime) {
  StatusOr<TcpListener> listener = TcpListener::FromFd(PlainListener());
  ASSERT_TRUE(listener.ok()) << listener.status();
  PolledTask accepting(listener->Accept());
  const Status status = (*accepting.Poll()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_NE(status.message().find("outside"), absl::string_view::npos) << status;
}

// behaviour: tokio/tests/net_panic.rs#tcp_listener_from_std_panic_caller
TEST(TcpListenerOutside, AnFdThatWaitsSaysThatIoIsOff) {
  DrivenLoop loop(/*io=*/false);
  StatusOr<TcpListener> listener = TcpListener::FromFd(PlainListener());
  ASSERT_TRUE(listener.ok()) << listener.status();
  const Status status = loop.Run(listener->Accept()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_NE(status.message().find("WithoutIo()"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace kioto::net
