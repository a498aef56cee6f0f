// io::Copy and io::CopyBidirectional between sockets and pipes, where the kernel moves the bytes.
#include "kioto/runtime/io/copy.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/async_fd.h"
#include "kioto/runtime/io/copy_bidirectional.h"
#include "kioto/runtime/io/splice_end.h"
#include "kioto/runtime/io/unix_pipe.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;
using io::internal::kSystemSplices;
using io::internal::Splices;

// A stream of the user's that sees what is read.
class Watched : public TcpStream {
 public:
  explicit Watched(TcpStream stream) : TcpStream(std::move(stream)) {}
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    auto n = TcpStream::PollRead(cx, into);
    if (n.ready() && n->ok()) seen += **n;
    return n;
  }
  size_t seen = 0;
};

static_assert(Splices<TcpStream> == kSystemSplices && Splices<UnixStream> == kSystemSplices);
static_assert(Splices<ReadHalf> == kSystemSplices && Splices<OwnedWriteHalf> == kSystemSplices);
static_assert(Splices<io::PipeReceiver> == kSystemSplices && Splices<io::PipeSender> == kSystemSplices);
static_assert(!Splices<Watched> && !Splices<io::AsyncFd> && !Splices<io::ReaderRef>);

constexpr size_t kBuffer = 4096;

// Counts calls, and shortens none that is of any sane size, unless streams are cut.
sys::Fault CountOnly() { return sys::Fault::Short(StreamsAreCut() ? 7 : size_t{1} << 30, 1); }

std::string Bytes(size_t size, size_t step) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * step + i / 256);
  return bytes;
}

// client — near_ : copier : far_ — server; the outer ones are blocking.
class CopyTest : public TcpTest {
 protected:
  void UseSmallBuffers() {
    for (TcpStream* stream : {&near_, &far_}) EXPECT_EQ(stream->SetSendBufferSize(16 * 1024), OkStatus());
    UseSmallBuffersIfCut(far_.fd(), server_.fd());
  }

  // All of `sent` from the client to the server, to the end.
  void ExpectCopied(const std::string& sent) {
    std::string received;
    std::thread sender([&] {
      client_.Send(sent);
      client_.ShutdownWrite();
    });
    std::thread receiver([&] { received = server_.Receive(sent.size()); });
    EXPECT_EQ(*loop_.Run(io::Copy(near_, far_, buffer_size_)), sent.size());
    sender.join();
    receiver.join();
    EXPECT_TRUE(received == sent);
  }

  // Whether what has come will do: where streams are cut, to move more takes long.
  bool HasEnough() {
    int unread = 0;
    EXPECT_EQ(::ioctl(near_.fd(), FIONREAD, &unread), 0);
    return StreamsAreCut() && unread > 4096;
  }
  // Sends while anything moves and the server does not read: how many bytes that is. Of zeros.
  template <class F>
  size_t Stuff(PolledTask<F>& copier) {
    constexpr size_t kTooMuch = 64 << 20;
    const std::string chunk(Much(64 * 1024), '\0');
    size_t sent = 0;
    EXPECT_TRUE(copier.Poll().pending());
    for (int quiet = 0; quiet < 100 && sent < kTooMuch; ++quiet) {
      const ssize_t n = HasEnough() ? 0 : ::send(client_.fd(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) {
        sent += static_cast<size_t>(n);
        quiet = 0;
      }
      loop_.Turn();
      if (!copier.is_woken() && !copier.yielded()) continue;
      EXPECT_TRUE(copier.Poll().pending());
      quiet = 0;
    }
    return sent;
  }

  // What one read fills: only then does the kernel move the rest.
  const size_t buffer_size_ = StreamsAreCut() ? 1 : kBuffer;
  std::pair<TcpStream, BlockingSocket> a_ = Accepted(), b_ = Accepted();
  TcpStream& near_ = a_.first;
  TcpStream& far_ = b_.first;
  BlockingSocket& client_ = a_.second;
  BlockingSocket& server_ = b_.second;
};

TEST_F(CopyTest, MuchGoesBothWays) {
  UseSmallBuffers();
  const std::string there = Bytes(Much(3 << 20), 31), back = Bytes(Much(2 << 20), 7);
  std::string at_server, at_client;
  sys::ScopedFault splices(sys::Call::kSplice, CountOnly());
  std::thread threads[] = {std::thread([&] {
                             client_.Send(there);
                             client_.ShutdownWrite();
                           }),
                           std::thread([&] {
                             server_.Send(back);
                             server_.ShutdownWrite();
                           }),
                           std::thread([&] { at_server = server_.Receive(there.size() + 1); }),  // to the end
                           std::thread([&] { at_client = client_.Receive(back.size() + 1); })};
  StatusOr<io::Copied> copied = loop_.Run(io::CopyBidirectional(near_, far_, buffer_size_));
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->a_to_b, there.size());
  EXPECT_EQ(copied->b_to_a, back.size());
  EXPECT_TRUE(at_server == there);
  EXPECT_TRUE(at_client == back);
  EXPECT_EQ(splices.hits() > 0, kSystemSplices);
}

