#include "kioto/net/udp_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::net {
namespace {

class UdpSocketTest : public testing::Test {
 protected:
  UdpSocket Bind(Endpoint at = "127.0.0.1:0") {
    StatusOr<UdpSocket> socket = loop_.Run(UdpSocket::Bind(std::move(at)));
    EXPECT_TRUE(socket.ok()) << socket.status();
    return *std::move(socket);
  }
  struct Two {
    UdpSocket a, b;
    SocketAddress a_at, b_at;
  };
  Two Unconnected() {
    UdpSocket a = Bind(), b = Bind();
    SocketAddress a_at = *a.local_address(), b_at = *b.local_address();
    return {std::move(a), std::move(b), a_at, b_at};
  }
  Two Connected() {
    Two two = Unconnected();
    EXPECT_EQ(loop_.Run(two.a.Connect(two.b_at)), OkStatus());
    EXPECT_EQ(loop_.Run(two.b.Connect(two.a_at)), OkStatus());
    return two;
  }
  // What `poll` gives, polled as often as it takes.
  template <class Fn>
  auto RunPolls(Fn poll) {
    return loop_.Run(PollFn(std::move(poll)));
  }

  DrivenLoop loop_;
  char buf_[64] = {};
  std::string Got(size_t n) { return std::string(buf_, n); }
};

// behaviour: tokio/tests/udp.rs#send_recv
TEST_F(UdpSocketTest, SendsToWhomItIsConnected) {
  Two two = Connected();
  EXPECT_EQ(*two.a.peer_address(), two.b_at);
  PolledTask recv(two.b.Recv(buf_));
  EXPECT_TRUE(recv.Poll().pending());
  EXPECT_EQ(*loop_.Run(two.a.Send("hello")), 5u);
  EXPECT_EQ(*loop_.Run(recv), 5u);
  EXPECT_EQ(Got(5), "hello");
  EXPECT_EQ(*loop_.Run(two.b.Send(std::string("owned"))), 5u);
  EXPECT_EQ(*loop_.Run(two.a.Recv(buf_)), 5u);
  EXPECT_EQ(Got(5), "owned");
}

// behaviour: tokio/tests/udp.rs#send_recv_poll
TEST_F(UdpSocketTest, SendsAndReceivesByPolls) {
  Two two = Connected();
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two.a.PollSend(cx, "hello"); }), 5u);
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two.b.PollRecv(cx, buf_); }), 5u);
  EXPECT_EQ(Got(5), "hello");
}

// behaviour: tokio/tests/udp.rs#send_to_recv_closed_returns_err
TEST_F(UdpSocketTest, HearsThatNobodyListens) {
  Two two = Connected();
  { UdpSocket gone = std::move(two.b); }
  EXPECT_EQ(*loop_.Run(two.a.Send("hello")), 5u);
  EXPECT_EQ(ErrnoOf(loop_.Run(two.a.Recv(buf_)).status()), ECONNREFUSED);
}

// behaviour: tokio/tests/udp.rs#send_to_recv_from
TEST_F(UdpSocketTest, TellsWhoSent) {
  Two two = Unconnected();
  PolledTask recv(two.b.RecvFrom(buf_));
  EXPECT_TRUE(recv.Poll().pending());
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", two.b_at)), 5u);
  auto received = *loop_.Run(recv);
  EXPECT_EQ(received.size, 5u);
  EXPECT_EQ(received.from, two.a_at);
  EXPECT_FALSE(received.cut);
  EXPECT_EQ(Got(5), "hello");
}

// behaviour: tokio/tests/udp.rs#send_to_recv_from_poll
TEST_F(UdpSocketTest, TellsWhoSentByPolls) {
  Two two = Unconnected();
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two.a.PollSendTo(cx, "hello", two.b_at); }), 5u);
  auto received = *RunPolls([&](Context& cx) { return two.b.PollRecvFrom(cx, buf_); });
  EXPECT_EQ(received.size, 5u);
  EXPECT_EQ(received.from, two.a_at);
}

