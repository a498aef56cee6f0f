#include "kioto/net/unix_fds.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/testing/unix_sockets.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/owned_fd.h"
#include "kioto/runtime/io/testing/read_rest.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// A pipe of the system's, by which to see that an fd is the one that was sent.
struct SystemPipe {
  SystemPipe() {
    int fds[2];
    EXPECT_EQ(sys::Pipe(fds), 0);
    reading = OwnedFd(fds[0]);
    writing = OwnedFd(fds[1]);
  }
  // Whether what is written to `fd` comes out of it.
  bool IsFedBy(const OwnedFd& fd) const {
    char c = 0;
    return sys::Write(fd.fd(), "!", 1) == 1 && sys::Read(reading.fd(), &c, 1) == 1 && c == '!';
  }

  OwnedFd reading, writing;
};

// While it is there, this process may have no fd more than it has.
class NoFdIsFree {
 public:
  NoFdIsFree() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    OwnedFd next(sys::Open("/dev/null", O_RDONLY, 0));
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(next.fd());
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  ~NoFdIsFree() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_;
};

template <class Socket>
void FillUp(Socket& socket) {
  Status status;
  while (status.ok()) {
    if constexpr (std::is_same_v<Socket, UnixStream>) {
      status = socket.TryWrite(std::string(4096, '.')).status();
    } else {
      status = socket.TrySend(".").status();
    }
  }
  EXPECT_TRUE(IsFull(status)) << status;
}

class UnixFdsTest : public UnixTest {
 protected:
  // `got` is what one read brought. Where streams are cut, the rest of `size` bytes, too.
  ReceivedWithFds Rest(UnixStream& stream, ReceivedWithFds got, size_t size) {
    while (StreamsAreCut() && got.size < size) {
      StatusOr<ReceivedWithFds> more = loop_.Run(stream.ReadWithFds(MutableBytes(buf_ + got.size, size - got.size)));
      if (!more.ok() || more->end) break;
      EXPECT_TRUE(more->fds.empty() && !more->cut && !more->fds_lost);  // they came with the first byte
      got.size += more->size;
    }
    return got;
  }
  // Bytes from `stream` until the end, by ReadWithFds, each with how many fds came with its read.
  std::string ReadAll(UnixStream& stream, std::vector<OwnedFd>& fds) {
    std::string all;
    while (true) {
      StatusOr<ReceivedWithFds> got = loop_.Run(stream.ReadWithFds(buf_));
      if (!got.ok() || got->end) {
        EXPECT_TRUE(got.ok()) << got.status();
        return all;
      }
      EXPECT_FALSE(got->fds_lost);
      all += Got(got->size);
      for (OwnedFd& fd : got->fds) fds.push_back(std::move(fd));
    }
  }

  SystemPipe pipe_;
};