// Though the bytes never come into the process.
TEST_F(CopyTest, BothWaysTellHowMuchIsWrittenSoFar) {
  UseSmallBuffers();
  io::CopyBidirectionalFuture copying = io::CopyBidirectional(near_, far_, buffer_size_);
  PolledTask copier(ByRef(copying));
  server_.Send("back");
  const size_t sent = Stuff(copier);
  const io::Copied stuffed = copying.copied();
  EXPECT_GT(stuffed.a_to_b, 0u);
  EXPECT_LE(stuffed.a_to_b, sent);
  EXPECT_EQ(stuffed.b_to_a, 4u);
  std::thread receiver([&] { EXPECT_EQ(server_.Receive(sent).size(), sent); });
  loop_.Await([&] {
    if (copier.is_woken() || copier.yielded()) (void)copier.Poll();
    return copying.copied().a_to_b == sent;
  });
  receiver.join();
}

TEST_F(CopyTest, AnEndIsPassedOnWhileTheOtherWayGoesOn) {
  const std::string back = Bytes(Much(1 << 20), 5);
  PolledTask copier(io::CopyBidirectional(near_, far_, buffer_size_));
  client_.ShutdownWrite();
  std::string at_client;
  std::thread server([&] {
    EXPECT_EQ(server_.Receive(1), "");
    server_.Send(back);
    server_.ShutdownWrite();
  });
  std::thread client([&] { at_client = client_.Receive(back.size() + 1); });
  StatusOr<io::Copied> copied = loop_.Run(copier);
  server.join();
  client.join();
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->a_to_b, 0u);
  EXPECT_EQ(copied->b_to_a, back.size());
  EXPECT_TRUE(at_client == back);
}

