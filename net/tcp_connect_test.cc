#include "kioto/net/tcp_connect.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/resolve.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;

class TcpConnectTest : public TcpTest {
 protected:
  // Named so, the listener is reached.
  void ExpectReached(const Endpoint& to) {
    StatusOr<TcpStream> client = loop_.Run(TcpStream::Connect(to));
    ASSERT_TRUE(client.ok()) << to.ToString() << client.status();
    EXPECT_EQ(client->peer_address()->port(), address_.port());
  }
  void ExpectEndsAgree(TcpListener& listener) {
    StatusOr<TcpStream> client = loop_.Run(TcpStream::Connect(*listener.local_address()));
    ASSERT_TRUE(client.ok()) << client.status();
    StatusOr<TcpStream> server = loop_.Run(listener.Accept());
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_EQ(*client->peer_address(), *listener.local_address());
    EXPECT_EQ(*client->local_address(), *server->peer_address());
    EXPECT_EQ(*server->local_address(), *client->peer_address());
  }
};

// A port on which nobody listens: it was free a moment ago.
SocketAddress DeadAddress(DrivenLoop& loop, IpAddress ip = IpAddress::LoopbackV4()) {
  return *loop.Run(TcpListener::Bind(SocketAddress(ip, 0)))->local_address();
}

// What the test's resolver answers.
std::vector<SocketAddress>& Answers() {
  static auto& answers = *new std::vector<SocketAddress>;
  return answers;
}
StatusOr<std::vector<SocketAddress>> FixedResolver(const std::string&, uint16_t) { return Answers(); }

// behaviour: tokio/tests/tcp_connect.rs#connect_v4
TEST_F(TcpConnectTest, BothEndsAgreeOnTheirAddresses) { ExpectEndsAgree(listener_); }

