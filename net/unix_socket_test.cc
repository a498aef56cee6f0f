#include "kioto/net/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_connect.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/testing/unix_sockets.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/stream/sources.h"
#include "kioto/runtime/future/stream/transform.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/either.h"
#include "kioto/runtime/io/testing/driven_loop.h"
#include "kioto/runtime/io/write.h"

namespace kioto::net {
namespace {

static_assert(io::IsReader<UnixStream> && io::IsWriter<UnixStream>);

using UnixStreamTest = UnixTest;

// behaviour: tokio/tests/uds_stream.rs#accept_read_write
TEST_F(UnixStreamTest, AcceptsAndConnectsByPath) {
  const std::string path = NewPath();
  UnixListener listener = Listen(path);
  EXPECT_EQ(*listener.local_address()->path(), path);
  PolledTask accept(listener.Accept());
  EXPECT_TRUE(accept.Poll().pending());
  StatusOr<UnixStream> client = loop_.Run(UnixStream::Connect(path));
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(*client->peer_address()->path(), path);
  StatusOr<UnixStream> server = loop_.Run(accept);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(server->peer_address()->is_unnamed());
  EXPECT_EQ(loop_.Run(client->WriteAll("hello")), OkStatus());
  { UnixStream gone = *std::move(client); }
  EXPECT_EQ(*loop_.Run(server->ReadToEnd(100)), "hello");
  EXPECT_EQ(*loop_.Run(server->Read(buf_)), 0u);
}

// behaviour: tokio/tests/uds_stream.rs#accept_read_write_socketaddr
TEST_F(UnixStreamTest, AcceptsAndConnectsByAddress) {
  const UnixAddress at = *UnixAddress::Abstract(NewPath());
  UnixListener listener = Listen(at);
  EXPECT_EQ(*listener.local_address(), at);
  StatusOr<UnixStream> client = loop_.Run(UnixStream::Connect(at));
  ASSERT_TRUE(client.ok()) << client.status();
  UnixStream server = *loop_.Run(listener.Accept());
  EXPECT_EQ(loop_.Run(client->WriteAll("hello")), OkStatus());
  { UnixStream gone = *std::move(client); }
  EXPECT_EQ(*loop_.Run(server.ReadToEnd(100)), "hello");
  EXPECT_EQ(*loop_.Run(server.Read(buf_)), 0u);
}

// behaviour: tokio/tests/uds_stream.rs#shutdown
TEST_F(UnixStreamTest, ShutdownIsThePeersEnd) {
  auto [a, b] = Pair();
  EXPECT_EQ(loop_.Run(a.Shutdown()), OkStatus());
  EXPECT_EQ(*loop_.Run(b.Read(buf_)), 0u);
  EXPECT_EQ(ErrnoOf(loop_.Run(a.Write("x")).status()), EPIPE);
  EXPECT_EQ(loop_.Run(b.WriteAll("back")), OkStatus());
  EXPECT_EQ(ReadRest(loop_, a, buf_, *loop_.Run(a.Read(buf_)), 4), 4u);
}

// behaviour: tokio/tests/uds_split.rs#split
TEST_F(UnixStreamTest, HalvesWriteAndReadToTheEnd) {
  auto ends = Pair();
  auto a = std::move(ends.first).IntoSplit();
  auto b = ends.second.Split();
  EXPECT_EQ(loop_.Run(a.second.WriteAll("A")), OkStatus());
  { auto gone = std::move(a.second); }
  EXPECT_EQ(loop_.Run(b.second.WriteAll("B")), OkStatus());
  EXPECT_EQ(loop_.Run(b.second.Shutdown()), OkStatus());
  EXPECT_EQ(*loop_.Run(a.first.ReadToEnd(10)), "B");
  EXPECT_EQ(*loop_.Run(b.first.ReadToEnd(10)), "A");
}

TEST_F(UnixStreamTest, KnowsItsPeer) {
  auto [a, b] = Pair();
  const PeerCredentials peer = *a.peer_credentials();
  EXPECT_EQ(peer.uid, ::getuid());
  EXPECT_EQ(peer.gid, ::getgid());
  EXPECT_EQ(*peer.pid, ::getpid());
}

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
std::string Fill(UnixStream& stream) {
  return FillBy([&stream](absl::string_view piece) { return stream.TryWrite(piece); });
}
template <class TryRead>
std::string DrainBy(TryRead read) {
  std::string all;
  char buf[4096];
  while (true) {
    StatusOr<size_t> n = read(MutableBytes(buf));
    if (!n.ok() || *n == 0) return all;
    all.append(buf, *n);
  }
}
std::string Drain(UnixStream& stream) {
  return DrainBy([&stream](MutableBytes into) { return stream.TryRead(into); });
}

// behaviour: tokio/tests/uds_stream.rs#try_read_write
TEST_F(UnixStreamTest, TriesWithoutWaiting) {
  auto [a, b] = Pair();
  EXPECT_TRUE(IsEmpty(b.TryRead(buf_).status()));
  EXPECT_TRUE(loop_.Run(a.Writable())->writable());
  const std::string written = Fill(a);
  PolledTask writable(a.Writable());
  EXPECT_TRUE(writable.Poll().pending());
  EXPECT_TRUE(loop_.Run(b.Readable())->readable());
  EXPECT_EQ(Drain(b), written);
  EXPECT_TRUE(loop_.Run(writable)->writable());
  const std::string scattered = FillBy([&a = a](absl::string_view piece) {
    const absl::string_view pieces[] = {piece.substr(0, 3), piece.substr(3)};
    return a.TryWriteVectored(pieces);
  });
  EXPECT_GT(scattered.size(), Much(10'000));
  PolledTask again(a.Writable());
  EXPECT_TRUE(again.Poll().pending());
  EXPECT_TRUE(loop_.Run(b.Readable())->readable());
  const std::string gathered = DrainBy([&b = b](MutableBytes into) {
    const MutableBytes room[] = {into.first(3), into.subspan(3)};
    return b.TryReadVectored(room);
  });
  EXPECT_EQ(gathered, scattered);
  EXPECT_TRUE(loop_.Run(again)->writable());
  EXPECT_TRUE(IsEmpty(b.TryRead(buf_).status()));  // what is full has not been seen to be empty: the portable twin looks again only then
  { UnixStream gone = std::move(a); }
  loop_.Await([&, &b = b] { return loop_.Run(b.Readable())->read_closed(); });
}

// behaviour: tokio/tests/uds_stream.rs#poll_read_ready
TEST_F(UnixStreamTest, ReadableWhenThereIsSomething) {
  auto [a, b] = Pair();
  PolledTask readable(b.Readable());
  EXPECT_TRUE(readable.Poll().pending());
  EXPECT_EQ(*a.TryWrite("x"), 1u);
  EXPECT_TRUE(loop_.Run(readable)->readable());
  EXPECT_EQ(*b.TryRead(buf_), 1u);
  EXPECT_TRUE(IsEmpty(b.TryRead(buf_).status()));
  PolledTask again(b.Readable());
  EXPECT_TRUE(again.Poll().pending());
}

// behaviour: tokio/tests/uds_stream.rs#poll_write_ready
TEST_F(UnixStreamTest, WritableWhenThereIsRoom) {
  auto [a, b] = Pair();
  EXPECT_TRUE(loop_.Run(a.Writable())->writable());
  Fill(a);
  PolledTask writable(a.Writable());
  EXPECT_TRUE(writable.Poll().pending());
  Drain(b);
  loop_.Await([&] { return writable.is_woken(); });
  EXPECT_TRUE(loop_.Run(writable)->writable());
}

// behaviour: tokio/tests/uds_stream.rs#try_read_buf
TEST_F(UnixStreamTest, ReadsIntoAQueue) {
  auto [a, b] = Pair();
  ByteQueue queue;
  const std::string written = Fill(a);
  while (queue.size() < written.size()) ASSERT_GT(*loop_.Run(b.Read(queue)), 0u);
  EXPECT_EQ(queue.view(), written);
}

// `writer` and `reader` are streams, or halves of them.
template <class Writer, class Reader>
void ExpectPassesAQueue(DrivenLoop& loop, Writer& writer, Reader& reader) {
  ByteQueue queue;
  queue.Append("one two");
  const size_t n = *loop.Run(writer.Write(queue));
  EXPECT_GT(n, 0u);
  EXPECT_EQ(queue.size(), 7 - n);
  queue.Append(" three");
  EXPECT_EQ(loop.Run(writer.WriteAll(queue)), OkStatus());
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(loop.Run(writer.Shutdown()), OkStatus());
  char peeked[1];
  EXPECT_EQ(*loop.Run(PollFn([&](Context& cx) { return reader.PollPeek(cx, peeked); })), 1u);
  EXPECT_EQ(peeked[0], 'o');
  std::string all = "read: ";
  EXPECT_EQ(*loop.Run(reader.ReadToEnd(all, 100)), 13u);
  EXPECT_EQ(all, "read: one two three");
}

TEST_F(UnixStreamTest, WritesAQueueAndReadsIntoAString) {
  auto [a, b] = Pair();
  ExpectPassesAQueue(loop_, a, b);
  auto writing = b.Split().second;
  auto reading = a.Split().first;
  ExpectPassesAQueue(loop_, writing, reading);
}

// As either.h says.
// behaviour: kioto/runtime/io/either.h#a_listener_of_two_kinds
TEST_F(UnixStreamTest, AListenerMayBeOfTwoKinds) {
  using Connection = io::Either<TcpStream, UnixStream>;
  TcpListener tcp = *loop_.Run(TcpListener::Bind("127.0.0.1:0"));
  const UnixAddress at = *UnixAddress::Abstract(NewPath());
  UnixListener unix_listener = Listen(at);
  const auto connections = [&](bool local) {
    auto left = stream::From(tcp.Incoming()).Map([](StatusOr<TcpStream>& s) {
      return s.ok() ? StatusOr<Connection>(Connection::Left(*std::move(s))) : StatusOr<Connection>(s.status());
    });
    auto right = stream::From(unix_listener.Incoming()).Map([](StatusOr<UnixStream>& s) {
      return s.ok() ? StatusOr<Connection>(Connection::Right(*std::move(s))) : StatusOr<Connection>(s.status());
    });
    using Either = io::Either<decltype(left), decltype(right)>;
    return local ? Either::Right(std::move(right)) : Either::Left(std::move(left));
  };
  const auto serve = [&](bool local, auto& client) {
    auto incoming = connections(local);
    Connection server = *std::move(*loop_.Run(incoming.Next()));
    EXPECT_EQ(server.right() != nullptr, local);
    EXPECT_EQ(loop_.Run(io::WriteAll(server, "hello")), OkStatus());
    char bytes[5];
    EXPECT_EQ(loop_.Run(client.ReadExact(bytes)), OkStatus());
    EXPECT_EQ(absl::string_view(bytes, 5), "hello");
  };
  TcpStream remote = *loop_.Run(TcpStream::Connect(*tcp.local_address()));
  serve(/*local=*/false, remote);
  UnixStream local = *loop_.Run(UnixStream::Connect(at));
  serve(/*local=*/true, local);
}

TEST_F(UnixStreamTest, ReadyIsEitherDirection) {
  auto [a, b] = Pair();
  EXPECT_TRUE(loop_.Run(a.Ready())->writable());
  EXPECT_EQ(*b.TryWrite("x"), 1u);
  EXPECT_TRUE(RunPolls([&a = a](Context& cx) { return a.PollReadable(cx); })->readable());
  EXPECT_TRUE(loop_.Run(a.Ready())->readable());
  EXPECT_TRUE(RunPolls([&a = a](Context& cx) { return a.PollWritable(cx); })->writable());
}

// A connection that waits for room in the backlog is the one that can be pending.
// behaviour: tokio/tests/uds_stream.rs#epollhup
TEST_F(UnixStreamTest, AConnectThatWaitsFailsWithItsListener) {
  const std::string path = NewPath();
  auto listener = std::make_unique<UnixListener>(*UnixListener::Bind(path, /*backlog=*/0));
  std::vector<StatusOr<UnixStream>> connected;
  std::unique_ptr<PolledTask<UnixConnectFuture>> waiting;
  for (int i = 0; i < 10 && waiting == nullptr; ++i) {
    auto connect = std::make_unique<PolledTask<UnixConnectFuture>>(UnixStream::Connect(path));
    auto poll = connect->Poll();
    if (poll.pending()) waiting = std::move(connect);
    if (poll.ready()) connected.push_back(*std::move(poll));
  }
  ASSERT_NE(waiting, nullptr);
  listener.reset();
  EXPECT_EQ(ErrnoOf(loop_.Run(*waiting).status()), ECONNREFUSED);
}

TEST_F(UnixStreamTest, AConnectThatWaitsComesThrough) {
  const std::string path = NewPath();
  UnixListener listener = *UnixListener::Bind(path, /*backlog=*/0);
  StatusOr<UnixStream> first = loop_.Run(UnixStream::Connect(path));
  PolledTask second(UnixStream::Connect(path));
  EXPECT_TRUE(second.Poll().pending());
  EXPECT_TRUE(loop_.Run(listener.Accept()).ok());
  EXPECT_TRUE(loop_.Run(second).ok());
}

TEST_F(UnixStreamTest, SaysWhatIsWrong) {
  EXPECT_EQ(ErrnoOf(loop_.Run(UnixStream::Connect(NewPath())).status()), ENOENT);
  EXPECT_EQ(loop_.Run(UnixStream::Connect("")).status().code(), absl::StatusCode::kInvalidArgument);
  const std::string path = NewPath();
  { UnixListener listener = Listen(path); }
  EXPECT_EQ(ErrnoOf(loop_.Run(UnixStream::Connect(path)).status()), ECONNREFUSED);
  const Status left = UnixListener::Bind(path).status();  // the file is still there
  EXPECT_EQ(ErrnoOf(left), EADDRINUSE);
  EXPECT_NE(left.message().find(path + " (a file that an earlier run has left? remove it)"), absl::string_view::npos) << left;
}

// behaviour: tokio/tests/uds_socket.rs#listen_and_stream
TEST_F(UnixStreamTest, TakesPlainSocketsOver) {
  const std::string server_path = NewPath(), client_path = NewPath();
  const int listening = PlainSocket(SOCK_STREAM, server_path);
  ASSERT_EQ(::listen(listening, 16), 0);
  UnixListener listener = *UnixListener::FromFd(listening);
  const int connecting = PlainSocket(SOCK_STREAM, client_path);
  sockaddr_storage storage;
  const size_t size = UnixAddress::Path(server_path)->ToSockaddr(&storage);
  ASSERT_EQ(::connect(connecting, reinterpret_cast<sockaddr*>(&storage), static_cast<socklen_t>(size)), 0);
  auto client = std::make_unique<UnixStream>(*UnixStream::FromFd(connecting));
  UnixStream server = *loop_.Run(listener.Accept());
  EXPECT_EQ(*server.peer_address()->path(), client_path);
  EXPECT_EQ(loop_.Run(client->WriteAll("hello")), OkStatus());
  client.reset();
  EXPECT_EQ(*loop_.Run(server.ReadToEnd(100)), "hello");
  EXPECT_EQ(*loop_.Run(server.Read(buf_)), 0u);
}

// behaviour: tokio/tests/uds_socket.rs#assert_usage
TEST_F(UnixStreamTest, RefusesFdsOfAnotherKind) {
  const int datagram = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int stream = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  for (const Status& status : {UnixStream::FromFd(datagram).status(), UnixListener::FromFd(datagram).status(),
                               UnixListener::FromFd(stream).status(), UnixDatagram::FromFd(stream).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_NE(status.message().find("this fd is"), absl::string_view::npos) << status;
  }
  EXPECT_EQ(ErrnoOf(UnixStream::FromFd(stream).status()), ENOTCONN);
  const int tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const Status status = UnixStream::FromFd(tcp).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(status.message().find("(TCP); net::TcpStream"), absl::string_view::npos) << status;
  ::close(tcp);
  ::close(datagram);
  ::close(stream);
}

// Nothing is refused before the socket has to wait, but for Bind.
// behaviour: tokio/tests/net_panic.rs#unix_listener_bind_panic_caller
TEST(UnixWithoutIoTest, BindSaysWhatIsMissing) {
  DrivenLoop loop(/*io=*/false);
  const Status status = UnixListener::Bind(*UnixAddress::Abstract("kioto-none")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
}

// behaviour: tokio/tests/net_panic.rs#unix_listener_from_std_panic_caller
TEST(UnixWithoutIoTest, AcceptSaysWhatIsMissing) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage storage;
  const size_t size = UnixAddress::Abstract(absl::StrCat("kioto-io-", std::random_device()()))->ToSockaddr(&storage);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&storage), static_cast<socklen_t>(size)), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  DrivenLoop loop(/*io=*/false);
  UnixListener listener = *UnixListener::FromFd(fd);
  EXPECT_EQ(loop.Run(listener.Accept()).status().code(), absl::StatusCode::kFailedPrecondition);
}

// behaviour: tokio/tests/net_panic.rs#unix_stream_from_std_panic_caller
TEST(UnixWithoutIoTest, AStreamSaysWhatIsMissing) {
  DrivenLoop loop(/*io=*/false);
  auto ends = *UnixStream::Pair();
  char buf[4];
  EXPECT_EQ(loop.Run(ends.first.Read(buf)).status().code(), absl::StatusCode::kFailedPrecondition);
}

// behaviour: tokio/tests/net_panic.rs#unix_datagram_from_std_panic_caller
TEST(UnixWithoutIoTest, ADatagramsSocketSaysWhatIsMissing) {
  DrivenLoop loop(/*io=*/false);
  auto ends = *UnixDatagram::Pair();
  char buf[4];
  EXPECT_EQ(loop.Run(ends.first.Recv(buf)).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace kioto::net