// behaviour: tokio/tests/udp.rs#send_to_peek_from
TEST_F(UdpSocketTest, PeeksAndLeavesItThere) {
  Two two = Unconnected();
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", two.b_at)), 5u);
  for (int i = 0; i < 2; ++i) {
    auto peeked = *loop_.Run(two.b.PeekFrom(buf_));
    EXPECT_EQ(Got(peeked.size), "hello");
    EXPECT_EQ(peeked.from, two.a_at);
    EXPECT_EQ(*loop_.Run(two.b.Peek(buf_)), 5u);
    EXPECT_EQ(*two.b.TryPeek(buf_), 5u);
  }
  auto received = *loop_.Run(two.b.RecvFrom(buf_));
  EXPECT_EQ(Got(received.size), "hello");
  EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(buf_).status()));
}

// behaviour: tokio/tests/udp.rs#send_to_peek_from_poll
TEST_F(UdpSocketTest, PeeksByPolls) {
  Two two = Unconnected();
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", two.b_at)), 5u);
  for (int i = 0; i < 2; ++i) {
    auto peeked = *RunPolls([&](Context& cx) { return two.b.PollPeekFrom(cx, buf_); });
    EXPECT_EQ(Got(peeked.size), "hello");
    EXPECT_EQ(peeked.from, two.a_at);
  }
  EXPECT_EQ(RunPolls([&](Context& cx) { return two.b.PollRecvFrom(cx, buf_); })->size, 5u);
  EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(buf_).status()));
}

// behaviour: tokio/tests/udp.rs#peek_sender
TEST_F(UdpSocketTest, PeeksAtTheSenderAlone) {
  Two two = Unconnected();
  PolledTask sender(two.b.PeekSender());
  EXPECT_TRUE(sender.Poll().pending());
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", two.b_at)), 5u);
  EXPECT_EQ(*loop_.Run(sender), two.a_at);
  EXPECT_EQ(loop_.Run(two.b.RecvFrom(buf_))->size, 5u);
}

// behaviour: tokio/tests/udp.rs#poll_peek_sender
TEST_F(UdpSocketTest, PeeksAtTheSenderByPolls) {
  Two two = Unconnected();
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", two.b_at)), 5u);
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two.b.PollPeekSender(cx); }), two.a_at);
  EXPECT_EQ(loop_.Run(two.b.RecvFrom(buf_))->size, 5u);
}

// behaviour: tokio/tests/udp.rs#try_peek_sender
TEST_F(UdpSocketTest, TriesToPeekAtTheSender) {
  Two two = Unconnected();
  EXPECT_TRUE(IsEmpty(two.b.TryPeekSender().status()));
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", two.b_at)), 5u);
  EXPECT_TRUE(loop_.Run(two.b.Readable()).ok());
  EXPECT_EQ(*two.b.TryPeekSender(), two.a_at);
  EXPECT_EQ(two.b.TryRecvFrom(buf_)->size, 5u);
}

// behaviour: tokio/tests/udp.rs#try_send_spawn
TEST_F(UdpSocketTest, TriesFromAnyThread) {
  Two two = Unconnected();
  ASSERT_EQ(loop_.Run(two.a.Connect(two.b_at)), OkStatus());
  EXPECT_EQ(*two.a.TrySendTo("one", two.b_at), 3u);
  EXPECT_EQ(*two.a.TrySend("second"), 6u);
  std::thread([&] { EXPECT_EQ(*two.a.TrySend("3"), 1u); }).join();
  for (size_t size : {3u, 6u, 1u}) EXPECT_EQ(*loop_.Run(two.b.Recv(buf_)), size);
}

// behaviour: tokio/tests/udp.rs#try_send_recv
TEST_F(UdpSocketTest, TriesWhenItIsReady) {
  Two two = Connected();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(loop_.Run(two.a.Writable())->writable());
    EXPECT_EQ(*two.a.TrySend("hello"), 5u);
    EXPECT_TRUE(loop_.Run(two.b.Readable())->readable());
    EXPECT_EQ(*two.b.TryRecv(buf_), 5u);
    EXPECT_TRUE(IsEmpty(two.b.TryRecv(buf_).status()));
  }
}