// behaviour: tokio/tests/tcp_connect.rs#connect_v6
TEST_F(TcpConnectTest, BothEndsAgreeOnTheirAddressesOfV6) {
  StatusOr<TcpListener> listener = loop_.Run(TcpListener::Bind("[::1]:0"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(listener->local_address()->ip().is_v6());
  ExpectEndsAgree(*listener);
}

// behaviour: tokio/tests/tcp_connect.rs#connect_addr_ip_string
TEST_F(TcpConnectTest, TakesAString) { ExpectReached(Endpoint(address_.ToString())); }

// behaviour: tokio/tests/tcp_connect.rs#connect_addr_ip_str_slice
TEST_F(TcpConnectTest, TakesAViewOfAString) {
  const std::string longer = address_.ToString() + "9";
  ExpectReached(Endpoint(absl::string_view(longer).substr(0, longer.size() - 1)));
}

// behaviour: tokio/tests/tcp_connect.rs#connect_addr_host_string
TEST_F(TcpConnectTest, TakesAHostAndPortInOneString) { ExpectReached(Endpoint("localhost:" + std::to_string(address_.port()))); }

// behaviour: tokio/tests/tcp_connect.rs#connect_addr_ip_port_tuple
TEST_F(TcpConnectTest, TakesAnIpAddressAndAPort) { ExpectReached(Endpoint(IpAddress::LoopbackV4(), address_.port())); }

// behaviour: tokio/tests/tcp_connect.rs#connect_addr_ip_str_port_tuple
TEST_F(TcpConnectTest, TakesAnIpStringAndAPort) { ExpectReached(Endpoint("127.0.0.1", address_.port())); }

// behaviour: tokio/tests/tcp_connect.rs#connect_addr_host_str_port_tuple
TEST_F(TcpConnectTest, TakesAHostAndAPort) { ExpectReached(Endpoint("localhost", address_.port())); }

TEST_F(TcpConnectTest, SaysWhomItCouldNotReach) {
  const SocketAddress dead = DeadAddress(loop_);
  Status status = loop_.Run(TcpStream::Connect(dead)).status();
  EXPECT_EQ(ErrnoOf(status), ECONNREFUSED) << status;
  EXPECT_NE(status.message().find(dead.ToString()), absl::string_view::npos) << status;
  EXPECT_EQ(loop_.Run(TcpStream::Connect("nonsense")).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TcpConnectTest, TriesOneAddressAfterTheOther) {
  internal::ScopedResolverForTest resolver(&FixedResolver);
  Answers() = {DeadAddress(loop_), DeadAddress(loop_), address_};
  StatusOr<TcpStream> client = loop_.Run(TcpStream::Connect("three.example:1"));
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(*client->peer_address(), address_);
  Answers().pop_back();
  EXPECT_EQ(ErrnoOf(loop_.Run(TcpStream::Connect("two.example:1")).status()), ECONNREFUSED);
  while (internal::ResolverThreads() != 0) loop_.Turn();
}

// behaviour: kioto/net/endpoint.h#several_addresses_to_connect_to
TEST_F(TcpConnectTest, TriesTheAddressesOfAList) {
  std::vector<SocketAddress> addresses{DeadAddress(loop_), address_};
  StatusOr<TcpStream> client = loop_.Run(TcpStream::Connect(addresses));
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(*client->peer_address(), address_);
  addresses.pop_back();
  EXPECT_EQ(ErrnoOf(loop_.Run(TcpStream::Connect(addresses)).status()), ECONNREFUSED);
  addresses.clear();
  EXPECT_EQ(loop_.Run(TcpStream::Connect(addresses)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TcpConnectTest, TheNextAddressStartsWhenTheFirstIsSilent) {
  // The first never answers: its attempt stays under way as long as the fault says so.
  internal::ScopedResolverForTest resolver(&FixedResolver);
  StatusOr<TcpListener> silent = loop_.Run(TcpListener::Bind("127.0.0.1:0", [] {
    ListenOptions options;
    options.backlog = 0;
    return options;
  }()));
  ASSERT_TRUE(silent.ok());
  const SocketAddress full = *silent->local_address();
  // Fills its backlog, so that the kernel drops what else comes.
  std::vector<std::unique_ptr<PolledTask<ConnectFuture>>> fillers;
  for (int i = 0; i < 8; ++i) {
    fillers.push_back(std::make_unique<PolledTask<ConnectFuture>>(TcpStream::Connect(full)));
    (void)fillers.back()->Poll();
  }
  ASSERT_TRUE(fillers.back()->done() == false) << "the backlog took everything";
  Answers() = {full, address_};
  const int64_t start = base::MonotonicNanos();
  StatusOr<TcpStream> client = loop_.Run(TcpStream::Connect("silent.example:1"));
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(*client->peer_address(), address_);
  EXPECT_GE(base::MonotonicNanos() - start, 250'000'000);
  while (internal::ResolverThreads() != 0) loop_.Turn();
}

// check: H1
TEST_F(TcpConnectTest, DroppedItClosesWhatItHadBegun) {
  const int before = OpenFds();
  for (int polls = 0; polls < 2; ++polls) {
    PolledTask connect(TcpStream::Connect(address_));
    for (int i = 0; i < polls; ++i) (void)connect.Poll();
  }
  EXPECT_EQ(OpenFds(), before);
  // While a name is looked up, too.
  { PolledTask connect(TcpStream::Connect("localhost:1")); EXPECT_TRUE(connect.Poll().pending()); }
  while (internal::ResolverThreads() != 0) loop_.Turn();
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(TcpConnectTest, PassesTheKernelsRefusalsOn) {
  for (int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES}) {
    sys::ScopedFault fault(sys::Call::kSocket, sys::Fault::Every(error));
    EXPECT_EQ(ErrnoOf(loop_.Run(TcpStream::Connect(address_)).status()), error);
  }
  for (int error : {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EPERM, ETIMEDOUT}) {
    const int before = OpenFds();
    sys::ScopedFault fault(sys::Call::kConnect, sys::Fault::Every(error));
    EXPECT_EQ(ErrnoOf(loop_.Run(TcpStream::Connect(address_)).status()), error);
    EXPECT_EQ(OpenFds(), before);
  }
}

TEST_F(TcpConnectTest, WaitsWhenTheConnectionTakesTime) {
  // An interrupted connect goes on in the background, as one that is in progress.
  sys::ScopedFault fault(sys::Call::kConnect, sys::Fault::First(1, EINTR));
  PolledTask connect(TcpStream::Connect(address_));
  auto poll = connect.Poll();
  EXPECT_TRUE(poll.pending());  // the fault kept the call from the kernel: not connected, not failed
}

}  // namespace
}  // namespace kioto::net
