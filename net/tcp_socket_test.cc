#include "kioto/net/tcp_socket.h"

#include <fcntl.h>

#include <chrono>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/net/testing/sockets.h"

namespace kioto::net {
namespace {

class TcpSocketTest : public testing::Test {
 protected:
  // Bind, listen, connect, accept.
  void Use(StatusOr<TcpSocket> server, StatusOr<TcpSocket> client, IpAddress ip) {
    ASSERT_TRUE(server.ok()) << server.status();
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_NE(::fcntl(server->fd(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(server->fd(), F_GETFD) & FD_CLOEXEC, 0);
    Status bound = server->Bind(SocketAddress(ip, 0));
    if (ErrnoOf(bound) == EADDRNOTAVAIL) GTEST_SKIP() << "no such address here";
    ASSERT_EQ(bound, OkStatus());
    const SocketAddress address = *server->local_address();
    StatusOr<TcpListener> listener = std::move(*server).Listen(128);
    ASSERT_TRUE(listener.ok()) << listener.status();
    StatusOr<TcpStream> stream = loop_.Run(std::move(*client).Connect(address));
    ASSERT_TRUE(stream.ok()) << stream.status();
    StatusOr<TcpStream> accepted = loop_.Run(listener->Accept());
    ASSERT_TRUE(accepted.ok()) << accepted.status();
    EXPECT_EQ(*accepted->peer_address(), *stream->local_address());
  }
  // `check` of a fresh socket of either family; no error is left on it.
  template <class Check>
  void OnBoth(Check check) {
    for (bool v6 : {false, true}) {
      StatusOr<TcpSocket> socket = v6 ? TcpSocket::V6() : TcpSocket::V4();
      ASSERT_TRUE(socket.ok()) << socket.status();
      check(*socket);
      EXPECT_EQ(socket->TakeError(), OkStatus());
    }
  }

  DrivenLoop loop_;
};

// behaviour: tokio/tests/tcp_socket.rs#basic_usage_v4
TEST_F(TcpSocketTest, ListensAndConnectsV4) { Use(TcpSocket::V4(), TcpSocket::V4(), IpAddress::LoopbackV4()); }

// behaviour: tokio/tests/tcp_socket.rs#basic_usage_v6
TEST_F(TcpSocketTest, ListensAndConnectsV6) { Use(TcpSocket::V6(), TcpSocket::V6(), IpAddress::LoopbackV6()); }

TEST_F(TcpSocketTest, ConnectsOnceAndSaysWhyNot) {
  TcpListener listener = *loop_.Run(TcpListener::Bind("127.0.0.1:0"));
  const SocketAddress dead = *listener.local_address();
  { TcpListener gone = std::move(listener); }
  EXPECT_EQ(ErrnoOf(loop_.Run(std::move(*TcpSocket::V4()).Connect(dead)).status()), ECONNREFUSED);
  PolledTask outside(std::move(*TcpSocket::V4()).Connect(dead));
  loop_.Leave();
  EXPECT_EQ((*outside.Poll()).status().code(), absl::StatusCode::kFailedPrecondition);
}

// behaviour: tokio/tests/tcp_socket.rs#keepalive
TEST_F(TcpSocketTest, KeepAliveReadsBack) {
  OnBoth([](TcpSocket& socket) {
    EXPECT_FALSE(*socket.KeepAliveOn());
    EXPECT_EQ(socket.SetKeepAlive(KeepAlive{}), OkStatus());
    EXPECT_TRUE(*socket.KeepAliveOn());
  });
}

// behaviour: tokio/tests/tcp_socket.rs#reuseaddr
TEST_F(TcpSocketTest, ReuseAddressReadsBack) {
  OnBoth([](TcpSocket& socket) {
    EXPECT_FALSE(*socket.ReuseAddress());
    EXPECT_EQ(socket.SetReuseAddress(true), OkStatus());
    EXPECT_TRUE(*socket.ReuseAddress());
  });
}

// behaviour: tokio/tests/tcp_socket.rs#reuseport
TEST_F(TcpSocketTest, ReusePortReadsBack) {
  OnBoth([](TcpSocket& socket) {
    EXPECT_FALSE(*socket.ReusePort());
    EXPECT_EQ(socket.SetReusePort(true), OkStatus());
    EXPECT_TRUE(*socket.ReusePort());
  });
}

// behaviour: tokio/tests/tcp_socket.rs#send_buffer_size
TEST_F(TcpSocketTest, SendBufferSizeReadsBackAsTheKernelTakesIt) {
  OnBoth([](TcpSocket& socket) {
    EXPECT_EQ(socket.SetSendBufferSize(4096), OkStatus());
    EXPECT_EQ(*socket.SendBufferSize(), 8192u);
  });
}

// behaviour: tokio/tests/tcp_socket.rs#recv_buffer_size
TEST_F(TcpSocketTest, ReceiveBufferSizeReadsBackAsTheKernelTakesIt) {
  OnBoth([](TcpSocket& socket) {
    EXPECT_EQ(socket.SetReceiveBufferSize(4096), OkStatus());
    EXPECT_EQ(*socket.ReceiveBufferSize(), 8192u);
  });
}

// behaviour: tokio/tests/tcp_socket.rs#linger
TEST_F(TcpSocketTest, LingerReadsBack) {
  OnBoth([](TcpSocket& socket) {
    EXPECT_EQ(socket.SetLinger(std::chrono::seconds(10)), OkStatus());
    EXPECT_EQ(*socket.Linger(), std::chrono::seconds(10));
  });
}

// behaviour: tokio/tests/tcp_socket.rs#nodelay
TEST_F(TcpSocketTest, NoDelayReadsBack) {
  OnBoth([](TcpSocket& socket) {
    EXPECT_FALSE(*socket.NoDelay());
    EXPECT_EQ(socket.SetNoDelay(true), OkStatus());
    EXPECT_TRUE(*socket.NoDelay());
  });
}

// behaviour: tokio/tests/tcp_socket.rs#tos_v4
TEST_F(TcpSocketTest, TosReadsBack) {
  TcpSocket socket = *TcpSocket::V4();
  EXPECT_EQ(socket.SetTosV4(96), OkStatus());
  EXPECT_EQ(*socket.TosV4(), 96);
}

// behaviour: tokio/tests/tcp_socket.rs#tclass_v6
TEST_F(TcpSocketTest, TrafficClassReadsBack) {
  StatusOr<TcpSocket> socket = TcpSocket::V6();
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(socket->SetTrafficClassV6(96), OkStatus());
  EXPECT_EQ(*socket->TrafficClassV6(), 96);
}

TEST_F(TcpSocketTest, IsBoundToADeviceThatIsThere) {
  OnBoth([](TcpSocket& socket) {
    EXPECT_EQ(*socket.Device(), "");
    EXPECT_FALSE(socket.BindDevice("no such one").ok());
    EXPECT_EQ(*socket.Device(), "");
  });
}

TEST_F(TcpSocketTest, GivesItsFdUpAndTakesOneOver) {
  const int fd = std::move(*TcpSocket::V4()).IntoFd();
  ASSERT_EQ(::fcntl(fd, F_SETFL, 0), 0);
  StatusOr<TcpSocket> again = TcpSocket::FromFd(fd);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace kioto::net
