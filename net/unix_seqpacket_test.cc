#include "kioto/net/unix_seqpacket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/socket_options.h"
#include "kioto/net/testing/unix_sockets.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/owned_fd.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;

class UnixSeqpacketTest : public UnixTest {
 protected:
  UnixSeqpacket::Ends Pair() { return *UnixSeqpacket::Pair(); }
  UnixSeqpacketListener Listen(const UnixEndpoint& at, int backlog = 16) {
    StatusOr<UnixSeqpacketListener> listener = UnixSeqpacketListener::Bind(at, backlog);
    EXPECT_TRUE(listener.ok()) << listener.status();
    return *std::move(listener);
  }
  // The next message, whole.
  std::string Next(UnixSeqpacket& socket) {
    StatusOr<ReceivedPacket> got = loop_.Run(socket.Recv(buf_));
    if (!got.ok()) return got.status().ToString();
    EXPECT_FALSE(got->cut);
    return got->end ? "(end)" : Got(got->size);
  }
};

TEST_F(UnixSeqpacketTest, AcceptsAndConnectsByPath) {
  const std::string path = NewPath();
  UnixSeqpacketListener listener = Listen(path);
  EXPECT_EQ(*listener.local_address()->path(), path);
  PolledTask accept(listener.Accept());
  EXPECT_TRUE(accept.Poll().pending());
  UnixSeqpacket client = *loop_.Run(UnixSeqpacket::Connect(path));
  EXPECT_EQ(*client.peer_address()->path(), path);
  UnixSeqpacket server = *loop_.Run(accept);
  EXPECT_EQ(*server.local_address()->path(), path);
  EXPECT_TRUE(server.peer_address()->is_unnamed());
  EXPECT_EQ(*loop_.Run(client.Send("hello")), 5u);
  EXPECT_EQ(Next(server), "hello");
  EXPECT_EQ(*loop_.Run(server.Send(std::string("back"))), 4u);
  EXPECT_EQ(Next(client), "back");
  EXPECT_EQ(listener.TakeError(), OkStatus());
}

TEST_F(UnixSeqpacketTest, IncomingGivesEachConnection) {
  const UnixAddress at = *UnixAddress::Abstract(NewPath());
  UnixSeqpacketListener listener = Listen(at);
  auto incoming = listener.Incoming();
  for (const char* name : {"one", "two"}) {
    UnixSeqpacket client = *loop_.Run(UnixSeqpacket::Connect(at));
    EXPECT_TRUE(loop_.Run(client.Send(name)).ok());
    std::optional<StatusOr<UnixSeqpacket>> next = RunPolls([&](Context& cx) { return incoming.PollNext(cx); });
    ASSERT_TRUE(next.has_value() && next->ok());
    EXPECT_EQ(Next(**next), name);
  }
}

TEST_F(UnixSeqpacketTest, MessagesStayWholeAndInOrder) {
  auto [a, b] = Pair();
  for (const char* message : {"first", "second", "third"}) EXPECT_TRUE(loop_.Run(a.Send(message)).ok());
  for (const char* message : {"first", "second", "third"}) EXPECT_EQ(Next(b), message);
}

TEST_F(UnixSeqpacketTest, WhatIsTooLongForTheMemoryIsCut) {
  auto [a, b] = Pair();
  EXPECT_TRUE(loop_.Run(a.Send("hello")).ok());
  EXPECT_TRUE(loop_.Run(a.Send("next")).ok());
  ReceivedPacket got = *loop_.Run(b.Recv(MutableBytes(buf_, 2)));
  EXPECT_EQ(Got(got.size), "he");
  EXPECT_TRUE(got.cut);
  EXPECT_FALSE(got.end);
  EXPECT_EQ(Next(b), "next");
}

TEST_F(UnixSeqpacketTest, AnEmptyMessageIsNoEnd) {
  auto [a, b] = Pair();
  EXPECT_EQ(*loop_.Run(a.Send("")), 0u);
  EXPECT_EQ(*loop_.Run(a.Send("x")), 1u);
  EXPECT_EQ(*loop_.Run(a.Send("")), 0u);
  { UnixSeqpacket gone = std::move(a); }
  EXPECT_EQ(Next(b), "");
  EXPECT_EQ(Next(b), "x");
  EXPECT_EQ(Next(b), "");
  EXPECT_EQ(Next(b), "(end)");
  EXPECT_EQ(Next(b), "(end)");
  EXPECT_TRUE(b.TryRecv(buf_)->end);
}