// behaviour: tokio/tests/udp.rs#try_send_to_recv_from
TEST_F(UdpSocketTest, TriesWithAddressesWhenItIsReady) {
  Two two = Unconnected();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(loop_.Run(two.a.Writable())->writable());
    EXPECT_EQ(*two.a.TrySendTo("hello", two.b_at), 5u);
    EXPECT_TRUE(loop_.Run(two.b.Readable())->readable());
    auto received = *two.b.TryRecvFrom(buf_);
    EXPECT_EQ(Got(received.size), "hello");
    EXPECT_EQ(received.from, two.a_at);
    EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(buf_).status()));
  }
}

// behaviour: tokio/tests/udp.rs#try_recv_buf
TEST_F(UdpSocketTest, TriesToReceiveIntoAQueue) {
  Two two = Connected();
  ByteQueue queue;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(*two.a.TrySend("hello"), 5u);
    EXPECT_TRUE(loop_.Run(two.b.Readable()).ok());
    EXPECT_EQ(*two.b.TryRecv(queue), 5u);
    EXPECT_TRUE(IsEmpty(two.b.TryRecv(queue).status()));
  }
  EXPECT_EQ(queue.view(), "hellohellohellohellohello");
}

// behaviour: tokio/tests/udp.rs#recv_buf
TEST_F(UdpSocketTest, ReceivesIntoAQueue) {
  Two two = Connected();
  ByteQueue queue;
  queue.Append("> ");
  EXPECT_EQ(*loop_.Run(two.a.Send("hello")), 5u);
  EXPECT_EQ(*loop_.Run(two.b.Recv(queue)), 5u);
  EXPECT_EQ(queue.view(), "> hello");
}

// behaviour: tokio/tests/udp.rs#try_recv_buf_from
TEST_F(UdpSocketTest, TriesToReceiveIntoAQueueFromWhom) {
  Two two = Unconnected();
  ByteQueue queue;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(*two.a.TrySendTo("hello", two.b_at), 5u);
    EXPECT_TRUE(loop_.Run(two.b.Readable()).ok());
    EXPECT_EQ(two.b.TryRecvFrom(queue)->from, two.a_at);
    EXPECT_EQ(queue.view(), "hello");
    queue.Clear();
    EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(queue).status()));
  }
}

// behaviour: tokio/tests/udp.rs#recv_buf_from
TEST_F(UdpSocketTest, ReceivesIntoAQueueFromWhom) {
  Two two = Unconnected();
  ByteQueue queue;
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", two.b_at)), 5u);
  auto received = *loop_.Run(two.b.RecvFrom(queue));
  EXPECT_EQ(queue.view(), "hello");
  EXPECT_EQ(received.from, two.a_at);
}

// behaviour: tokio/tests/udp.rs#poll_ready
TEST_F(UdpSocketTest, TriesWhenAPollSaysReady) {
  Two two = Unconnected();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(RunPolls([&](Context& cx) { return two.a.PollWritable(cx); }).ok());
    EXPECT_EQ(*two.a.TrySendTo("hello", two.b_at), 5u);
    EXPECT_TRUE(RunPolls([&](Context& cx) { return two.b.PollReadable(cx); }).ok());
    EXPECT_EQ(two.b.TryRecvFrom(buf_)->size, 5u);
    EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(buf_).status()));
  }
}

TEST_F(UdpSocketTest, ReadyIsEitherDirection) {
  Two two = Connected();
  EXPECT_TRUE(loop_.Run(two.a.Ready())->writable());
  EXPECT_EQ(*two.b.TrySend("x"), 1u);
  EXPECT_TRUE(loop_.Run(two.a.Readable()).ok());
  EXPECT_TRUE(loop_.Run(two.a.Ready())->readable());
}