TEST_F(UnixFdsTest, ComeWithTheBytesOfAStream) {
  auto [a, b] = Pair();
  PolledTask read(b.ReadWithFds(buf_));
  EXPECT_TRUE(read.Poll().pending());
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("hello", {pipe_.writing.fd()})), OkStatus());
  ReceivedWithFds got = Rest(b, *loop_.Run(read), 5);
  EXPECT_EQ(Got(got.size), "hello");
  EXPECT_FALSE(got.end || got.cut || got.fds_lost);
  ASSERT_EQ(got.fds.size(), 1u);
  EXPECT_NE(got.fds[0].fd(), pipe_.writing.fd());
  EXPECT_TRUE(pipe_.IsFedBy(got.fds[0]));
  EXPECT_NE(fcntl(got.fds[0].fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(UnixFdsTest, AreBlockingOrNotAsTheirSenderHadThem) {
  auto [a, b] = Pair();
  const OwnedFd blocking(sys::Open("/dev/null", O_RDONLY, 0));
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("x", {blocking.fd(), pipe_.writing.fd()})), OkStatus());
  ReceivedWithFds got = *loop_.Run(b.ReadWithFds(buf_));
  ASSERT_EQ(got.fds.size(), 2u);
  EXPECT_EQ(fcntl(got.fds[0].fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(got.fds[1].fd(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(UnixFdsTest, AReadStopsBehindTheFirstBytesThatCarryThem) {
  auto [a, b] = Pair();
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("ab", {pipe_.writing.fd()})), OkStatus());
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("cd", {pipe_.reading.fd(), pipe_.writing.fd()})), OkStatus());
  ReceivedWithFds first = Rest(b, *loop_.Run(b.ReadWithFds(buf_)), 2);
  EXPECT_EQ(Got(first.size), "ab");
  EXPECT_EQ(first.fds.size(), 1u);
  ReceivedWithFds second = Rest(b, *loop_.Run(b.ReadWithFds(buf_)), 2);
  EXPECT_EQ(Got(second.size), "cd");
  EXPECT_EQ(second.fds.size(), 2u);
}

TEST_F(UnixFdsTest, BytesWithoutThemAndTheEnd) {
  auto [a, b] = Pair();
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("plain", std::vector<int>())), OkStatus());
  EXPECT_EQ(loop_.Run(a.Shutdown()), OkStatus());
  ReceivedWithFds got = Rest(b, *loop_.Run(b.ReadWithFds(buf_)), 5);
  EXPECT_EQ(Got(got.size), "plain");
  EXPECT_TRUE(got.fds.empty() && !got.fds_lost && !got.end);
  EXPECT_TRUE(loop_.Run(b.ReadWithFds(buf_))->end);
}

TEST_F(UnixFdsTest, OwnersCloseWhatWasSent) {
  auto [a, b] = Pair();
  const int number = pipe_.writing.fd();
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("x", std::move(pipe_.writing))), OkStatus());
  EXPECT_FALSE(IsOpen(number));
  ReceivedWithFds got = *loop_.Run(b.ReadWithFds(buf_));
  ASSERT_EQ(got.fds.size(), 1u);
  EXPECT_TRUE(pipe_.IsFedBy(got.fds[0]));
  const int again = got.fds[0].fd();
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("x", std::move(got.fds))), OkStatus());
  EXPECT_FALSE(IsOpen(again));
}

TEST_F(UnixFdsTest, GoWithTheFirstByteOfWhatIsSentInPieces) {
  auto [a, b] = Pair();
  {
    sys::ScopedFault shortly(sys::Call::kSendmsg, sys::Fault::Short(1, /*seed=*/3).On(a.fd()));
    EXPECT_EQ(loop_.Run(a.WriteAllWithFds("hello", {pipe_.writing.fd()})), OkStatus());
    EXPECT_EQ(shortly.hits(), 1);  // the rest goes without them
  }
  EXPECT_EQ(loop_.Run(a.Shutdown()), OkStatus());
  std::vector<OwnedFd> fds;
  EXPECT_EQ(ReadAll(b, fds), "hello");
  EXPECT_EQ(fds.size(), 1u);
}

TEST_F(UnixFdsTest, WhatFitsNotAtOnceIsSentAsThereIsRoom) {
  auto ends = Pair();
  const std::string bytes(Much(3'000'000), 'x');
  Buffer buf(65536);
  size_t size = 0, fds = 0;
  auto read = Loop([&] {
    return ends.second.ReadWithFds(buf).AndThen([&](ReceivedWithFds& got) -> StatusOr<Flow<>> {
      size += got.size;
      fds += got.fds.size();
      if (got.end || size >= bytes.size()) return Break();
      return Continue();
    });
  });
  auto done = loop_.Run(TryJoin(ends.first.WriteAllWithFds(std::string(bytes), {pipe_.writing.fd()}), std::move(read)));
  EXPECT_TRUE(done.ok());
  EXPECT_EQ(size, bytes.size());
  EXPECT_EQ(fds, 1u);
}

