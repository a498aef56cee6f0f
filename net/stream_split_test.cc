#include "kioto/net/stream_split.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "gtest/gtest.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/io/testing/read_rest.h"

namespace kioto::net {
namespace {

using StreamSplitTest = TcpTest;

// behaviour: tokio/tests/tcp_split.rs#split
TEST_F(StreamSplitTest, SplitsIntoViews) {
  auto [stream, client] = Accepted();
  auto halves = stream.Split();
  client.Send("split");
  char a[8], b[8], c[8];
  EXPECT_PRED2(IsAllOrCut, absl::string_view(a, *loop_.Run(halves.first.Peek(a))), "split");
  EXPECT_PRED2(IsAllOrCut, absl::string_view(b, *loop_.Run(halves.first.Peek(b))), "split");
  EXPECT_EQ(ReadRest(loop_, halves.first, c, *loop_.Run(halves.first.Read(c)), 5), 5u);
  EXPECT_EQ(std::string(c, 5), "split");
  EXPECT_EQ(loop_.Run(halves.second.WriteAll("back")), OkStatus());
  EXPECT_EQ(client.Receive(4), "back");
  PolledTask read(halves.first.Read(a));
  EXPECT_TRUE(read.Poll().pending());
  EXPECT_EQ(loop_.Run(halves.second.WriteAll("!")), OkStatus());  // while the other half waits
  EXPECT_EQ(client.Receive(1), "!");
  client.Close();
  EXPECT_EQ(*loop_.Run(read), 0u);
}

// behaviour: tokio/tests/tcp_into_split.rs#split
TEST_F(StreamSplitTest, SplitsIntoOwners) {
  auto [stream, client] = Accepted();
  auto halves = std::move(stream).IntoSplit();
  char a[8], b[8], c[8];
  PolledTask peek(halves.first.Peek(a));
  EXPECT_TRUE(peek.Poll().pending());
  std::thread writer([&loop = loop_, writing = std::move(halves.second)]() mutable {
    DrivenLoop::Guest guest(loop);
    EXPECT_EQ(guest.Run(writing.WriteAll(std::string("back"))), OkStatus());
  });
  client.Send("owned");
  EXPECT_PRED2(IsAllOrCut, absl::string_view(a, *loop_.Run(peek)), "owned");
  EXPECT_PRED2(IsAllOrCut, absl::string_view(b, *loop_.Run(halves.first.Peek(b))), "owned");
  EXPECT_EQ(ReadRest(loop_, halves.first, c, *loop_.Run(halves.first.Read(c)), 5), 5u);
  EXPECT_EQ(std::string(c, 5), "owned");
  writer.join();
  EXPECT_EQ(client.Receive(4), "back");
}

// behaviour: tokio/tests/tcp_into_split.rs#reunite
TEST_F(StreamSplitTest, ReunitesOnlyWhatBelongsTogether) {
  auto [one, client] = Accepted();
  auto [two, other] = Accepted();
  auto first = std::move(one).IntoSplit();
  auto second = std::move(two).IntoSplit();
  EXPECT_FALSE(first.first.IsPairOf(second.second));
  auto result = OwnedWriteHalf::Reunite(std::move(first.first), std::move(second.second));
  ASSERT_TRUE((std::holds_alternative<std::pair<OwnedReadHalf, OwnedWriteHalf>>(result)));
  auto back = std::get<1>(std::move(result));
  StatusOr<TcpStream> whole = Reunite(std::move(back.first), std::move(first.second));
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(loop_.Run(whole->WriteAll("whole")), OkStatus());  // not shut down by the half that it was
  EXPECT_EQ(client.Receive(5), "whole");
  EXPECT_EQ(Reunite(std::move(second.first), std::move(first.second)).status().code(), absl::StatusCode::kInvalidArgument);
}

// behaviour: tokio/tests/tcp_into_split.rs#drop_write
TEST_F(StreamSplitTest, DroppingTheOwnedWriteHalfEndsTheStreamForThePeer) {
  auto [stream, client] = Accepted();
  auto halves = std::move(stream).IntoSplit();
  char a[8];
  PolledTask read(halves.first.Read(a));
  EXPECT_TRUE(read.Poll().pending());
  std::thread([writing = std::move(halves.second)] {}).join();
  EXPECT_EQ(client.Receive(1), "");
  client.Send("still read");
  EXPECT_EQ(ReadRest(loop_, halves.first, a, *loop_.Run(read), 8), 8u);
  client.Close();
}

TEST_F(StreamSplitTest, OwnedHalvesWorkOnTwoThreads) {
  auto [stream, client] = Accepted();
  ASSERT_EQ(stream.SetSendBufferSize(16 * 1024), OkStatus());
  auto halves = std::move(stream).IntoSplit();
  std::string sent(1 << 20, 'x');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 13);
  std::thread echo([&client = client, size = sent.size()] {
    for (size_t done = 0; done < size;) {
      const std::string piece = client.Receive(std::min<size_t>(10'000, size - done));
      done += piece.size();
      client.Send(piece);
    }
    client.ShutdownWrite();
  });
  std::thread writer([&sent, &loop = loop_, writing = std::move(halves.second)]() mutable {
    DrivenLoop::Guest guest(loop);
    EXPECT_EQ(guest.Run(writing.WriteAll(sent)), OkStatus());
    EXPECT_EQ(guest.Run(writing.Shutdown()), OkStatus());
  });
  EXPECT_EQ(*loop_.Run(halves.first.ReadToEnd(sent.size())), sent);
  writer.join();
  echo.join();
}

TEST_F(StreamSplitTest, AForgottenWriteHalfEndsNothing) {
  auto [stream, client] = Accepted();
  auto halves = std::move(stream).IntoSplit();
  std::move(halves.second).Forget();
  char a[1];
  EXPECT_EQ(::recv(client.fd(), a, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

}  // namespace
}  // namespace kioto::net
