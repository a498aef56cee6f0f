// Sockets: futures that are dropped after any number of polls take no byte and no connection, and leave no fd.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/resolve.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/net/testing/unix_sockets.h"
#include "kioto/net/udp_socket.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/future/testing/polled_task.h"
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

TEST_F(TcpDropTest, PeekAndReadVectored) {
  auto [stream, client] = Accepted();
  ExpectReadsTakeNothing(loop_, stream, [&client = client](absl::string_view bytes) { client.Send(bytes); });
}

TEST_F(UnixDropTest, PeekAndReadVectored) {
  auto [stream, peer] = Pair();
  ExpectReadsTakeNothing(loop_, stream, [this, &peer = peer](absl::string_view bytes) {
    EXPECT_EQ(loop_.Run(peer.WriteAll(bytes)), OkStatus());
  });
}

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

TEST_F(ByNameDropTest, TcpBind) {
  ExpectLeavesNothing([] { return TcpListener::Bind("host.example:0"); });
}

TEST_F(ByNameDropTest, TcpBindShared) {
  ExpectLeavesNothing([] { return TcpListener::BindShared("host.example:0", 3); });
}

TEST_F(ByNameDropTest, TcpConnect) {
  ExpectLeavesNothing([this] { return TcpStream::Connect(Endpoint("host.example", address_.port())); });
  EXPECT_TRUE(PolledTask(listener_.Accept()).Poll().pending());  // nobody came
}

TEST_F(ByNameDropTest, UdpBind) {
  ExpectLeavesNothing([] { return UdpSocket::Bind("host.example:0"); });
}

TEST_F(ByNameDropTest, UdpConnect) {
  UdpSocket socket = *loop_.Run(UdpSocket::Bind("127.0.0.1:0"));
  ExpectLeavesNothing([&socket] { return socket.Connect("host.example:9"); });
  EXPECT_FALSE(socket.peer_address().ok());  // as it was
}

TEST_F(ByNameDropTest, Resolve) {
  ExpectLeavesNothing([] { return net::Resolve("host.example:1"); });
}

}  // namespace
}  // namespace kioto::net
