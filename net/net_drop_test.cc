// Sockets: futures that are dropped after any number of polls take no byte and no connection, and leave no fd.
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/datagram_framed.h"
#include "kioto/net/resolve.h"
#include "kioto/net/tcp_socket.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/net/testing/unix_sockets.h"
#include "kioto/net/udp_socket.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/testing/drop_after.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/codec/bytes_codec.h"
#include "kioto/runtime/io/testing/read_rest.h"

namespace kioto::net {
namespace {

using TcpDropTest = TcpTest;
using UnixDropTest = UnixTest;

// A PeekFuture and a ReadVectoredFuture of `stream`; send(bytes) is its other end.
template <class Stream, class Send>
void ExpectReadsTakeNothing(DrivenLoop& loop, Stream& stream, Send send) {
  char a[4], b[4];
  const MutableBytes into[] = {MutableBytes(a), MutableBytes(b)};
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask peek(stream.Peek(a));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(peek.Poll().pending());
    peek.Drop();
    PolledTask read(stream.ReadVectored(into));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(read.Poll().pending());
    read.Drop();
    send("kept all");
    EXPECT_EQ(ReadRest(loop, stream, into, *loop.Run(stream.ReadVectored(into)), 8), 8u);
    EXPECT_EQ(std::string(a, 4) + std::string(b, 4), "kept all");
  }
}

// check: H1
TEST_F(TcpDropTest, PeekAndReadVectored) {
  auto [stream, client] = Accepted();
  ExpectReadsTakeNothing(loop_, stream, [&client = client](absl::string_view bytes) { client.Send(bytes); });
}

// check: H1
TEST_F(UnixDropTest, PeekAndReadVectored) {
  auto [stream, peer] = Pair();
  ExpectReadsTakeNothing(loop_, stream, [this, &peer = peer](absl::string_view bytes) {
    EXPECT_EQ(loop_.Run(peer.WriteAll(bytes)), OkStatus());
  });
}

// check: H1
TEST_F(UnixDropTest, AcceptLosesNoConnection) {
  const std::string path = NewPath();
  UnixListener listener = Listen(path);
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask accept(listener.Accept());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(accept.Poll().pending());
    UnixStream client = *loop_.Run(UnixStream::Connect(path));
    if (polls > 0) loop_.Await([&] { return accept.wakes() > 0; });
    accept.Drop();
    EXPECT_EQ(accept.held(), 0);
    EXPECT_EQ(loop_.Run(client.WriteAll("here")), OkStatus());
    UnixStream server = *loop_.Run(listener.Accept());
    EXPECT_EQ(ReadRest(loop_, server, buf_, *loop_.Run(server.Read(buf_)), 4), 4u);
  }
}

// check: H1
TEST_F(UnixDropTest, AConnectThatWaitsIsNeverMade) {
  const std::string path = NewPath();
  UnixListener listener = *UnixListener::Bind(path, /*backlog=*/0);
  UnixStream first = *loop_.Run(UnixStream::Connect(path));
  const int before = OpenFds();
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask connect(UnixStream::Connect(path));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(connect.Poll().pending());
    connect.Drop();
    EXPECT_EQ(connect.held(), 0);
    EXPECT_EQ(OpenFds(), before);
  }
  EXPECT_TRUE(loop_.Run(listener.Accept()).ok());
  EXPECT_TRUE(PolledTask(listener.Accept()).Poll().pending());
}

// check: H1
TEST_F(TcpDropTest, ReadyOfADatagramSocket) {
  UdpSocket there = *loop_.Run(UdpSocket::Bind("127.0.0.1:0"));
  for (int polls = 0; polls < 3; ++polls) {
    UdpSocket here = *loop_.Run(UdpSocket::Bind("127.0.0.1:0"));
    PolledTask ready(here.Ready());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(ready.Poll().pending());  // before the loop has turned
    ready.Drop();
    EXPECT_EQ(ready.held(), 0);
    EXPECT_EQ(*loop_.Run(there.SendTo("kept", *here.local_address())), 4u);
    char buf[8];
    EXPECT_EQ(*loop_.Run(here.Recv(buf)), 4u);
    EXPECT_EQ(ready.wakes(), 0);
  }
}

// check: H1
TEST_F(UnixDropTest, ReadyOfAStream) {
  for (int polls = 0; polls < 3; ++polls) {
    auto [stream, peer] = Pair();
    PolledTask ready(stream.Ready());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(ready.Poll().pending());  // before the loop has turned
    ready.Drop();
    EXPECT_EQ(ready.held(), 0);
    EXPECT_EQ(loop_.Run(peer.WriteAll("kept")), OkStatus());
    EXPECT_EQ(loop_.Run(stream.ReadExact(MutableBytes(buf_, 4))), OkStatus());
    EXPECT_EQ(Got(4), "kept");
    EXPECT_EQ(ready.wakes(), 0);
  }
}

// --- Datagrams ---