TEST_F(CopyTest, NeitherWayStarvesTheOther) {
  const std::string much = Bytes(64 * 1024, 3);
  for (BlockingSocket* end : {&client_, &server_}) {
    while (::send(end->fd(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }
  PolledTask copier(io::CopyBidirectional(near_, far_));
  for (int polls = 0; polls < 2; ++polls) EXPECT_TRUE(copier.Poll().pending());  // each spends its budget on one way
  loop_.Await([&] {
    char byte;
    return ::recv(server_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 &&
           ::recv(client_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
  });
}

// A Unix socket, a pipe and the halves of a TCP stream, one after the other.
TEST_F(CopyTest, EverythingThatSplices) {
  UnixStream::Ends ends = *UnixStream::Pair();
  io::UnixPipeEnds pipe = *io::UnixPipe();
  auto halves = std::move(far_).IntoSplit();
  const std::string sent = Bytes(Much(1 << 20), 3);
  std::string received;
  std::thread receiver([&] { received = server_.Receive(sent.size() + 1); });
  sys::ScopedFault splices(sys::Call::kSplice, CountOnly());
  auto [written, first, second] = loop_.Run(
      Join(ends.first.WriteAll(sent).AndThen([&ends] { return ends.first.Shutdown(); }),
           io::Copy(ends.second, pipe.sender, buffer_size_).AndThen([&pipe](uint64_t&) { return pipe.sender.Shutdown(); }),
           io::Copy(pipe.receiver, halves.second, buffer_size_).AndThen([&halves](uint64_t&) { return halves.second.Shutdown(); })));
  EXPECT_EQ(written, OkStatus());
  EXPECT_EQ(first, OkStatus());
  EXPECT_EQ(second, OkStatus());
  receiver.join();
  EXPECT_TRUE(received == sent);
  EXPECT_EQ(splices.hits() > 0, kSystemSplices);
}

TEST_F(CopyTest, SmallPiecesTakeNoPipe) {
  sys::ScopedFault splices(sys::Call::kSplice, CountOnly());
  sys::ScopedFault pipes(sys::Call::kPipe, sys::Fault::Every(EMFILE));
  PolledTask copier(io::CopyBidirectional(near_, far_, kBuffer));
  EXPECT_TRUE(copier.Poll().pending());
  for (int i = 0; i < 10; ++i) {
    client_.Send("ping");
    loop_.Await([&] {
      if (copier.is_woken()) (void)copier.Poll();
      char first;
      return ::recv(server_.fd(), &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    });
    EXPECT_EQ(server_.Receive(4), "ping");
  }
  EXPECT_EQ(splices.hits(), 0);
  EXPECT_EQ(pipes.hits(), 0);
}

TEST_F(CopyTest, AStreamOfTheUsersSeesEveryByte) {
  sys::ScopedFault splices(sys::Call::kSplice, CountOnly());
  Watched watched(std::move(near_));
  const std::string sent = Bytes(Much(1 << 20), 3);
  std::string received;
  std::thread sender([&] {
    client_.Send(sent);
    client_.ShutdownWrite();
  });
  std::thread receiver([&] { received = server_.Receive(sent.size()); });
  EXPECT_EQ(*loop_.Run(io::Copy(watched, far_, kBuffer)), sent.size());
  sender.join();
  receiver.join();
  EXPECT_EQ(watched.seen, sent.size());
  EXPECT_TRUE(received == sent);
  EXPECT_EQ(splices.hits(), 0);
}

TEST_F(CopyTest, GoesOnBehindUrgentData) {
  const std::string before = Bytes(Much(100'000), 3), behind = Bytes(Much(100'000), 5);
  std::string received;
  std::thread sender([&] {
    client_.Send(before);
    EXPECT_EQ(::send(client_.fd(), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
    client_.Send(behind);
    client_.ShutdownWrite();
  });
  std::thread receiver([&] { received = server_.Receive(before.size() + behind.size()); });
  EXPECT_EQ(*loop_.Run(io::Copy(near_, far_, buffer_size_)), before.size() + behind.size());
  sender.join();
  receiver.join();
  EXPECT_TRUE(received == before + behind);
}

// --- A reader that stops, errors, drops. ---

TEST_F(CopyTest, AReaderThatStopsStopsTheSender) {
  UseSmallBuffers();
  PolledTask copier(io::Copy(near_, far_, buffer_size_));
  const size_t sent = Stuff(copier);
  EXPECT_LT(sent, size_t{32} << 20);  // what the sockets hold
  client_.ShutdownWrite();
  std::string received;
  std::thread receiver([&] { received = server_.Receive(sent); });
  EXPECT_EQ(*loop_.Run(copier), sent);
  receiver.join();
  EXPECT_TRUE(received == std::string(sent, '\0'));
}

TEST_F(CopyTest, AnErrorOfTheReaderEndsIt) {
  if (!kSystemSplices) return;
  sys::ScopedFault fault(sys::Call::kSplice, sys::Fault::First(1, ECONNRESET).On(near_.fd()));
  client_.Send(Bytes(2 * kBuffer, 3));
  Status status = loop_.Run(io::CopyBidirectional(near_, far_, buffer_size_)).status();
  EXPECT_EQ(ErrnoOf(status), ECONNRESET) << status;
  EXPECT_EQ(fault.hits(), 1);
}

TEST_F(CopyTest, AReaderThatIsGoneEndsIt) {
  UseSmallBuffers();
  PolledTask copier(io::CopyBidirectional(near_, far_, buffer_size_));
  Stuff(copier);
  server_.Reset();
  Status status = loop_.Run(copier).status();
  EXPECT_TRUE(ErrnoOf(status) == ECONNRESET || ErrnoOf(status) == EPIPE) << status;
}

TEST_F(CopyTest, NoSigpipe) {
  UseSmallBuffers();
  PolledTask copier(io::Copy(near_, far_, buffer_size_));
  Stuff(copier);
  EXPECT_EQ(loop_.Run(far_.Shutdown()), OkStatus());
  EXPECT_EQ(ErrnoOf(loop_.Run(copier).status()), EPIPE);  // and no SIGPIPE, which would have ended us
}

// One splice is several sends of the kernel's: the first of them is answered by a reset, the next one raises the signal, and the
// call says how much the first one took.
TEST_F(CopyTest, NoSigpipeOfASpliceThatWentInPart) {
  UseSmallBuffers();
  PolledTask copier(io::Copy(near_, far_, buffer_size_));
  Stuff(copier);
  char bytes[4096];
  for (int left = 1; left != 0;) {  // so that the end is told by a FIN
    while (::recv(server_.fd(), bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
    ASSERT_EQ(::ioctl(far_.fd(), SIOCOUTQ, &left), 0);
  }
  server_.Close();
  Status status = loop_.Run(copier).status();
  EXPECT_TRUE(ErrnoOf(status) == ECONNRESET || ErrnoOf(status) == EPIPE) << status;
}

TEST_F(CopyTest, NoSigpipeOfAPipe) {
  io::UnixPipeEnds pipe = *io::UnixPipe();
  PolledTask copier(io::Copy(near_, pipe.sender, buffer_size_));
  Stuff(copier);
  { io::PipeReceiver gone = std::move(pipe.receiver); }
  EXPECT_EQ(ErrnoOf(loop_.Run(copier).status()), EPIPE);
}

TEST_F(CopyTest, ADropLeavesNoFd) {
  UseSmallBuffers();
  const int before = OpenFds();
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask copier(io::CopyBidirectional(near_, far_, buffer_size_));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(copier.Poll().pending());
    if (polls == 1) {
      Stuff(copier);
      if (kSystemSplices) {
        EXPECT_EQ(OpenFds(), before + 2);
      }
    }
    copier.Drop();
    if (kSystemSplices) {
      EXPECT_EQ(OpenFds(), before);
    }
  }
}

// The way that has ended keeps no pipe while the other goes on.
TEST_F(CopyTest, AnEndLeavesNoFd) {
  if (!kSystemSplices) return;
  UseSmallBuffers();
  const int before = OpenFds();
  PolledTask copier(io::CopyBidirectional(near_, far_, buffer_size_));
  const size_t sent = Stuff(copier);
  EXPECT_EQ(OpenFds(), before + 2);
  client_.ShutdownWrite();
  std::thread receiver([&] { EXPECT_EQ(server_.Receive(sent + 1).size(), sent); });  // to the end
  loop_.Await([&] {
    if (copier.is_woken() || copier.yielded()) (void)copier.Poll();
    return OpenFds() == before;
  });
  receiver.join();
  server_.ShutdownWrite();
  EXPECT_EQ(loop_.Run(copier)->a_to_b, sent);
}

// --- Where the system does not splice. ---

TEST_F(CopyTest, WithoutAPipe) {
  sys::ScopedFault pipes(sys::Call::kPipe, sys::Fault::Every(EMFILE));
  sys::ScopedFault splices(sys::Call::kSplice, CountOnly());
  ExpectCopied(Bytes(Much(1 << 20), 3));
  EXPECT_EQ(pipes.hits(), kSystemSplices ? 1 : 0);  // and is not asked again
  EXPECT_EQ(splices.hits(), 0);
}

// The system refuses at the n-th call: before anything was taken, with bytes in the pipe, later.
class RefusedCopyTest : public CopyTest, public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(EachCall, RefusedCopyTest, testing::Range(1, 7));

TEST_P(RefusedCopyTest, LosesNoByte) {
  sys::ScopedFault calls(sys::Call::kSplice, CountOnly());
  sys::ScopedFault fault(sys::Call::kSplice, sys::Fault::Nth(GetParam(), GetParam() % 2 != 0 ? EINVAL : ENOSYS));
  const int before = OpenFds();
  ExpectCopied(Bytes(Much(1 << 20), 3));
  EXPECT_EQ(fault.hits(), kSystemSplices ? 1 : 0);
  EXPECT_LT(calls.hits(), GetParam());  // and is not asked again
  if (kSystemSplices) {
    EXPECT_EQ(OpenFds(), before);
  }
}

// check: C5
TEST_F(CopyTest, ShortSplicesLoseNoByte) {
  UseSmallBuffers();
  sys::ScopedFault shorts(sys::Call::kSplice, sys::Fault::Short(20'000, 9));
  sys::ScopedFault interrupts(sys::Call::kSplice, sys::Fault::Sometimes(0.2, EINTR, 4));
  ExpectCopied(Bytes(Much(1 << 20), 3));
}

TEST_F(CopyTest, LetsOthersRun) {
  sys::ScopedFault shorts(sys::Call::kSplice, sys::Fault::Short(1, 9));
  client_.Send(Bytes(40'000, 3));
  PolledTask copier(io::Copy(near_, far_, 1));
  loop_.Await([&] { return copier.Poll().pending() && copier.yielded(); });
}

}  // namespace
}  // namespace kioto::net