TEST_F(UnixFdsTest, WaitForRoom) {
  auto [a, b] = Pair();
  FillUp(a);
  PolledTask write(a.WriteAllWithFds("!", {pipe_.writing.fd()}));
  EXPECT_TRUE(write.Poll().pending());
  Buffer buf(1 << 20);
  EXPECT_TRUE(loop_.Run(b.ReadWithFds(buf))->fds.empty());
  while (StreamsAreCut() && b.TryRead(buf).ok()) {
  }
  EXPECT_EQ(loop_.Run(write), OkStatus());
  ReceivedWithFds got = *loop_.Run(b.ReadWithFds(buf));
  ASSERT_EQ(got.fds.size(), 1u);
  EXPECT_TRUE(pipe_.IsFedBy(got.fds[0]));
}

TEST_F(UnixFdsTest, MoreThanWereAskedForAreClosed) {
  auto [a, b] = Pair();
  for (size_t sent : {3u, 40u}) {
    const std::vector<int> fds(sent, pipe_.writing.fd());
    for (size_t most : {0u, 1u, 2u}) {
      const int before = OpenFds();
      EXPECT_EQ(loop_.Run(a.WriteAllWithFds("many", fds)), OkStatus());
      ReceivedWithFds got = Rest(b, *loop_.Run(b.ReadWithFds(buf_, most)), 4);
      EXPECT_EQ(Got(got.size), "many");
      EXPECT_TRUE(got.fds_lost);
      EXPECT_TRUE(got.fds.empty());
      EXPECT_EQ(OpenFds(), before);
    }
    EXPECT_EQ(loop_.Run(a.WriteAllWithFds("many", fds)), OkStatus());
    EXPECT_EQ(Rest(b, *loop_.Run(b.ReadWithFds(buf_, sent)), 4).fds.size(), sent);
  }
}

