#include "kioto/net/tcp_stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_socket.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/io/copy.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/lines.h"
#include "kioto/runtime/io/testing/read_rest.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;

static_assert(io::IsReader<TcpStream> && io::IsWriter<TcpStream>);

using TcpStreamTest = TcpTest;

// Counts calls, and shortens none that is of any sane size.
sys::Fault CountOnly() { return sys::Fault::Short(size_t{1} << 30, 1); }

TEST_F(TcpStreamTest, ReadsAndWrites) {
  auto [stream, client] = Accepted();
  client.Send("hello");
  Buffer buf(16);
  EXPECT_EQ(ReadRest(loop_, stream, buf, *loop_.Run(stream.Read(buf)), 5), 5u);
  EXPECT_EQ(buf.first(5), "hello");
  const absl::string_view world = "world";
  const size_t written = *loop_.Run(stream.Write(world));
  EXPECT_PRED2(IsAllOrCut, world.substr(0, written), world);
  EXPECT_EQ(loop_.Run(stream.WriteAll(world.substr(written))), OkStatus());
  EXPECT_EQ(client.Receive(5), "world");
  client.ShutdownWrite();
  EXPECT_EQ(*loop_.Run(stream.Read(buf)), 0u);
  EXPECT_EQ(*loop_.Run(stream.Read(buf)), 0u);  // again and again
  EXPECT_EQ(loop_.Run(stream.WriteAll("half closed")), OkStatus());
  EXPECT_EQ(client.Receive(11), "half closed");
}

TEST_F(TcpStreamTest, WaitsForWhatComes) {
  auto [stream, client] = Accepted();
  Buffer buf(16);
  PolledTask read(stream.Read(buf));
  EXPECT_TRUE(read.Poll().pending());
  EXPECT_EQ(read.wakes(), 0);
  client.Send("x");
  loop_.Await([&] { return read.wakes() > 0; });
  EXPECT_EQ(**read.Poll(), 1u);
}

TEST_F(TcpStreamTest, AnExchangeIsOneReadAndOneWriteAndNoAllocation) {
  auto [stream, client] = Accepted();
  Buffer buf(64);
  PolledTask first(stream.Read(buf));
  EXPECT_TRUE(first.Poll().pending());  // registers
  client.Send("warm");
  EXPECT_EQ(ReadRest(loop_, stream, buf, *loop_.Run(first), 4), 4u);
  if (StreamsAreCut()) {  // a read that is cut does not show that there is no more
    EXPECT_TRUE(PolledTask(stream.Read(buf)).Poll().pending());
  }
  for (int i = 0; i < 10; ++i) {  // what is counted is not cut
    sys::ScopedFault reads(sys::Call::kRecv, CountOnly());
    sys::ScopedFault writes(sys::Call::kSend, CountOnly());
    sys::ScopedFault registrations(sys::Call::kEpollCtl, sys::Fault::Every(ENOMEM));  // there are none
    PolledTask read(stream.Read(buf));
    EXPECT_TRUE(read.Poll().pending());
    client.Send("ping");
    loop_.Await([&] { return read.wakes() > 0; });
    base::AllocationCounter allocations;
    auto n = read.Poll();
    EXPECT_EQ(allocations.count(), 0);
    ASSERT_TRUE(n.ready() && n->ok());
    PolledTask write(stream.WriteAll(buf.first(**n)));
    base::AllocationCounter more;
    EXPECT_EQ(*write.Poll(), OkStatus());
    EXPECT_EQ(more.count(), 0);
    EXPECT_EQ(client.Receive(4), "ping");
    // The short read of the round before spares it the look at an empty socket. (The portable twin forgets what it saw, and may
    // look.)
    EXPECT_LE(reads.hits(), KIOTO_PORTABLE ? 2 : 1);
    EXPECT_EQ(writes.hits(), 1);
    EXPECT_EQ(registrations.hits(), 0);
  }
}