TEST_F(UdpSocketTest, SaysWhatItCut) {
  Two two = Connected();
  EXPECT_EQ(*two.a.TrySend("hello"), 5u);
  char small[2];
  auto received = *loop_.Run(two.b.RecvFrom(small));
  EXPECT_EQ(received.size, 2u);
  EXPECT_TRUE(received.cut);
  EXPECT_TRUE(IsEmpty(two.b.TryRecv(buf_).status()));  // the rest is gone
  EXPECT_EQ(*two.a.TrySend("hello"), 5u);
  EXPECT_EQ(*loop_.Run(two.b.Recv(small)), 2u);
  EXPECT_EQ(*two.a.TrySend("hello"), 5u);
  UdpDatagram cut = *loop_.Run(two.b.RecvDatagram(3));
  EXPECT_EQ(cut.bytes, "hel");
  EXPECT_TRUE(cut.cut);
  EXPECT_EQ(*two.a.TrySend("hello"), 5u);
  UdpDatagram whole = *loop_.Run(two.b.RecvDatagram());
  EXPECT_EQ(whole.bytes, "hello");
  EXPECT_EQ(whole.from, two.a_at);
  EXPECT_FALSE(whole.cut);
  EXPECT_EQ(ErrnoOf(loop_.Run(two.a.Send(std::string(70'000, 'x'))).status()), EMSGSIZE);
}

TEST_F(UdpSocketTest, AnEmptyDatagramIsOne) {
  Two two = Connected();
  EXPECT_EQ(*loop_.Run(two.a.Send("")), 0u);
  EXPECT_EQ(*loop_.Run(two.b.Recv(buf_)), 0u);
  EXPECT_TRUE(IsEmpty(two.b.TryRecv(buf_).status()));
}

TEST_F(UdpSocketTest, SeveralTasksReceiveAtOnce) {
  Two two = Unconnected();
  char other[64];
  PolledTask one(two.b.Recv(buf_)), another(two.b.Recv(other));
  EXPECT_TRUE(one.Poll().pending());
  EXPECT_TRUE(another.Poll().pending());
  EXPECT_EQ(*loop_.Run(two.a.SendTo("x", two.b_at)), 1u);
  loop_.Await([&] { return one.wakes() > 0 && another.wakes() > 0; });
  EXPECT_EQ(**one.Poll(), 1u);
  EXPECT_TRUE(another.Poll().pending());
  EXPECT_EQ(*loop_.Run(two.a.SendTo("y", two.b_at)), 1u);
  EXPECT_EQ(*loop_.Run(another), 1u);
}

TEST_F(UdpSocketTest, ADroppedFutureTakesNothing) {
  Two two = Connected();
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask recv(two.b.Recv(buf_));
    PolledTask owned(two.b.RecvDatagram());
    PolledTask readable(two.b.Readable());
    for (int i = 0; i < polls; ++i) {
      EXPECT_TRUE(recv.Poll().pending());
      EXPECT_TRUE(owned.Poll().pending());
      EXPECT_TRUE(readable.Poll().pending());
    }
    PolledTask sending(two.a.SendTo(std::string("never sent"), Endpoint("localhost:1")));
  }
  EXPECT_EQ(*two.a.TrySend("kept"), 4u);
  EXPECT_EQ(*loop_.Run(two.b.Recv(buf_)), 4u);
}

TEST_F(UdpSocketTest, SendsToANameInItsOwnFamily) {
  Two two = Unconnected();
  const Endpoint to("localhost", two.b_at.port());
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", to)), 5u);
  EXPECT_EQ(loop_.Run(two.b.RecvFrom(buf_))->from, two.a_at);
  EXPECT_EQ(*loop_.Run(two.a.SendTo(std::string("owned"), to)), 5u);
  EXPECT_EQ(loop_.Run(two.b.RecvFrom(buf_))->size, 5u);
  EXPECT_FALSE(loop_.Run(two.a.SendTo("hello", "no port")).ok());
}

// behaviour: kioto/net/udp_socket.h#connect_keeps_what_has_come
TEST_F(UdpSocketTest, ReceivesWhatHadComeBeforeItWasConnected) {
  Two two = Unconnected();
  UdpSocket stranger = Bind();
  ASSERT_EQ(*loop_.Run(stranger.SendTo("before", two.a_at)), 6u);
  ASSERT_EQ(loop_.Run(two.a.Connect(two.b_at)), OkStatus());
  ASSERT_EQ(*loop_.Run(stranger.SendTo("after", two.a_at)), 5u);
  EXPECT_EQ(*two.a.TryRecv(buf_), 6u);
  EXPECT_EQ(Got(6), "before");
  EXPECT_TRUE(IsEmpty(two.a.TryRecv(buf_).status()));
}

TEST_F(UdpSocketTest, BindsAndConnectsToWhatItCan) {
  UdpSocket socket = Bind();
  const StatusOr<UdpSocket> second = loop_.Run(UdpSocket::Bind(*socket.local_address()));
  EXPECT_EQ(ErrnoOf(second.status()), EADDRINUSE);
  UdpOptions shared;
  shared.reuse_port = true;
  UdpSocket one = *loop_.Run(UdpSocket::Bind("127.0.0.1:0", shared));
  EXPECT_TRUE(loop_.Run(UdpSocket::Bind(*one.local_address(), shared)).ok());
  EXPECT_EQ(ErrnoOf(loop_.Run(socket.Send("to whom")).status()), EDESTADDRREQ);
}

TEST_F(UdpSocketTest, GoesFromFdToFd) {
  UdpSocket socket = Bind();
  const SocketAddress at = *socket.local_address();
  const int fd = std::move(socket).IntoFd();
  EXPECT_EQ(::fcntl(fd, F_SETFL, 0), 0);
  StatusOr<UdpSocket> again = UdpSocket::FromFd(fd);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(*again->local_address(), at);
  EXPECT_EQ(ErrnoOf(UdpSocket::FromFd(-1).status()), EBADF);
  DrivenLoop inner;
  const int stream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(UdpSocket::FromFd(stream).status().code(), absl::StatusCode::kInvalidArgument);
  ::close(stream);
  const int of_unix = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(UdpSocket::FromFd(of_unix).status().code(), absl::StatusCode::kInvalidArgument);
  ::close(of_unix);
}

// Nothing is refused before the socket has to wait.
// behaviour: tokio/tests/net_panic.rs#udp_socket_from_std_panic_caller
TEST(UdpSocketWithoutIoTest, SaysWhatIsMissing) {
  DrivenLoop loop(/*io=*/false);
  StatusOr<UdpSocket> refused = loop.Run(UdpSocket::Bind("127.0.0.1:0"));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition) << refused.status();
  StatusOr<UdpSocket> socket = UdpSocket::FromFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(socket.ok());
  char buf[4];
  const Status waits = loop.Run(socket->Recv(buf)).status();
  EXPECT_EQ(waits.code(), absl::StatusCode::kFailedPrecondition) << waits;
}

TEST_F(UdpSocketTest, AnErrorOfSendingNamesWhom) {
  UdpSocket socket = Bind();
  const SocketAddress all(IpAddress::V4(127, 255, 255, 255), 9);
  const std::string broadcast =
      "sending a datagram to 127.255.255.255:9 (SetBroadcast(true) allows a broadcast): Permission denied (EACCES)";
  const SocketAddress v6(IpAddress::LoopbackV6(), 9);
  const std::string family = "sending a datagram to [::1]:9 (the socket is of IPv4): ";
  EXPECT_EQ(loop_.Run(socket.SendTo("x", all)).status().message(), broadcast);
  EXPECT_EQ(ErrnoOf(loop_.Run(socket.SendTo("x", all)).status()), EACCES);
  EXPECT_EQ(socket.TrySendTo("x", all).status().message(), broadcast);
  EXPECT_EQ(loop_.Run(socket.SendTo("x", v6)).status().message().substr(0, family.size()), family);
  const UdpSocket::Outgoing batch[] = {{"x", all}};
  EXPECT_EQ(loop_.Run(socket.SendBatch(batch)).status().message(), broadcast);
  EXPECT_EQ(socket.TrySendBatch(batch).status().message(), broadcast);
}

// behaviour: tokio/tests/coop_budget.rs#coop_budget_udp_send_recv
TEST_F(UdpSocketTest, ConsumesBudget) {
  Two two = Connected();
  PolledTask rounds(Loop([&, left = 1024]() mutable {
    return If(left-- == 0, Break, [&] {
      return two.a.Send("x").AndThen([&] { return two.b.Recv(buf_); }).Map([](StatusOr<size_t>& n) {
        EXPECT_EQ(*n, 1u);
        return Continue();
      });
    });
  }));
  int polls = 1;
  while (rounds.Poll().pending() && polls < 1000) ++polls;
  EXPECT_EQ(polls, 1024 / (limits::kPollBudget / 2));
}

}  // namespace
}  // namespace kioto::net