// As on a system that stamps no messages.
TEST_F(UnixSeqpacketTest, WithoutTimeStampsAnEmptyMessageIsTakenForTheEnd) {
  sys::ScopedFault refused(sys::Call::kSetsockopt, sys::Fault::Every(ENOPROTOOPT));
  auto [a, b] = Pair();
  EXPECT_EQ(refused.hits(), 2);
  EXPECT_TRUE(loop_.Run(a.Send("")).ok());
  EXPECT_TRUE(loop_.Run(a.Send("x")).ok());
  EXPECT_EQ(Next(b), "(end)");
  EXPECT_EQ(Next(b), "x");
}

TEST_F(UnixSeqpacketTest, ShutdownIsThePeersEnd) {
  auto [a, b] = Pair();
  EXPECT_TRUE(loop_.Run(a.Send("last")).ok());
  EXPECT_EQ(a.Shutdown(SHUT_WR), OkStatus());
  EXPECT_EQ(Next(b), "last");
  EXPECT_EQ(Next(b), "(end)");
  EXPECT_EQ(ErrnoOf(loop_.Run(a.Send("x")).status()), EPIPE);
  EXPECT_TRUE(loop_.Run(b.Send("back")).ok());
  EXPECT_EQ(Next(a), "back");
}

TEST_F(UnixSeqpacketTest, APeerThatWentWithoutReadingIsAReset) {
  auto [a, b] = Pair();
  EXPECT_TRUE(loop_.Run(a.Send("unread")).ok());
  PolledTask recv(a.Recv(buf_));
  EXPECT_TRUE(recv.Poll().pending());
  EXPECT_TRUE(loop_.Run(b.Send("last")).ok());
  { UnixSeqpacket gone = std::move(b); }
  EXPECT_EQ(ErrnoOf(loop_.Run(recv).status()), ECONNRESET);
  EXPECT_EQ(Next(a), "last");
  EXPECT_EQ(Next(a), "(end)");
  EXPECT_EQ(ErrnoOf(loop_.Run(a.Send("x")).status()), EPIPE);
}

TEST_F(UnixSeqpacketTest, AMessageThatIsTooLongIsRefused) {
  auto [a, b] = Pair();
  const Status status = loop_.Run(a.Send(std::string(10'000'000, 'x'))).status();
  EXPECT_EQ(ErrnoOf(status), EMSGSIZE) << status;
  EXPECT_TRUE(IsEmpty(b.TryRecv(buf_).status()));
}

TEST_F(UnixSeqpacketTest, TriesUntilItIsFull) {
  auto [a, b] = Pair();
  EXPECT_TRUE(IsEmpty(b.TryRecv(buf_).status()));
  EXPECT_TRUE(loop_.Run(a.Writable())->writable());
  int sent = 0;
  StatusOr<size_t> n = a.TrySend("msg");
  for (; n.ok(); n = a.TrySend("msg")) ++sent;
  EXPECT_TRUE(IsFull(n.status())) << n.status();
  PolledTask send(a.Send("late"));
  EXPECT_TRUE(send.Poll().pending());
  EXPECT_TRUE(loop_.Run(b.Readable())->readable());
  for (int i = 0; i < sent; ++i) EXPECT_EQ(b.TryRecv(buf_)->size, 3u);
  EXPECT_EQ(*loop_.Run(send), 4u);
  EXPECT_EQ(Next(b), "late");
  EXPECT_TRUE(IsEmpty(b.TryRecv(buf_).status()));
}

TEST_F(UnixSeqpacketTest, SendsAndReceivesByPolls) {
  auto ends = Pair();
  EXPECT_EQ(*RunPolls([&](Context& cx) { return ends.first.PollSend(cx, "hello"); }), 5u);
  EXPECT_TRUE(RunPolls([&](Context& cx) { return ends.second.PollReadable(cx); }).ok());
  EXPECT_EQ(RunPolls([&](Context& cx) { return ends.second.PollRecv(cx, buf_); })->size, 5u);
}

TEST_F(UnixSeqpacketTest, KnowsItsPeer) {
  auto [a, b] = Pair();
  const PeerCredentials peer = *a.peer_credentials();
  EXPECT_EQ(peer.uid, ::getuid());
  EXPECT_EQ(peer.gid, ::getgid());
  EXPECT_EQ(*peer.pid, ::getpid());
}