// check: H1
TEST_F(TcpStreamTest, ADroppedReadTakesNothing) {
  auto [stream, client] = Accepted();
  Buffer buf(16);
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask read(stream.Read(buf));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(read.Poll().pending());
  }
  client.Send("kept");
  EXPECT_EQ(ReadRest(loop_, stream, buf, *loop_.Run(stream.Read(buf)), 4), 4u);
}

TEST_F(TcpStreamTest, WritesOnWhenThePeerMakesRoom) {
  auto [stream, client] = Accepted();
  ASSERT_EQ(stream.SetSendBufferSize(16 * 1024), OkStatus());
  std::string sent(Much(4 << 20), 'x');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31);
  PolledTask write(stream.WriteAll(std::string(sent)));  // owned
  EXPECT_TRUE(write.Poll().pending());
  std::string received;
  std::thread reader([&received, &client = client, size = sent.size()] { received = client.Receive(size); });
  EXPECT_EQ(loop_.Run(write), OkStatus());
  reader.join();
  EXPECT_EQ(received, sent);
}

TEST_F(TcpStreamTest, ReadsExactlyAndToTheEnd) {
  auto [stream, client] = Accepted();
  client.Send("0123456789rest");
  char exact[10];
  EXPECT_EQ(loop_.Run(stream.ReadExact(exact)), OkStatus());
  EXPECT_EQ(std::string(exact, 10), "0123456789");
  client.ShutdownWrite();
  EXPECT_EQ(*loop_.Run(stream.ReadToEnd(100)), "rest");
  EXPECT_TRUE(io::IsUnexpectedEof(loop_.Run(stream.ReadExact(exact))));
}

TEST_F(TcpStreamTest, ReadsIntoAQueueAndLines) {
  auto [stream, client] = Accepted();
  ByteQueue queue;
  client.Send("abc");
  size_t n = *loop_.Run(stream.Read(queue));
  while (StreamsAreCut() && n < 3) n += *loop_.Run(stream.Read(queue));
  EXPECT_EQ(n, 3u);
  EXPECT_EQ(queue.view(), "abc");
  io::Lines lines(stream, 100);
  client.Send("one\r\ntwo");
  EXPECT_EQ(**loop_.Run(lines.Next()), "one");
  client.Close();
  EXPECT_EQ(**loop_.Run(lines.Next()), "two");
  EXPECT_FALSE(loop_.Run(lines.Next())->has_value());
}

TEST_F(TcpStreamTest, GathersAndScatters) {
  auto [stream, client] = Accepted();
  std::vector<std::string> owned;
  std::string all;
  for (int i = 0; i < 200; ++i) owned.push_back(std::to_string(i)), all += owned.back();
  std::vector<absl::string_view> pieces(owned.begin(), owned.end());
  pieces.insert(pieces.begin() + 3, "");
  EXPECT_GT(*loop_.Run(stream.WriteVectored(pieces)), StreamsAreCut() ? 0u : 3u);  // more than the first piece
  client.Close();
  auto [second, other] = Accepted();
  EXPECT_EQ(loop_.Run(second.WriteAllVectored(pieces)), OkStatus());
  EXPECT_EQ(other.Receive(all.size()), all);
  other.Send("abcdef");
  char one[2], two[8];
  MutableBytes into[] = {MutableBytes(one), MutableBytes(), MutableBytes(two)};
  EXPECT_EQ(ReadRest(loop_, second, into, *loop_.Run(second.ReadVectored(into)), 6), 6u);
  EXPECT_EQ(std::string(one, 2) + std::string(two, 4), "abcdef");
}

