// UnixDatagram, of unix_socket.h.
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/datagram_framed.h"
#include "kioto/net/testing/unix_sockets.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/codec/bytes_codec.h"

namespace kioto::net {
namespace {

struct TwoDatagrams {
  UnixDatagram a, b;
  UnixAddress a_at, b_at;
};

class UnixDatagramsTest : public UnixTest {
 protected:
  TwoDatagrams Two() {
    UnixDatagram a = Bind(NewPath()), b = Bind(NewPath());
    UnixAddress a_at = *a.local_address(), b_at = *b.local_address();
    return {std::move(a), std::move(b), a_at, b_at};
  }
};

// Answers one.
auto EchoOnce(UnixDatagram& socket) {
  return socket.RecvDatagram().AndThen(
      [&socket](Datagram<UnixAddress>& got) { return socket.SendTo(std::move(got.bytes), got.from); });
}

// behaviour: tokio/tests/uds_datagram.rs#echo
TEST_F(UnixDatagramsTest, EchoesToAConnectedSocket) {
  TwoDatagrams two = Two();
  ASSERT_EQ(two.a.Connect(two.b_at), OkStatus());
  EXPECT_EQ(*two.a.peer_address(), two.b_at);
  EXPECT_EQ(*loop_.Run(two.a.Send("ECHO")), 4u);
  EXPECT_EQ(*loop_.Run(EchoOnce(two.b)), 4u);
  EXPECT_EQ(*loop_.Run(two.a.Recv(buf_)), 4u);
  EXPECT_EQ(Got(4), "ECHO");
}

// behaviour: tokio/tests/uds_datagram.rs#echo_from
TEST_F(UnixDatagramsTest, EchoesAndTellsFromWhere) {
  TwoDatagrams two = Two();
  ASSERT_EQ(two.a.Connect(two.b_at), OkStatus());
  EXPECT_EQ(*loop_.Run(two.a.Send("ECHO")), 4u);
  EXPECT_EQ(*loop_.Run(EchoOnce(two.b)), 4u);
  auto received = *loop_.Run(two.a.RecvFrom(buf_));
  EXPECT_EQ(Got(received.size), "ECHO");
  EXPECT_EQ(received.from, two.b_at);
}

// behaviour: tokio/tests/uds_socket.rs#datagram_echo_server
TEST_F(UnixDatagramsTest, EchoesWithSocketsThatWerePlain) {
  const std::string server_path = NewPath(), client_path = NewPath();
  UnixDatagram server = *UnixDatagram::FromFd(PlainSocket(SOCK_DGRAM, server_path));
  UnixDatagram client = *UnixDatagram::FromFd(PlainSocket(SOCK_DGRAM, client_path));
  ASSERT_EQ(client.Connect(server_path), OkStatus());
  EXPECT_EQ(*loop_.Run(client.Send("ECHO")), 4u);
  EXPECT_EQ(*loop_.Run(EchoOnce(server)), 4u);
  EXPECT_EQ(*loop_.Run(client.Recv(buf_)), 4u);
}

// Datagrams that fit before the first is refused.
int FillUp(UnixDatagram& socket) {
  for (int sent = 0;; ++sent) {
    StatusOr<size_t> n = socket.TrySend("msg");
    if (n.ok()) continue;
    EXPECT_TRUE(IsFull(n.status())) << n.status();
    return sent;
  }
}

// behaviour: tokio/tests/uds_datagram.rs#try_send_recv_never_block
TEST_F(UnixDatagramsTest, TriesUntilItIsFull) {
  auto ends = *UnixDatagram::Pair();
  const int sent = FillUp(ends.first);
  EXPECT_GT(sent, 0);
  for (int i = 0; i < sent; ++i) EXPECT_EQ(*ends.second.TryRecv(buf_), 3u);
  EXPECT_TRUE(IsEmpty(ends.second.TryRecv(buf_).status()));
}

// behaviour: tokio/tests/uds_datagram.rs#try_recv_buf_never_block
TEST_F(UnixDatagramsTest, TriesUntilItIsFullWithAQueue) {
  auto ends = *UnixDatagram::Pair();
  const int sent = FillUp(ends.first);
  ByteQueue queue;
  for (int i = 0; i < sent; ++i) EXPECT_EQ(*ends.second.TryRecv(queue, 64), 3u);
  EXPECT_EQ(queue.size(), 3u * static_cast<size_t>(sent));
  EXPECT_TRUE(IsEmpty(ends.second.TryRecv(queue, 64).status()));
}

// The kernel says that a socket may be written to whatever is in the queue of whom it sends to, after each try again, and nothing
// when there is room.
// behaviour: kioto/net/unix_socket.h#a_send_to_a_queue_that_others_filled_waits_for_room
TEST_F(UnixDatagramsTest, OthersHaveFilledTheQueueOfWhomItSendsTo) {
  UnixDatagram receiver = Bind(NewPath());
  const UnixAddress at = *receiver.local_address();
  UnixDatagram filler = *UnixDatagram::Unbound();
  auto shared = std::make_shared<UnixDatagram>(*UnixDatagram::Unbound());
  UnixDatagram& sender = *shared;
  ASSERT_EQ(filler.Connect(at), OkStatus());
  const auto waits = [&](base::sys::Call call, auto send) {
    const int filled = FillUp(filler);
    PolledTask sending(std::move(send));
    EXPECT_TRUE(sending.Poll().pending());
    loop_.Await([&] { return sending.wakes() > 0; });
    base::sys::ScopedFault calls(call, base::sys::Fault::Short(size_t{1} << 30, 1));  // counts
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(sending.Poll().pending());
      loop_.Turn();
    }
    EXPECT_LE(calls.hits(), 12);  // 1, 2, 4, 8 … ms apart
    for (int i = 0; i < filled; ++i) EXPECT_EQ(*receiver.TryRecv(buf_), 3u);
    EXPECT_TRUE(loop_.Run(sending).ok());
    EXPECT_EQ(*receiver.TryRecv(buf_), 4u);
  };
  waits(base::sys::Call::kSend, sender.SendTo("late", at));
  waits(base::sys::Call::kSend, sender.SendTo(std::string("late"), at));
  waits(base::sys::Call::kSendmmsg, sender.SendBatch(std::vector<OutgoingDatagram<UnixAddress>>{{"late", at}}));
  DatagramFramed framed(shared, io::BytesCodec());
  ASSERT_EQ(framed.StartSend(ToAddress("late", at)), OkStatus());
  waits(base::sys::Call::kSend, PollFn([&framed](Context& cx) { return framed.PollFlush(cx); }));
}

// behaviour: tokio/tests/uds_datagram.rs#split
TEST_F(UnixDatagramsTest, OneOwnerSendsAndTheOtherReceives) {
  auto socket = std::make_shared<UnixDatagram>(Bind(NewPath()));
  PolledTask recv(With(socket, [](std::shared_ptr<UnixDatagram>& s) { return s->RecvDatagram(); }));
  EXPECT_TRUE(recv.Poll().pending());
  EXPECT_EQ(*loop_.Run(socket->SendTo("hello", *socket->local_address())), 5u);
  EXPECT_EQ(loop_.Run(recv)->bytes, "hello");
}

// behaviour: tokio/tests/uds_datagram.rs#send_to_recv_from_poll
TEST_F(UnixDatagramsTest, SendsAndReceivesByPolls) {
  TwoDatagrams two = Two();
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two.a.PollSendTo(cx, "hello", two.b_at); }), 5u);
  auto received = *RunPolls([&](Context& cx) { return two.b.PollRecvFrom(cx, buf_); });
  EXPECT_EQ(Got(received.size), "hello");
  EXPECT_EQ(received.from, two.a_at);
}

