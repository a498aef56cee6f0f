#include "kioto/net/socket_options.h"

#include <chrono>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/testing/sockets.h"

namespace kioto::net {
namespace {

using SocketOptionsTest = TcpTest;

TEST_F(SocketOptionsTest, HasOptions) {
  auto [stream, client] = Accepted();
  EXPECT_EQ(stream.SetNoDelay(true), OkStatus());
  EXPECT_TRUE(*stream.NoDelay());
  EXPECT_EQ(stream.SetNoDelay(false), OkStatus());
  EXPECT_FALSE(*stream.NoDelay());
  EXPECT_EQ(stream.SetKeepAlive(KeepAlive{std::chrono::seconds(30), std::chrono::seconds(5), 4}), OkStatus());
  EXPECT_TRUE(*stream.KeepAliveOn());
  EXPECT_EQ(stream.SetKeepAlive(std::nullopt), OkStatus());
  EXPECT_FALSE(*stream.KeepAliveOn());
  EXPECT_EQ(stream.SetTtl(42), OkStatus());
  EXPECT_EQ(*stream.Ttl(), 42);
  EXPECT_EQ(stream.SetSendBufferSize(8192), OkStatus());
  EXPECT_EQ(*stream.SendBufferSize(), 16384u);
  EXPECT_EQ(stream.SetReceiveBufferSize(8192), OkStatus());
  EXPECT_EQ(*stream.ReceiveBufferSize(), 16384u);
  EXPECT_EQ(stream.TakeError(), OkStatus());
}

// behaviour: tokio/tests/tcp_stream.rs#set_linger
TEST_F(SocketOptionsTest, LingerReadsBack) {
  using Linger = std::optional<std::chrono::seconds>;
  auto [stream, client] = Accepted();
  for (Linger linger : {Linger(1), Linger(0), Linger()}) {
    EXPECT_EQ(stream.SetLinger(linger), OkStatus());
    EXPECT_EQ(*stream.Linger(), linger);
  }
}

// behaviour: tokio/tests/net_quickack.rs#socket_works_with_quickack
TEST_F(SocketOptionsTest, QuickAckReadsBack) {
  auto [stream, peer] = Pair();
  for (bool on : {true, false}) {
    for (TcpStream* end : {&stream, &peer}) {
      EXPECT_EQ(end->SetQuickAck(on), OkStatus());
      EXPECT_EQ(*end->QuickAck(), on);
      TcpStream& other = end == &stream ? peer : stream;
      char message[4];
      EXPECT_EQ(loop_.Run(end->WriteAll("ping")), OkStatus());
      EXPECT_EQ(loop_.Run(other.ReadExact(message)), OkStatus());
      EXPECT_EQ(std::string(message, 4), "ping");
    }
  }
}

}  // namespace
}  // namespace kioto::net