TEST_F(UnixFdsTest, ThoseWithoutANumberLeftAreLostAndTheRestClosed) {
  auto [a, b] = Pair();
  const int fd = pipe_.writing.fd();
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("two", {fd, fd})), OkStatus());
  const int before = OpenFds();
  {
    NoFdIsFree none;
    ReceivedWithFds got = Rest(b, *loop_.Run(b.ReadWithFds(buf_)), 3);
    EXPECT_EQ(Got(got.size), "two");
    EXPECT_TRUE(got.fds_lost);
    EXPECT_TRUE(got.fds.empty());
  }
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(UnixFdsTest, AReadThatAsksForNoneThrowsThemAway) {
  auto [a, b] = Pair();
  const int before = OpenFds();
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("hello", {pipe_.writing.fd()})), OkStatus());
  EXPECT_EQ(ReadRest(loop_, b, buf_, *loop_.Run(b.Read(buf_)), 5), 5u);
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(UnixFdsTest, AsManyAsGoByOneMessage) {
  auto [a, b] = Pair();
  const int fd = pipe_.writing.fd();
  EXPECT_EQ(loop_.Run(a.WriteAllWithFds("x", std::vector<int>(kMostFds, fd))), OkStatus());
  EXPECT_EQ(loop_.Run(b.ReadWithFds(buf_, 10'000))->fds.size(), kMostFds);
  const Status status = loop_.Run(a.WriteAllWithFds("x", std::vector<int>(kMostFds + 1, fd)));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("254 of them, and 253 are the most"), absl::string_view::npos) << status;
}

TEST_F(UnixFdsTest, SayWhatIsWrong) {
  auto [a, b] = Pair();
  const Status status = loop_.Run(a.WriteAllWithFds("", {pipe_.writing.fd()}));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("at least one"), absl::string_view::npos) << status;
  EXPECT_EQ(loop_.Run(a.ReadWithFds(MutableBytes())).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrnoOf(loop_.Run(a.WriteAllWithFds("x", {-1}))), EBADF);
  {
    sys::ScopedFault reset(sys::Call::kRecvmsg, sys::Fault::First(1, ECONNRESET).On(a.fd()));
    EXPECT_EQ(ErrnoOf(loop_.Run(a.ReadWithFds(buf_)).status()), ECONNRESET);
  }
  { UnixStream gone = std::move(b); }
  EXPECT_EQ(ErrnoOf(loop_.Run(a.WriteAllWithFds("x", {pipe_.writing.fd()}))), EPIPE);
}

TEST_F(UnixFdsTest, ComeWithADatagram) {
  auto [a, b] = *UnixDatagram::Pair();
  EXPECT_EQ(*loop_.Run(a.SendWithFds("hello", {pipe_.writing.fd()})), 5u);
  EXPECT_EQ(*loop_.Run(a.SendWithFds(std::string("hi"), std::vector<int>())), 2u);
  EXPECT_EQ(*loop_.Run(a.Send("")), 0u);
  ReceivedWithFds got = *loop_.Run(b.RecvWithFds(MutableBytes(buf_, 4)));
  EXPECT_EQ(Got(got.size), "hell");
  EXPECT_TRUE(got.cut);
  ASSERT_EQ(got.fds.size(), 1u);
  EXPECT_TRUE(pipe_.IsFedBy(got.fds[0]));
  got = *loop_.Run(b.RecvWithFds(buf_));
  EXPECT_EQ(Got(got.size), "hi");
  EXPECT_TRUE(got.fds.empty() && !got.cut && !got.fds_lost);
  got = *loop_.Run(b.RecvWithFds(buf_));
  EXPECT_EQ(got.size, 0u);
  EXPECT_FALSE(got.end);
}

// --- Dropped ---

// check: H1
TEST_F(UnixFdsTest, AReadThatIsDroppedTakesNothing) {
  auto [a, b] = Pair();
  for (int polls = 0; polls < 4; ++polls) {
    const int before = OpenFds();
    PolledTask read(b.ReadWithFds(buf_));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(read.Poll().pending());
    EXPECT_EQ(loop_.Run(a.WriteAllWithFds("kept", {pipe_.writing.fd()})), OkStatus());
    if (polls > 0) loop_.Await([&] { return read.wakes() > 0; });
    read.Drop();
    EXPECT_EQ(read.held(), 0);
    {
      ReceivedWithFds got = Rest(b, *loop_.Run(b.ReadWithFds(buf_)), 4);
      EXPECT_EQ(Got(got.size), "kept");
      EXPECT_EQ(got.fds.size(), 1u);
    }
    EXPECT_EQ(OpenFds(), before);
  }
}

// check: H1
TEST_F(UnixFdsTest, AWriteThatIsDroppedSendsNothingAndClosesWhatItOwns) {
  for (int polls = 0; polls < 4; ++polls) {
    auto [a, b] = Pair();
    FillUp(a);
    SystemPipe pipe;
    const int number = pipe.writing.fd();
    PolledTask write(a.WriteAllWithFds("x", std::move(pipe.writing)));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(write.Poll().pending());
    EXPECT_TRUE(IsOpen(number));
    write.Drop();
    EXPECT_EQ(write.held(), 0);
    EXPECT_FALSE(IsOpen(number));
    EXPECT_EQ(loop_.Run(a.Shutdown()), OkStatus());
    std::vector<OwnedFd> fds;
    EXPECT_EQ(ReadAll(b, fds).find('x'), std::string::npos);
    EXPECT_TRUE(fds.empty());
  }
}

// check: H1
TEST_F(UnixFdsTest, ADatagramThatIsDroppedIsNotSent) {
  for (int polls = 0; polls < 4; ++polls) {
    auto [a, b] = *UnixDatagram::Pair();
    FillUp(a);
    SystemPipe pipe;
    const int number = pipe.writing.fd();
    PolledTask send(a.SendWithFds("x", std::move(pipe.writing)));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(send.Poll().pending());
    send.Drop();
    EXPECT_EQ(send.held(), 0);
    EXPECT_FALSE(IsOpen(number));
    for (StatusOr<size_t> n = b.TryRecv(buf_); n.ok(); n = b.TryRecv(buf_)) EXPECT_EQ(Got(*n), ".");
    PolledTask receive(b.RecvWithFds(buf_));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(receive.Poll().pending());
    receive.Drop();
    EXPECT_EQ(receive.held(), 0);
    EXPECT_EQ(*loop_.Run(a.Send("kept")), 4u);
    EXPECT_EQ(loop_.Run(b.RecvWithFds(buf_))->size, 4u);
  }
}

}  // namespace
}  // namespace kioto::net