TEST_F(TcpStreamTest, PeeksWithoutTaking) {
  auto [stream, client] = Accepted();
  client.Send("look");
  char first[2], second[8];
  EXPECT_PRED2(IsAllOrCut, absl::string_view(first, *loop_.Run(stream.Peek(first))), "lo");
  // The short look before said nothing about what is there.
  EXPECT_PRED2(IsAllOrCut, absl::string_view(second, *loop_.Run(stream.Peek(second))), "look");
  EXPECT_EQ(ReadRest(loop_, stream, second, *loop_.Run(stream.Read(second)), 4), 4u);
  PolledTask peek(stream.Peek(second));
  EXPECT_TRUE(peek.Poll().pending());
  client.Send("!");
  EXPECT_EQ(*loop_.Run(peek), 1u);
}

// Writes by `write` until there is no room, and gives what was written.
template <class TryWrite>
std::string FillBy(TryWrite write) {
  std::string written;
  while (true) {
    const std::string piece(10'000, static_cast<char>('a' + written.size() % 26));
    StatusOr<size_t> n = write(absl::string_view(piece));
    if (!n.ok()) {
      EXPECT_TRUE(IsFull(n.status())) << n.status();
      return written;
    }
    written += piece.substr(0, *n);
  }
}
std::string Fill(TcpStream& stream) {
  return FillBy([&stream](absl::string_view piece) { return stream.TryWrite(piece); });
}

// behaviour: tokio/tests/tcp_stream.rs#try_read_write
TEST_F(TcpStreamTest, TriesWithoutWaiting) {
  auto [stream, client] = Accepted();
  UseSmallBuffersIfCut(stream.fd(), client.fd());
  char buf[4096];
  EXPECT_TRUE(IsEmpty(stream.TryRead(buf).status()));
  PolledTask readable(stream.Readable());
  EXPECT_TRUE(readable.Poll().pending());
  client.Send("abc");
  EXPECT_TRUE(loop_.Run(readable)->readable());
  EXPECT_EQ(ReadRest(loop_, stream, buf, *stream.TryRead(buf), 3), 3u);
  EXPECT_TRUE(IsEmpty(stream.TryRead(buf).status()));

  EXPECT_TRUE(loop_.Run(stream.Writable())->writable());
  const std::string written = Fill(stream);
  PolledTask writable(stream.Writable());
  EXPECT_TRUE(writable.Poll().pending());
  EXPECT_EQ(client.Receive(written.size()), written);
  EXPECT_TRUE(loop_.Run(writable)->writable());
  client.Close();
  loop_.Await([&, &stream = stream] { return loop_.Run(stream.Readable())->read_closed(); });
}

// behaviour: tokio/tests/tcp_stream.rs#try_read_buf
TEST_F(TcpStreamTest, TriesToReadIntoAQueue) {
  auto [stream, peer] = Pair();
  UseSmallBuffersIfCut(peer.fd(), stream.fd());
  const std::string written = Fill(peer);
  ByteQueue queue;
  for (size_t got = 0; got < written.size();) {
    ASSERT_TRUE(loop_.Run(stream.Readable()).ok());
    for (StatusOr<size_t> n; (n = stream.TryRead(queue)).ok();) got += *n;
  }
  EXPECT_EQ(queue.view(), written);
  EXPECT_TRUE(IsEmpty(stream.TryRead(queue).status()));
  { TcpStream closed = std::move(peer); }
  int looks = 0;
  while (!loop_.Run(stream.Readable())->read_closed() && ++looks < 100) (void)stream.TryRead(queue);
  EXPECT_LT(looks, 100);
  EXPECT_EQ(*stream.TryRead(queue), 0u);
  EXPECT_EQ(queue.size(), written.size());
}

// behaviour: tokio/tests/tcp_stream.rs#poll_write_ready
TEST_F(TcpStreamTest, IsWritableWhenThePeerIsGone) {
  auto [stream, client] = Accepted();
  PolledTask first(stream.Writable());
  EXPECT_TRUE(loop_.Run(first)->writable());
  const std::string much(64 * 1024, 'x');  // by the kernel's call: that there is no room is seen by the write that finds none
  while (::send(stream.fd(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  while (stream.TryWrite("x").ok()) {
  }
  PolledTask full(stream.Writable());
  EXPECT_TRUE(full.Poll().pending());
  client.Close();
  EXPECT_TRUE(loop_.Run(full)->writable());
}

// behaviour: tokio/tests/tcp_stream.rs#write_closed
TEST_F(TcpStreamTest, WritableAgainItDoesNotSayClosed) {
  auto [stream, client] = Accepted();
  UseSmallBuffersIfCut(stream.fd(), client.fd());
  const std::string written = Fill(stream);
  PolledTask writable(stream.Writable());
  EXPECT_TRUE(writable.Poll().pending());
  EXPECT_EQ(client.Receive(written.size()), written);
  EXPECT_FALSE(loop_.Run(writable)->write_closed());
  EXPECT_FALSE(loop_.Run(stream.Writable())->write_closed());
}

// behaviour: tokio/tests/tcp_stream.rs#try_read_write
TEST_F(TcpStreamTest, TriesVectored) {
  auto [stream, peer] = Pair();
  UseSmallBuffersIfCut(stream.fd(), peer.fd());
  char buf[4096];
  const MutableBytes into[] = {MutableBytes(buf, 3), MutableBytes(buf + 3, sizeof(buf) - 3)};
  EXPECT_TRUE(IsEmpty(peer.TryReadVectored(into).status()));
  EXPECT_TRUE(loop_.Run(stream.Writable())->writable());
  const std::string written = FillBy([&stream = stream](absl::string_view piece) {
    const absl::string_view pieces[] = {piece.substr(0, 3), piece.substr(3)};
    return stream.TryWriteVectored(pieces);
  });
  EXPECT_GT(written.size(), 10'000u);
  PolledTask writable(stream.Writable());
  EXPECT_TRUE(writable.Poll().pending());
  std::string received;
  while (received.size() < written.size()) {
    ASSERT_TRUE(loop_.Run(peer.Readable()).ok());
    for (StatusOr<size_t> n; (n = peer.TryReadVectored(into)).ok();) received.append(buf, *n);
  }
  EXPECT_EQ(received, written);
  EXPECT_TRUE(IsEmpty(peer.TryReadVectored(into).status()));
  EXPECT_TRUE(loop_.Run(writable)->writable());
}

TEST_F(TcpStreamTest, EmptyOperationsAreReady) {
  auto [stream, client] = Accepted();
  EXPECT_EQ(*loop_.Run(stream.Read(MutableBytes())), 0u);
  EXPECT_EQ(*loop_.Run(stream.Write("")), 0u);
  EXPECT_EQ(*loop_.Run(stream.ReadVectored({})), 0u);
  EXPECT_EQ(*loop_.Run(stream.WriteVectored(io::Pieces())), 0u);
  EXPECT_EQ(*stream.TryRead(MutableBytes()), 0u);
  EXPECT_EQ(*stream.TryWrite(""), 0u);
}

// behaviour: tokio/tests/tcp_shutdown.rs#shutdown
TEST_F(TcpStreamTest, ShutsItsWritingSideDown) {
  auto [client, server] = Pair();
  EXPECT_EQ(loop_.Run(client.Shutdown()), OkStatus());
  char buf[8];
  EXPECT_EQ(*loop_.Run(server.Read(buf)), 0u);
  EXPECT_EQ(loop_.Run(server.WriteAll("bye")), OkStatus());
  EXPECT_EQ(loop_.Run(server.Shutdown()), OkStatus());
  EXPECT_EQ(*loop_.Run(client.ReadToEnd(10)), "bye");
  Status status = loop_.Run(client.WriteAll("after"));
  EXPECT_EQ(ErrnoOf(status), EPIPE) << status;  // and no SIGPIPE
}

// behaviour: tokio/tests/tcp_shutdown.rs#shutdown_multiple_calls
TEST_F(TcpStreamTest, ShutsDownAgainAndAfterAReset) {
  auto [stream, client] = Accepted();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(loop_.Run(stream.Shutdown()), OkStatus());
  EXPECT_EQ(client.Receive(1), "");
  client.Close();
  char buf[8];
  EXPECT_EQ(*loop_.Run(stream.Read(buf)), 0u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(loop_.Run(stream.Shutdown()), OkStatus());  // from the kernel, ENOTCONN now
  auto [reset, other] = Accepted();
  other.Reset();
  EXPECT_EQ(ErrnoOf(loop_.Run(reset.Read(buf)).status()), ECONNRESET);
  EXPECT_EQ(loop_.Run(reset.Shutdown()), OkStatus());
}

// check: C5
TEST_F(TcpStreamTest, ReadsWhatCameBeforeAHangUp) {
  auto [stream, client] = Accepted();
  char one[1];
  PolledTask read(stream.Read(one));
  EXPECT_TRUE(read.Poll().pending());
  client.Send("tail");
  client.Close();
  std::string all(1, ' ');
  EXPECT_EQ(*loop_.Run(read), 1u);
  all[0] = one[0];
  while (*loop_.Run(stream.Read(one)) == 1) all += one[0];
  EXPECT_EQ(all, "tail");
}

// behaviour: tokio/tests/tcp_into_std.rs#tcp_into_std
TEST_F(TcpStreamTest, GivesItsFdUpAndTakesOneOver) {
  auto [stream, client] = Accepted();
  char a[16];
  PolledTask read(stream.Read(a));
  EXPECT_TRUE(read.Poll().pending());  // registered now
  read.Drop();
  const int fd = std::move(stream).IntoFd();
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  ASSERT_EQ(::fcntl(fd, F_SETFL, 0), 0);  // blocking, and not close-on-exec, as if it came from anywhere
  ASSERT_EQ(::fcntl(fd, F_SETFD, 0), 0);
  client.Send("Hello world!");
  EXPECT_EQ(::recv(fd, a, 12, MSG_WAITALL), 12);
  StatusOr<TcpStream> again = TcpStream::FromFd(fd);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  PolledTask second(again->Read(a));
  EXPECT_TRUE(second.Poll().pending());
  client.Send("Hello!");
  EXPECT_EQ(ReadRest(loop_, *again, a, *loop_.Run(second), 6), 6u);
  EXPECT_EQ(ErrnoOf(TcpStream::FromFd(-1).status()), EBADF);
}

// Of a wrong fd nothing is changed, and it is the caller's still.
TEST_F(TcpStreamTest, TakesConnectedTcpSocketsAlone) {
  struct Wrong {
    int family, type;
    const char* says;
  };
  for (const Wrong& wrong : {Wrong{AF_INET, SOCK_DGRAM, "(UDP); net::UdpSocket can take it"},
                             Wrong{AF_UNIX, SOCK_STREAM, "(Unix, a stream); net::UnixStream or UnixListener can take it"},
                             Wrong{AF_UNIX, SOCK_DGRAM, "(Unix, datagrams); net::UnixDatagram can take it"},
                             Wrong{AF_UNIX, SOCK_SEQPACKET, "net::UnixSeqpacket or UnixSeqpacketListener can take it"}}) {
    const int fd = ::socket(wrong.family, wrong.type | SOCK_CLOEXEC, 0);
    for (const Status& status :
         {TcpStream::FromFd(fd).status(), TcpListener::FromFd(fd).status(), TcpSocket::FromFd(fd).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
      EXPECT_TRUE(absl::StrContains(status.message(), wrong.says)) << status;
    }
    EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(::close(fd), 0);
  }
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  for (const Status& status :
       {TcpStream::FromFd(file).status(), TcpListener::FromFd(file).status(), TcpSocket::FromFd(file).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ErrnoOf(status), ENOTSOCK);
  }
  EXPECT_EQ(::close(file), 0);
  for (int family : {AF_INET, AF_INET6}) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const Status status = TcpStream::FromFd(fd).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(ErrnoOf(status), ENOTCONN);
    EXPECT_EQ(::close(fd), 0);
  }
  EXPECT_EQ(ErrnoOf(TcpStream::FromFd(listener_.fd()).status()), ENOTCONN);
}

TEST_F(TcpStreamTest, YieldsWhenThePeerNeverPauses) {
  auto [stream, client] = Accepted();
  client.Send(std::string(10'000, 'x'));
  struct ReadAll : FutureBase<ReadAll, Status> {
    explicit ReadAll(TcpStream& s) : s(&s) {}
    Poll<Status> PollOnce(Context& cx) {
      while (done < 10'000) {
        char one[1];
        Poll<StatusOr<size_t>> n = s->PollRead(cx, one);
        if (n.pending()) return kPending;
        if (!n->ok()) return n->status();
        done += **n;
      }
      return OkStatus();
    }
    TcpStream* s;
    size_t done = 0;
  };
  PolledTask task(ReadAll{stream});
  int yields = 0;
  while (task.Poll().pending()) {
    if (task.yielded()) ++yields;
    loop_.Turn();
  }
  EXPECT_GE(yields, 10'000 / limits::kPollBudget);
}

// check: C5
TEST_F(TcpStreamTest, SurvivesOneByteAtATime) {
  auto [client, server] = Pair();
  sys::ScopedFault reads(sys::Call::kRecv, sys::Fault::Short(1, 7));
  sys::ScopedFault writes(sys::Call::kSend, sys::Fault::Short(1, 8));
  const std::string sent = "one byte at a time\nand another line\n";
  EXPECT_EQ(loop_.Run(client.WriteAll(sent)), OkStatus());
  EXPECT_EQ(loop_.Run(client.Shutdown()), OkStatus());
  EXPECT_EQ(*loop_.Run(io::Copy(server, server)), sent.size());
  EXPECT_EQ(loop_.Run(server.Shutdown()), OkStatus());
  EXPECT_EQ(*loop_.Run(client.ReadToEnd(1000)), sent);
}

// behaviour: tokio/tests/no_rt.rs#panics_when_no_reactor
TEST(TcpStreamOutside, SaysThatThereIsNoRuntime) {
  PolledTask connect(TcpStream::Connect("127.0.0.1:1"));
  Status status = (*connect.Poll()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("net::TcpStream::Connect"), absl::string_view::npos) << status;
}

// Nothing is refused before the stream has to wait.
// behaviour: tokio/tests/net_panic.rs#tcp_stream_from_std_panic_caller
TEST(TcpStreamOutside, AnFdThatWaitsSaysThatIoIsOff) {
  std::optional<DrivenLoop> with_io(std::in_place);
  const TcpListener listener = *with_io->Run(TcpListener::Bind("127.0.0.1:0"));
  with_io.reset();
  BlockingSocket connected(*listener.local_address());
  DrivenLoop loop(/*io=*/false);
  StatusOr<TcpStream> stream = TcpStream::FromFd(::dup(connected.fd()));
  ASSERT_TRUE(stream.ok()) << stream.status();
  char buf[4];
  const Status waits = loop.Run(stream->Read(buf)).status();
  EXPECT_EQ(waits.code(), absl::StatusCode::kFailedPrecondition) << waits;
  EXPECT_NE(waits.message().find("WithoutIo()"), absl::string_view::npos) << waits;
}

TEST(TcpStreamOutside, SaysThatIoIsOff) {
  DrivenLoop loop(/*io=*/false);
  EXPECT_EQ(loop.Run(TcpStream::Connect("127.0.0.1:1")).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(loop.Run(TcpListener::Bind("127.0.0.1:0")).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace kioto::net
