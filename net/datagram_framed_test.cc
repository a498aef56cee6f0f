#include "kioto/net/datagram_framed.h"

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/net/udp_socket.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/codec/bytes_codec.h"
#include "kioto/runtime/io/codec/length_delimited_codec.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::net {
namespace {

class DatagramFramedTest : public testing::Test {
 protected:
  UdpSocket Bind() { return *loop_.Run(UdpSocket::Bind("127.0.0.1:0")); }
  // The next item, and from where.
  template <class F>
  std::string Next(F& framed, const SocketAddress& from) {
    auto item = *loop_.Run(framed.Next());
    if (!item.ok()) return item.status().ToString();
    EXPECT_EQ(item->from, from);
    return item->item;
  }

  DrivenLoop loop_;
};

// behaviour: tokio-util/tests/udp.rs#send_framed_lines_codec
TEST_F(DatagramFramedTest, OneDatagramMayHaveManyItems) {
  UdpSocket a = Bind(), b = Bind();
  const SocketAddress a_at = *a.local_address(), b_at = *b.local_address();
  DatagramFramed out(std::move(a), io::BytesCodec());
  DatagramFramed in(std::move(b), io::LinesCodec());
  EXPECT_TRUE(loop_.Run(out.Send(ToAddress("1\r\n2\r\n3\r\n", b_at))).ok());
  for (const char* line : {"1", "2", "3"}) EXPECT_EQ(Next(in, a_at), line);
}

// behaviour: tokio-util/tests/udp.rs#framed_half
TEST_F(DatagramFramedTest, TwoHalvesShareASocket) {
  auto socket = std::make_shared<UdpSocket>(Bind());
  const SocketAddress at = *socket->local_address();
  DatagramFramed out(socket, io::BytesCodec());
  DatagramFramed in(socket, io::LinesCodec());
  EXPECT_TRUE(loop_.Run(out.Send(ToAddress("1\r\n2\r\n3\r\n", at))).ok());
  EXPECT_TRUE(loop_.Run(out.Send(ToAddress("4\r\n5\r\n6\r\n", at))).ok());
  for (const char* line : {"1", "2", "3", "4", "5", "6"}) EXPECT_EQ(Next(in, at), line);
}

TEST_F(DatagramFramedTest, AnItemThatIsWrongDropsItsDatagramAlone) {
  auto socket = std::make_shared<UdpSocket>(Bind());
  const SocketAddress at = *socket->local_address();
  DatagramFramed out(socket, io::BytesCodec());
  DatagramFramed in(socket, io::LinesCodec(/*max_length=*/4));
  EXPECT_TRUE(loop_.Run(out.Feed(ToAddress("\xff\nlost\n", at))).ok());
  EXPECT_TRUE(loop_.Run(out.Feed(ToAddress("kept\n", at))).ok());  // sends the one before
  EXPECT_TRUE(loop_.Run(out.Flush()).ok());
  EXPECT_NE(Next(in, at).find("UTF-8"), std::string::npos);
  EXPECT_EQ(Next(in, at), "kept");
}

TEST_F(DatagramFramedTest, WhatIsLeftOfADatagramIsNoPartOfTheNext) {
  auto socket = std::make_shared<UdpSocket>(Bind());
  const SocketAddress at = *socket->local_address();
  DatagramFramed out(socket, io::BytesCodec());
  const auto send = [&](std::string datagram) { EXPECT_TRUE(loop_.Run(out.Send(ToAddress(std::move(datagram), at))).ok()); };
  send(std::string("\0\0\0\5half", 8));
  send(std::string("\0\0\0\3all", 7));
  DatagramFramed frames(socket, io::LengthDelimitedCodec());
  EXPECT_TRUE(io::IsUnexpectedEof(loop_.Run(frames.Next())->status()));
  EXPECT_EQ((**loop_.Run(frames.Next())).item, "all");

  send("too long, and its end is nowhere");
  send("a\n");
  DatagramFramed lines(socket, io::LinesCodec(/*max_length=*/4));
  EXPECT_TRUE(io::IsLimitExceeded(loop_.Run(lines.Next())->status()));
  EXPECT_EQ(Next(lines, at), "a");
}

TEST_F(DatagramFramedTest, ManyItemsOfOneDatagramLetOthersRun) {
  constexpr int kItems = 2 * limits::kPollBudget * limits::kPartsOfUnit;
  auto socket = std::make_shared<UdpSocket>(Bind());
  const SocketAddress at = *socket->local_address();
  DatagramFramed out(socket, io::BytesCodec());
  DatagramFramed in(socket, io::LinesCodec());
  EXPECT_TRUE(loop_.Run(out.Send(ToAddress(std::string(kItems, '\n'), at))).ok());
  EXPECT_EQ(Next(in, at), "");
  int items = 1;
  PolledTask all(PollFn([&](Context& cx) -> Poll<Unit> {
    while (items < kItems) {
      if (in.PollNext(cx).pending()) return kPending;
      ++items;
    }
    return Unit{};
  }));
  EXPECT_TRUE(all.Poll().pending());
  EXPECT_TRUE(all.yielded());
  EXPECT_EQ(items, 1 + limits::kPollBudget * limits::kPartsOfUnit);
  EXPECT_TRUE(all.Poll().ready());
}

TEST_F(DatagramFramedTest, AnItemThatIsRefusedSendsNothing) {
  UdpSocket a = Bind();
  const SocketAddress at = *a.local_address();
  DatagramFramed framed(std::move(a), io::LengthDelimitedCodec::Builder().MaxFrameLength(3).Build());
  EXPECT_FALSE(loop_.Run(framed.Send(ToAddress("four", at))).ok());
  EXPECT_TRUE(loop_.Run(framed.Send(ToAddress("two", at))).ok());
  auto item = *loop_.Run(framed.Next());
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ(item->item, "two");
}

// check: H1
TEST_F(DatagramFramedTest, ANextThatIsDroppedLosesNothing) {
  auto socket = std::make_shared<UdpSocket>(Bind());
  const SocketAddress at = *socket->local_address();
  DatagramFramed out(socket, io::BytesCodec());
  DatagramFramed in(socket, io::LinesCodec());
  for (int polls = 0; polls < 4; ++polls) {
    {
      PolledTask next(in.Next());
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(next.Poll().pending());
    }
    EXPECT_TRUE(loop_.Run(out.Send(ToAddress("1\n2\n", at))).ok());
    EXPECT_EQ(Next(in, at), "1");
    { PolledTask unpolled(in.Next()); }
    EXPECT_EQ(Next(in, at), "2");
  }
}

}  // namespace
}  // namespace kioto::net