TEST_F(UnixSeqpacketTest, CarriesFds) {
  auto [a, b] = Pair();
  const OwnedFd file(sys::Open("/dev/null", O_RDONLY, 0));
  EXPECT_EQ(*loop_.Run(a.SendWithFds("two", {file.fd(), file.fd()})), 3u);
  EXPECT_EQ(*loop_.Run(a.SendWithFds(std::string("own"), OwnedFd(sys::Open("/dev/null", O_RDONLY, 0)))), 3u);
  EXPECT_EQ(*loop_.Run(a.Send("")), 0u);
  EXPECT_EQ(a.Shutdown(SHUT_WR), OkStatus());
  ReceivedWithFds got = *loop_.Run(b.RecvWithFds(buf_, 2));
  EXPECT_EQ(Got(got.size), "two");
  ASSERT_EQ(got.fds.size(), 2u);
  EXPECT_NE(fcntl(got.fds[0].fd(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_FALSE(got.fds_lost || got.cut || got.end);
  got = *loop_.Run(b.RecvWithFds(buf_));
  EXPECT_EQ(Got(got.size), "own");
  EXPECT_EQ(got.fds.size(), 1u);
  EXPECT_FALSE(loop_.Run(b.RecvWithFds(buf_))->end);
  EXPECT_TRUE(loop_.Run(b.RecvWithFds(buf_))->end);
}

TEST_F(UnixSeqpacketTest, FdsThatNobodyAsksForAreClosed) {
  auto [a, b] = Pair();
  const OwnedFd file(sys::Open("/dev/null", O_RDONLY, 0));
  const int before = OpenFds();
  EXPECT_TRUE(loop_.Run(a.SendWithFds("x", {file.fd(), file.fd()})).ok());
  EXPECT_EQ(Next(b), "x");
  EXPECT_EQ(OpenFds(), before);
  EXPECT_TRUE(loop_.Run(a.SendWithFds("y", {file.fd(), file.fd()})).ok());
  EXPECT_TRUE(loop_.Run(b.RecvWithFds(buf_, 1))->fds_lost);
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(UnixSeqpacketTest, SaysWhatIsWrong) {
  EXPECT_EQ(ErrnoOf(loop_.Run(UnixSeqpacket::Connect(NewPath())).status()), ENOENT);
  const std::string path = NewPath();
  UnixListener stream = UnixTest::Listen(path);
  EXPECT_EQ(ErrnoOf(loop_.Run(UnixSeqpacket::Connect(path)).status()), EPROTOTYPE);
  EXPECT_EQ(ErrnoOf(UnixSeqpacketListener::Bind(path).status()), EADDRINUSE);
  auto [a, b] = Pair();
  sys::ScopedFault reset(sys::Call::kRecvmsg, sys::Fault::First(1, ECONNRESET).On(a.fd()));
  EXPECT_EQ(ErrnoOf(loop_.Run(a.Recv(buf_)).status()), ECONNRESET);
}

TEST_F(UnixSeqpacketTest, TakesFdsOverAndGivesThemUp) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  UnixSeqpacket a = *UnixSeqpacket::FromFd(fds[0]);
  UnixSeqpacket b = *UnixSeqpacket::FromFd(fds[1]);
  EXPECT_TRUE(loop_.Run(a.Send("hello")).ok());
  EXPECT_EQ(Next(b), "hello");
  const OwnedFd plain(std::move(b).IntoFd());
  ASSERT_TRUE(plain.is_open());
  EXPECT_EQ(*internal::GetBoolOption(plain.fd(), SOL_SOCKET, SO_TIMESTAMP, "test"), false);
  EXPECT_TRUE(loop_.Run(a.Send("more")).ok());
  EXPECT_EQ(sys::Read(plain.fd(), buf_, sizeof(buf_)), 4);
}

TEST_F(UnixSeqpacketTest, RefusesFdsOfAnotherKind) {
  const OwnedFd stream(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const OwnedFd seqpacket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  UnixListener listener = UnixTest::Listen(NewPath());
  for (const Status& status : {UnixSeqpacket::FromFd(stream.fd()).status(), UnixStream::FromFd(seqpacket.fd()).status(),
                               UnixSeqpacketListener::FromFd(seqpacket.fd()).status(),
                               UnixSeqpacketListener::FromFd(listener.fd()).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_NE(status.message().find("this fd is"), absl::string_view::npos) << status;
  }
}

TEST_F(UnixSeqpacketTest, AcceptingOutlivesAShortageOfFds) {
  const std::string path = NewPath();
  UnixSeqpacketListener listener = Listen(path);
  UnixSeqpacket client = *loop_.Run(UnixSeqpacket::Connect(path));
  loop_.clock().Pause();
  const int64_t start = loop_.clock().Now();
  sys::ScopedFault shortage(sys::Call::kAccept, sys::Fault::First(2, EMFILE));
  EXPECT_TRUE(loop_.Run(listener.Accept()).ok());
  EXPECT_EQ(shortage.hits(), 2);
  EXPECT_EQ(loop_.clock().Now() - start, 15'000'000);  // 5 ms, then 10
}

TEST_F(UnixSeqpacketTest, AConnectThatWaitsComesThrough) {
  const std::string path = NewPath();
  UnixSeqpacketListener listener = Listen(path, /*backlog=*/0);
  UnixSeqpacket first = *loop_.Run(UnixSeqpacket::Connect(path));
  PolledTask second(UnixSeqpacket::Connect(path));
  EXPECT_TRUE(second.Poll().pending());
  EXPECT_TRUE(loop_.Run(listener.Accept()).ok());
  EXPECT_TRUE(loop_.Run(second).ok());
}

TEST(UnixSeqpacketWithoutIoTest, SaysWhatIsMissing) {
  DrivenLoop loop(/*io=*/false);
  auto ends = *UnixSeqpacket::Pair();
  char buf[4];
  EXPECT_EQ(loop.Run(ends.first.Recv(buf)).status().code(), absl::StatusCode::kFailedPrecondition);
  const Status status = UnixSeqpacketListener::Bind(*UnixAddress::Abstract("kioto-none")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_NE(status.message().find("net::UnixSeqpacketListener::Bind"), absl::string_view::npos) << status;
}

// --- Dropped ---

// check: H1
TEST_F(UnixSeqpacketTest, AcceptThatIsDroppedLosesNoConnection) {
  const std::string path = NewPath();
  UnixSeqpacketListener listener = Listen(path);
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask accept(listener.Accept());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(accept.Poll().pending());
    UnixSeqpacket client = *loop_.Run(UnixSeqpacket::Connect(path));
    if (polls > 0) loop_.Await([&] { return accept.wakes() > 0; });
    accept.Drop();
    EXPECT_EQ(accept.held(), 0);
    EXPECT_TRUE(loop_.Run(client.Send("here")).ok());
    UnixSeqpacket server = *loop_.Run(listener.Accept());
    EXPECT_EQ(Next(server), "here");
  }
}

// check: H1
TEST_F(UnixSeqpacketTest, AConnectThatIsDroppedIsNeverMade) {
  const std::string path = NewPath();
  UnixSeqpacketListener listener = Listen(path, /*backlog=*/0);
  UnixSeqpacket first = *loop_.Run(UnixSeqpacket::Connect(path));
  const int before = OpenFds();
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask connect(UnixSeqpacket::Connect(path));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(connect.Poll().pending());
    connect.Drop();
    EXPECT_EQ(connect.held(), 0);
    EXPECT_EQ(OpenFds(), before);
  }
  EXPECT_TRUE(loop_.Run(listener.Accept()).ok());
  EXPECT_TRUE(PolledTask(listener.Accept()).Poll().pending());
}

// check: H1
TEST_F(UnixSeqpacketTest, AReceiveThatIsDroppedTakesNothing) {
  auto [a, b] = Pair();
  const OwnedFd file(sys::Open("/dev/null", O_RDONLY, 0));
  for (int polls = 0; polls < 4; ++polls) {
    const int before = OpenFds();
    PolledTask plain(b.Recv(buf_));
    PolledTask with_fds(b.RecvWithFds(buf_));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(plain.Poll().pending() && with_fds.Poll().pending());
    EXPECT_TRUE(loop_.Run(a.SendWithFds("kept", {file.fd()})).ok());
    if (polls > 0) loop_.Await([&] { return plain.wakes() > 0 && with_fds.wakes() > 0; });
    plain.Drop();
    with_fds.Drop();
    EXPECT_EQ(plain.held() + with_fds.held(), 0);
    EXPECT_EQ(loop_.Run(b.RecvWithFds(buf_))->fds.size(), 1u);
    EXPECT_EQ(Got(4), "kept");
    EXPECT_EQ(OpenFds(), before);
  }
}

// check: H1
TEST_F(UnixSeqpacketTest, ASendThatIsDroppedSendsNothing) {
  for (int polls = 0; polls < 4; ++polls) {
    auto [a, b] = Pair();
    while (a.TrySend(".").ok()) {
    }
    const int before = OpenFds();
    PolledTask send(a.SendWithFds("x", OwnedFd(sys::Open("/dev/null", O_RDONLY, 0))));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(send.Poll().pending());
    send.Drop();
    EXPECT_EQ(send.held(), 0);
    EXPECT_EQ(OpenFds(), before);
    EXPECT_EQ(a.Shutdown(SHUT_WR), OkStatus());
    std::string message = Next(b);
    while (message == ".") message = Next(b);
    EXPECT_EQ(message, "(end)");
  }
}

}  // namespace
}  // namespace kioto::net
