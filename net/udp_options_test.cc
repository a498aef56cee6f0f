// The options of UDP sockets, and groups of them.
#include <net/if.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/net/udp_socket.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::net {
namespace {

class UdpOptionsTest : public testing::Test {
 protected:
  UdpSocket Bind(const char* at) {
    StatusOr<UdpSocket> socket = loop_.Run(UdpSocket::Bind(at));
    EXPECT_TRUE(socket.ok()) << socket.status();
    return *std::move(socket);
  }

  DrivenLoop loop_;
  UdpSocket v4_ = Bind("127.0.0.1:0");
  UdpSocket v6_ = Bind("[::]:0");
};

// behaviour: tokio/tests/udp.rs#broadcast
TEST_F(UdpOptionsTest, Broadcast) {
  for (UdpSocket* socket : {&v4_, &v6_}) {
    EXPECT_FALSE(*socket->Broadcast());
    EXPECT_EQ(socket->SetBroadcast(true), OkStatus());
    EXPECT_TRUE(*socket->Broadcast());
  }
}

// behaviour: tokio/tests/udp.rs#multicast_loop_v4
TEST_F(UdpOptionsTest, MulticastLoopV4) {
  EXPECT_TRUE(*v4_.MulticastLoopV4());
  EXPECT_EQ(v4_.SetMulticastLoopV4(false), OkStatus());
  EXPECT_FALSE(*v4_.MulticastLoopV4());
}

// behaviour: tokio/tests/udp.rs#multicast_ttl_v4
TEST_F(UdpOptionsTest, MulticastTtlV4) {
  for (UdpSocket* socket : {&v4_, &v6_}) {
    EXPECT_EQ(socket->SetMulticastTtlV4(40), OkStatus());
    EXPECT_EQ(*socket->MulticastTtlV4(), 40);
  }
}

// behaviour: tokio/tests/udp.rs#multicast_loop_v6
TEST_F(UdpOptionsTest, MulticastLoopV6) {
  EXPECT_TRUE(*v6_.MulticastLoopV6());
  EXPECT_EQ(v6_.SetMulticastLoopV6(false), OkStatus());
  EXPECT_FALSE(*v6_.MulticastLoopV6());
}

// behaviour: tokio/tests/udp.rs#tclass_v6
TEST_F(UdpOptionsTest, TrafficClassV6) {
  EXPECT_EQ(v6_.SetTrafficClassV6(96), OkStatus());
  EXPECT_EQ(*v6_.TrafficClassV6(), 96);
}

// behaviour: tokio/tests/udp.rs#ttl
TEST_F(UdpOptionsTest, Ttl) {
  EXPECT_EQ(v4_.SetTtl(40), OkStatus());
  EXPECT_EQ(*v4_.Ttl(), 40);
}

// behaviour: tokio/tests/udp.rs#tos_v4
TEST_F(UdpOptionsTest, TosV4) {
  EXPECT_EQ(v4_.SetTosV4(96), OkStatus());
  EXPECT_EQ(*v4_.TosV4(), 96);
}

TEST_F(UdpOptionsTest, BuffersDevicesAndGroups) {
  EXPECT_EQ(v4_.SetSendBufferSize(16'384), OkStatus());
  EXPECT_GE(*v4_.SendBufferSize(), 16'384u);
  EXPECT_EQ(v4_.SetReceiveBufferSize(16'384), OkStatus());
  EXPECT_GE(*v4_.ReceiveBufferSize(), 16'384u);
  EXPECT_EQ(*v4_.Device(), "");
  EXPECT_FALSE(v4_.BindDevice("no such one").ok());
  EXPECT_EQ(v4_.TakeError(), OkStatus());
  const IpAddress group = IpAddress::V4(239, 1, 2, 3), at = IpAddress::LoopbackV4();
  EXPECT_EQ(v4_.JoinMulticastV4(group, at), OkStatus());
  EXPECT_EQ(ErrnoOf(v4_.JoinMulticastV4(group, at)), EADDRINUSE);
  EXPECT_EQ(v4_.LeaveMulticastV4(group, at), OkStatus());
  EXPECT_EQ(v4_.JoinMulticastV4(IpAddress::LoopbackV6(), at).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(v6_.JoinMulticastV6(group, 0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrnoOf(v6_.LeaveMulticastV6(*IpAddress::Parse("ff05::1"), 0)), EADDRNOTAVAIL);
}

TEST_F(UdpOptionsTest, WhatIsSentToAGroupLeavesByTheInterfaceThatIsSet) {
  const IpAddress group = IpAddress::V4(239, 1, 2, 4), loopback = IpAddress::LoopbackV4();
  EXPECT_EQ(*v4_.MulticastInterfaceV4(), IpAddress::AnyV4());
  EXPECT_EQ(v4_.SetMulticastInterfaceV4(loopback), OkStatus());
  EXPECT_EQ(*v4_.MulticastInterfaceV4(), loopback);
  UdpSocket member = Bind("0.0.0.0:0");
  EXPECT_EQ(member.JoinMulticastV4(group, loopback), OkStatus());
  char buf[8];
  PolledTask received(member.RecvFrom(buf));
  EXPECT_TRUE(received.Poll().pending());
  EXPECT_EQ(*loop_.Run(v4_.SendTo("to all", SocketAddress(group, member.local_address()->port()))), 6u);
  EXPECT_EQ(loop_.Run(received)->from, *v4_.local_address());
  EXPECT_EQ(std::string(buf, 6), "to all");
  EXPECT_EQ(v4_.SetMulticastInterfaceV4(IpAddress::AnyV4()), OkStatus());
  EXPECT_EQ(*v4_.MulticastInterfaceV4(), IpAddress::AnyV4());
  EXPECT_EQ(v4_.SetMulticastInterfaceV4(IpAddress::LoopbackV6()).code(), absl::StatusCode::kInvalidArgument);
  const uint32_t number = ::if_nametoindex("lo");
  EXPECT_EQ(*v6_.MulticastInterfaceV6(), 0u);
  EXPECT_EQ(v6_.SetMulticastInterfaceV6(number), OkStatus());
  EXPECT_EQ(*v6_.MulticastInterfaceV6(), number);
  EXPECT_FALSE(v6_.SetMulticastInterfaceV6(1 << 30).ok());
}

}  // namespace
}  // namespace kioto::net
