#include "kioto/net/tcp_listener.h"

#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/io/testing/read_rest.h"

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

// behaviour: kioto/net/endpoint.h#several_addresses_to_bind_to
TEST_F(TcpListenerTest, BindsToTheFirstOfAListThatIsFree) {
  const std::vector<SocketAddress> addresses{address_, SocketAddress(IpAddress::LoopbackV4(), 0)};
  ExpectServes(addresses);
  EXPECT_EQ(ErrnoOf(loop_.Run(TcpListener::Bind(std::vector<SocketAddress>{address_, address_})).status()), EADDRINUSE);
}

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

TEST_F(TcpListenerTest, BindsSeveralToOnePort) {
  StatusOr<std::vector<TcpListener>> listeners = loop_.Run(TcpListener::BindShared("127.0.0.1:0", 3));
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  ASSERT_EQ(listeners->size(), 3u);
  const SocketAddress address = *listeners->front().local_address();
  EXPECT_NE(address.port(), 0);
  for (const TcpListener& listener : *listeners) EXPECT_EQ(*listener.local_address(), address);
  std::vector<BlockingSocket> clients;
  for (int i = 0; i < 30; ++i) clients.emplace_back(address);
  size_t accepted = 0;
  loop_.Await([&] {
    for (TcpListener& listener : *listeners) {
      while (PolledTask(listener.Accept()).Poll().ready()) ++accepted;
    }
    return accepted == clients.size();
  });
}

TEST_F(TcpListenerTest, BindsAllOrNone) {
  const int before = OpenFds();
  for (int count : {0, -1}) {
    EXPECT_EQ(loop_.Run(TcpListener::BindShared("127.0.0.1:0", count)).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(ErrnoOf(loop_.Run(TcpListener::BindShared(address_, 2)).status()), EADDRINUSE);  // its owner does not share it
  {
    sys::ScopedFault fault(sys::Call::kListen, sys::Fault::Nth(3, EACCES));
    EXPECT_EQ(ErrnoOf(loop_.Run(TcpListener::BindShared("127.0.0.1:0", 4)).status()), EACCES);
    EXPECT_EQ(fault.hits(), 1);
  }
  {
    sys::ScopedFault fault(sys::Call::kGetsockname, sys::Fault::First(1, ENOBUFS));
    EXPECT_EQ(ErrnoOf(loop_.Run(TcpListener::BindShared("127.0.0.1:0", 4)).status()), ENOBUFS);
  }
  EXPECT_EQ(OpenFds(), before);
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

// check: H1
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
    EXPECT_EQ(ReadRest(loop_, *stream, buf, *loop_.Run(stream->Read(buf)), 4), 4u);
  }
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