// behaviour: tokio/tests/uds_datagram.rs#send_recv_poll
TEST_F(UnixDatagramsTest, SendsAndReceivesByPollsWhenConnected) {
  TwoDatagrams two = Two();
  ASSERT_EQ(two.a.Connect(two.b_at), OkStatus());
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two.a.PollSend(cx, "hello"); }), 5u);
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two.b.PollRecv(cx, buf_); }), 5u);
}

// behaviour: tokio/tests/uds_datagram.rs#try_send_to_recv_from
TEST_F(UnixDatagramsTest, TriesWhenItIsReady) {
  TwoDatagrams two = Two();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(loop_.Run(two.a.Writable())->writable());
    EXPECT_EQ(*two.a.TrySendTo("hello", two.b_at), 5u);
    EXPECT_TRUE(loop_.Run(two.b.Readable())->readable());
    EXPECT_EQ(two.b.TryRecvFrom(buf_)->from, two.a_at);
    EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(buf_).status()));
  }
}

// behaviour: tokio/tests/uds_datagram.rs#try_recv_buf_from
TEST_F(UnixDatagramsTest, TriesToReceiveIntoAQueueFromWhom) {
  TwoDatagrams two = Two();
  ByteQueue queue;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(*two.a.TrySendTo("hello", two.b_at), 5u);
    EXPECT_TRUE(loop_.Run(two.b.Readable()).ok());
    EXPECT_EQ(two.b.TryRecvFrom(queue)->from, two.a_at);
    EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(queue).status()));
  }
  EXPECT_EQ(queue.size(), 25u);
}