// check: H1
TEST_F(UnixDropTest, WhatWaitsForADatagramTakesNone) {
  auto [here, there] = *UnixDatagram::Pair();
  for (int polls = 0; polls < 4; ++polls) {
    ByteQueue queue;
    DropAfter(polls, here.Recv(buf_));
    DropAfter(polls, here.Recv(queue));
    DropAfter(polls, here.Peek(buf_));
    DropAfter(polls, here.RecvFrom(buf_));
    DropAfter(polls, here.RecvFrom(queue));
    DropAfter(polls, here.RecvDatagram());
    DropAfter(polls, here.PeekFrom(buf_));
    DropAfter(polls, here.PeekSender());
    DropAfter(polls, here.Readable());
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(*there.TrySend("kept"), 4u);
    EXPECT_EQ(*loop_.Run(here.Recv(buf_)), 4u);
    EXPECT_EQ(Got(4), "kept");
    EXPECT_TRUE(IsEmpty(here.TryRecv(buf_).status()));  // takes back the readiness that is left over
  }
}

// check: H1
TEST_F(UnixDropTest, ASendThatWaitsSendsNothing) {
  const std::string path = NewPath();
  UnixDatagram there = Bind(path);
  UnixDatagram here = *UnixDatagram::Unbound();
  ASSERT_EQ(here.Connect(path), OkStatus());
  const UnixAddress to = *there.local_address();
  int sent = 0;
  for (; here.TrySend("full").ok(); ++sent) {
  }
  for (int polls = 0; polls < 4; ++polls) {
    DropAfter(polls, here.Send("lost"));
    DropAfter(polls, here.Send(std::string("lost")));
    DropAfter(polls, here.SendTo("lost", to));
    DropAfter(polls, here.SendTo(std::string("lost"), to));
    DropAfter(polls, here.Writable());
  }
  for (; sent > 0; --sent) {
    EXPECT_EQ(*loop_.Run(there.Recv(buf_)), 4u);
    EXPECT_EQ(Got(4), "full");
  }
  EXPECT_TRUE(IsEmpty(there.TryRecv(buf_).status()));
}

// An item that its socket has no room for stays in the sink once it was taken: at the first poll of Send or of Feed.
// check: H1
TEST_F(UnixDropTest, AFramedItemThatWasTakenIsSentWithTheNext) {
  for (int polls = 0; polls < 4; ++polls) {
    const std::string path = NewPath();
    UnixDatagram there = Bind(path);
    const UnixAddress to = *there.local_address();
    DatagramFramed framed(*UnixDatagram::Unbound(), io::BytesCodec());
    int full = 0;
    for (; framed.socket().TrySendTo("full", to).ok(); ++full) {
    }
    PolledTask send(framed.Send(ToAddress("1", to)));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(send.Poll().pending());
    send.Drop();
    PolledTask feed(framed.Feed(ToAddress("lost", to)));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(feed.Poll().pending());  // for the room that 1 has
    feed.Drop();
    PolledTask flush(framed.Flush());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(flush.Poll().pending());
    flush.Drop();
    EXPECT_LE(send.held() + feed.held(), 1);  // the socket keeps one, and so does the pause of a send
    for (; full > 0; --full) EXPECT_EQ(*loop_.Run(there.Recv(buf_)), 4u);
    EXPECT_TRUE(loop_.Run(framed.Send(ToAddress("2", to))).ok());
    if (polls > 0) {
      EXPECT_EQ(*loop_.Run(there.Recv(buf_)), 1u);
      EXPECT_EQ(Got(1), "1");
    }
    EXPECT_EQ(*loop_.Run(there.Recv(buf_)), 1u);
    EXPECT_EQ(Got(1), "2");
    EXPECT_TRUE(IsEmpty(there.TryRecv(buf_).status()));
  }
}

// --- Connections and calls of the user's ---

// check: H1
TEST_F(TcpDropTest, AConnectOfASocketClosesIt) {
  ListenOptions one_waits;
  one_waits.backlog = 0;
  const TcpListener full = *loop_.Run(TcpListener::Bind("127.0.0.1:0", one_waits));
  const SocketAddress to = *full.local_address();
  const TcpStream first = *loop_.Run(TcpStream::Connect(to));
  const int before = OpenFds();
  for (int polls = 0; polls < 4; ++polls) {
    DropAfter(polls, std::move(*TcpSocket::V4()).Connect(to));
    EXPECT_EQ(OpenFds(), before);
  }
}

// A call that waits for `socket` is never made; send(bytes) is its other end.
template <class Socket, class Send>
void ExpectCallsNobody(DrivenLoop& loop, Socket& socket, Send send) {
  char buf[8];
  int calls = 0;
  const auto receive = [&] { return ++calls, ::recv(socket.fd(), buf, sizeof(buf), MSG_DONTWAIT); };
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask dropped(socket.AsyncIo(Interest::kReadable, receive));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    send("kept");
    if (polls > 0) loop.Await([&] { return dropped.wakes() > 0; });
    const int before = calls;
    dropped.Drop();
    EXPECT_EQ(dropped.held(), 0);
    EXPECT_EQ(calls, before);
    EXPECT_EQ(*loop.Run(socket.AsyncIo(Interest::kReadable, receive)), 4);
    EXPECT_TRUE(PolledTask(socket.AsyncIo(Interest::kReadable, receive)).Poll().pending());  // takes the readiness back
  }
}

