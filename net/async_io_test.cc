// A socket's TryIo and AsyncIo: system calls of the user's, which wait as those of the socket do.
#include "kioto/runtime/io/async_io.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/net/testing/unix_sockets.h"
#include "kioto/net/udp_socket.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::net {
namespace {

using TcpAsyncIoTest = TcpTest;
using UnixAsyncIoTest = UnixTest;

// What the user would call: recvmsg, and how often it was called.
struct Receive {
  ssize_t operator()() {
    ++*calls;
    iovec part{buf, sizeof(buf)};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return ::recvmsg(fd, &message, 0);
  }

  int fd;
  int* calls;
  char buf[16] = {};
};

// `send(bytes)` is the socket's other end.
template <class Socket, class Send>
void ExpectWaits(DrivenLoop& loop, Socket& socket, Send send) {
  int calls = 0;
  const Receive receive{socket.fd(), &calls};
  EXPECT_TRUE(IsEmpty(socket.TryIo(Interest::kReadable, receive).status()));
  PolledTask first(socket.AsyncIo(Interest::kReadable, receive));
  EXPECT_TRUE(first.Poll().pending());
  send("one");
  loop.Await([&] { return first.wakes() > 0; });
  EXPECT_EQ(**first.Poll(), 3);
  // That there is no more is found by one call, and by no further one.
  calls = 0;
  PolledTask second(socket.AsyncIo(Interest::kReadable, receive));
  EXPECT_TRUE(second.Poll().pending());
  loop.Turn();
  EXPECT_EQ(second.wakes(), 0);
  EXPECT_TRUE(IsEmpty(socket.TryIo(Interest::kReadable, receive).status()));
  EXPECT_EQ(calls, 1);
  send("two!");
  loop.Await([&] { return second.wakes() > 0; });
  EXPECT_EQ(**second.Poll(), 4);
}

// A wait for readiness is for something new after a TryIo that has found nothing.
template <class Socket, class Send>
void ExpectClears(DrivenLoop& loop, Socket& socket, Send send) {
  int calls = 0;
  const Receive receive{socket.fd(), &calls};
  send("one");
  EXPECT_TRUE(loop.Run(socket.Readable())->readable());
  EXPECT_EQ(*socket.TryIo(Interest::kReadable, receive), 3);
  EXPECT_TRUE(PolledTask(socket.Readable()).Poll().ready());  // as far as is known
  EXPECT_TRUE(IsEmpty(socket.TryIo(Interest::kReadable, receive).status()));
  PolledTask readable(socket.Readable());
  EXPECT_TRUE(readable.Poll().pending());
  send("two!");
  EXPECT_TRUE(loop.Run(readable)->readable());
  EXPECT_EQ(*socket.TryIo(Interest::kReadable, receive), 4);
}

// Dropped after any number of polls it has taken nothing.
template <class Socket, class Send>
void ExpectDropTakesNothing(DrivenLoop& loop, Socket& socket, Send send) {
  int calls = 0;
  const Receive receive{socket.fd(), &calls};
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask dropped(socket.AsyncIo(Interest::kReadable, receive));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    EXPECT_EQ(dropped.held(), 0);
    send("kept");
    EXPECT_EQ(*loop.Run(socket.AsyncIo(Interest::kReadable, receive)), 4);
    EXPECT_EQ(dropped.wakes(), 0);
  }
}

template <class Socket, class Send>
void ExpectAll(DrivenLoop& loop, Socket& socket, Send send) {
  ExpectWaits(loop, socket, send);
  ExpectClears(loop, socket, send);
  ExpectDropTakesNothing(loop, socket, send);
  EXPECT_EQ(loop.Run(socket.AsyncIo(Interest::kWritable, [] { return OkStatus(); })), OkStatus());
}

TEST_F(TcpAsyncIoTest, Tcp) {
  auto [stream, client] = Accepted();
  ExpectAll(loop_, stream, [&client = client](absl::string_view bytes) { client.Send(bytes); });
}

TEST_F(TcpAsyncIoTest, Udp) {
  UdpSocket here = *loop_.Run(UdpSocket::Bind("127.0.0.1:0"));
  UdpSocket there = *loop_.Run(UdpSocket::Bind("127.0.0.1:0"));
  ExpectAll(loop_, here, [&](absl::string_view bytes) {
    EXPECT_EQ(*loop_.Run(there.SendTo(bytes, *here.local_address())), bytes.size());
  });
}

TEST_F(UnixAsyncIoTest, Stream) {
  auto [here, there] = Pair();
  ExpectAll(loop_, here, [this, &there = there](absl::string_view bytes) {
    EXPECT_EQ(loop_.Run(there.WriteAll(bytes)), OkStatus());
  });
}

TEST_F(UnixAsyncIoTest, Datagram) {
  auto [here, there] = *UnixDatagram::Pair();
  ExpectAll(loop_, here, [this, &there = there](absl::string_view bytes) {
    EXPECT_EQ(*loop_.Run(there.Send(bytes)), bytes.size());
  });
}

}  // namespace
}  // namespace kioto::net