// behaviour: tokio/tests/uds_datagram.rs#recv_buf_from
TEST_F(UnixDatagramsTest, ReceivesIntoAQueueFromWhom) {
  TwoDatagrams two = Two();
  ByteQueue queue;
  EXPECT_EQ(*loop_.Run(two.a.SendTo("hello", two.b_at)), 5u);
  EXPECT_EQ(loop_.Run(two.b.RecvFrom(queue))->from, two.a_at);
  EXPECT_EQ(queue.view(), "hello");
}

// behaviour: tokio/tests/uds_datagram.rs#recv_buf
TEST_F(UnixDatagramsTest, ReceivesIntoAQueue) {
  auto ends = *UnixDatagram::Pair();
  ByteQueue queue;
  EXPECT_EQ(*loop_.Run(ends.first.Send("hello")), 5u);
  EXPECT_EQ(*loop_.Run(ends.second.Recv(queue)), 5u);
  EXPECT_EQ(queue.view(), "hello");
}

// behaviour: tokio/tests/uds_datagram.rs#poll_ready
TEST_F(UnixDatagramsTest, TriesWhenAPollSaysReady) {
  TwoDatagrams two = Two();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(RunPolls([&](Context& cx) { return two.a.PollWritable(cx); }).ok());
    EXPECT_EQ(*two.a.TrySendTo("hello", two.b_at), 5u);
    EXPECT_TRUE(RunPolls([&](Context& cx) { return two.b.PollReadable(cx); }).ok());
    EXPECT_EQ(two.b.TryRecvFrom(buf_)->size, 5u);
    EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(buf_).status()));
  }
}

TEST_F(UnixDatagramsTest, SendsFromNowhere) {
  TwoDatagrams two = Two();
  UnixDatagram unbound = *UnixDatagram::Unbound();
  EXPECT_EQ(*loop_.Run(unbound.SendTo("hello", two.b_at)), 5u);
  EXPECT_TRUE(loop_.Run(two.b.RecvFrom(buf_))->from.is_unnamed());
  EXPECT_EQ(unbound.Shutdown(SHUT_WR), OkStatus());
  EXPECT_FALSE(unbound.TrySendTo("more", two.b_at).ok());
}

TEST_F(UnixDatagramsTest, AnErrorOfSendingNamesWhom) {
  UnixDatagram socket = *UnixDatagram::Unbound();
  const std::string nowhere = NewPath();
  for (const Status& status : {loop_.Run(socket.SendTo("x", *UnixAddress::Path(nowhere))).status(),
                               socket.TrySendTo("x", *UnixAddress::Path(nowhere)).status()}) {
    EXPECT_EQ(ErrnoOf(status), ENOENT) << status;
    EXPECT_NE(status.message().find(nowhere), absl::string_view::npos) << status;
  }
}

}  // namespace
}  // namespace kioto::net