// check: H1
TEST_F(UnixDropTest, AsyncIoOfAStreamAndOfADatagramSocket) {
  auto [stream, peer] = Pair();
  ExpectCallsNobody(loop_, stream, [this, &peer = peer](absl::string_view bytes) {
    EXPECT_EQ(loop_.Run(peer.WriteAll(bytes)), OkStatus());
  });
  auto [here, there] = *UnixDatagram::Pair();
  ExpectCallsNobody(loop_, here, [&there = there](absl::string_view bytes) { EXPECT_TRUE(there.TrySend(bytes).ok()); });
}

// Who takes all connections is dropped where it waits: the next one is there for the next.
template <class Incoming, class Connect>
void ExpectTheNextIsForTheNext(DrivenLoop& loop, Incoming incoming, Connect connect) {
  for (int polls = 0; polls < 4; ++polls) {
    int taken = 0;
    PolledTask all(ForEach(incoming(), [&taken](auto&) { ++taken; }));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(all.Poll().pending());
    const auto client = connect();
    if (polls > 0) loop.Await([&] { return all.wakes() > 0; });
    all.Drop();
    EXPECT_EQ(all.held(), 0);
    auto left = incoming();
    EXPECT_TRUE(loop.Run(Next(left)).has_value());
    EXPECT_EQ(taken, 0);
  }
}

// check: H1
TEST_F(TcpDropTest, Incoming) {
  ExpectTheNextIsForTheNext(loop_, [this] { return listener_.Incoming(); }, [this] { return BlockingSocket(address_); });
}

// check: H1
TEST_F(UnixDropTest, Incoming) {
  const std::string path = NewPath();
  UnixListener listener = Listen(path);
  ExpectTheNextIsForTheNext(loop_, [&listener] { return listener.Incoming(); },
                            [&] { return *loop_.Run(UnixStream::Connect(path)); });
}

// --- By name ---

std::atomic<bool> resolver_may_go_on{false};

StatusOr<std::vector<SocketAddress>> SlowResolver(const std::string&, uint16_t port) {
  while (!resolver_may_go_on.load()) std::this_thread::yield();
  return std::vector<SocketAddress>{SocketAddress(IpAddress::LoopbackV4(), port)};
}

class ByNameDropTest : public TcpTest {
 protected:
  // make() gives a future that waits for a look-up.
  template <class Make>
  void ExpectLeavesNothing(Make make) {
    internal::ScopedResolverForTest resolver(&SlowResolver);
    const int before = OpenFds();
    for (int polls = 0; polls < 4; ++polls) {
      resolver_may_go_on.store(false);
      PolledTask dropped(make());
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
      dropped.Drop();
      EXPECT_EQ(dropped.held(), 0);  // though the look-up goes on
      resolver_may_go_on.store(true);
      while (internal::ResolverThreads() != 0) std::this_thread::yield();
      EXPECT_EQ(dropped.wakes(), 0);
      EXPECT_EQ(OpenFds(), before);
    }
  }
};

// check: H1
TEST_F(ByNameDropTest, TcpBind) {
  ExpectLeavesNothing([] { return TcpListener::Bind("host.example:0"); });
}

// check: H1
TEST_F(ByNameDropTest, TcpBindShared) {
  ExpectLeavesNothing([] { return TcpListener::BindShared("host.example:0", 3); });
}

// check: H1
TEST_F(ByNameDropTest, TcpConnect) {
  ExpectLeavesNothing([this] { return TcpStream::Connect(Endpoint("host.example", address_.port())); });
  EXPECT_TRUE(PolledTask(listener_.Accept()).Poll().pending());  // nobody came
}

// check: H1
TEST_F(ByNameDropTest, UdpBind) {
  ExpectLeavesNothing([] { return UdpSocket::Bind("host.example:0"); });
}

// check: H1
TEST_F(ByNameDropTest, UdpConnect) {
  UdpSocket socket = *loop_.Run(UdpSocket::Bind("127.0.0.1:0"));
  ExpectLeavesNothing([&socket] { return socket.Connect("host.example:9"); });
  EXPECT_FALSE(socket.peer_address().ok());  // as it was
}

// check: H1
TEST_F(ByNameDropTest, UdpSendTo) {
  UdpSocket socket = *loop_.Run(UdpSocket::Bind("127.0.0.1:0"));
  UdpSocket there = *loop_.Run(UdpSocket::Bind("127.0.0.1:0"));
  const Endpoint to("host.example", there.local_address()->port());
  ExpectLeavesNothing([&] { return socket.SendTo("lost", to); });
  ExpectLeavesNothing([&] { return socket.SendTo(std::string("lost"), to); });
  EXPECT_TRUE(IsEmpty(there.TryRecv(MutableBytes()).status()));
}

// check: H1
TEST_F(ByNameDropTest, Resolve) {
  ExpectLeavesNothing([] { return net::Resolve("host.example:1"); });
}

}  // namespace
}  // namespace kioto::net
