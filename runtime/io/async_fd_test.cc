#include "kioto/runtime/io/async_fd.h"

#include <fcntl.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/testing/driven_loop.h"
#include "kioto/runtime/io/testing/read_rest.h"
#include "kioto/runtime/io/write.h"

namespace kioto::io {
namespace {

namespace sys = base::sys;
using kioto::internal::Ready;

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// A loop, and one end of a pair of sockets in it; the other is a plain fd.
class AsyncFdTest : public testing::Test {
 protected:
  AsyncFdTest() {
    int fds[2];
    EXPECT_EQ(sys::Socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fd_.emplace(*AsyncFd::FromFd(fds[0]));
    there_ = fds[1];
  }
  ~AsyncFdTest() override { CloseThere(); }

  void CloseThere() {
    if (there_ >= 0) sys::Close(std::exchange(there_, -1));
  }
  void Send(const std::string& bytes) {
    EXPECT_EQ(::write(there_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  ssize_t ReadHere() { return ::read(fd_->fd(), buffer_, sizeof(buffer_)); }
  ssize_t WriteHere() { return ::write(fd_->fd(), buffer_, sizeof(buffer_)); }
  ReadyGuard Wait(Interest interest) { return *loop_.Run(fd_->Ready(interest)); }
  // Whether a wait for `interest` would wait, also after what the kernel has to tell.
  bool Waits(Interest interest) {
    PolledTask task(fd_->Ready(interest));
    if (task.Poll().ready()) return false;
    loop_.Turn();
    return task.wakes() == 0;
  }
  void FillHere() {
    while (WriteHere() > 0) {
    }
  }
  void DrainThere() {
    char bytes[4096];
    while (::read(there_, bytes, sizeof(bytes)) > 0) {
    }
  }

  DrivenLoop loop_;
  char buffer_[4096] = {};
  std::optional<AsyncFd> fd_;
  int there_ = -1;
};

// behaviour: tokio/tests/io_async_fd.rs#initially_writable
TEST_F(AsyncFdTest, IsWritableAtFirstAndNotReadable) {
  AsyncFd there = *AsyncFd::Borrow(there_);
  EXPECT_TRUE(loop_.Run(there.Writable())->readiness().writable());
  ReadyGuard ready = Wait(Interest::kWritable);
  EXPECT_TRUE(ready.readiness().writable());
  EXPECT_FALSE(ready.readiness().readable());
  ready.ClearReady();
  EXPECT_TRUE(Waits(Interest::kReadable));
  PolledTask reading(there.Readable());
  EXPECT_TRUE(reading.Poll().pending());
}

// behaviour: tokio/tests/io_async_fd.rs#reset_readable
TEST_F(AsyncFdTest, StaysReadableUntilItIsCleared) {
  EXPECT_TRUE(Waits(Interest::kReadable));
  PolledTask waiting(fd_->Readable());
  EXPECT_TRUE(waiting.Poll().pending());
  Send("x");
  loop_.Await([&] { return waiting.wakes() == 1; });
  ReadyGuard ready = **waiting.Poll();
  EXPECT_EQ(*ready.TryIo([&] { return ReadHere(); }), 1);
  EXPECT_FALSE(Waits(Interest::kReadable));  // nothing has told that it was the last byte
  ready.RetainReady();
  EXPECT_FALSE(Waits(Interest::kReadable));
  ready.ClearReady();
  EXPECT_TRUE(Waits(Interest::kReadable));
  Send("y");
  EXPECT_TRUE(Wait(Interest::kReadable).readiness().readable());
}

// behaviour: tokio/tests/io_async_fd.rs#reset_writable
TEST_F(AsyncFdTest, IsWritableAgainWhenThePeerHasRead) {
  ReadyGuard ready = Wait(Interest::kWritable);
  while (ready.TryIo([&] { return WriteHere(); }).ok()) {
  }
  PolledTask waiting(fd_->Writable());
  EXPECT_TRUE(waiting.Poll().pending());
  loop_.Turn();
  EXPECT_EQ(waiting.wakes(), 0);
  DrainThere();
  loop_.Await([&] { return waiting.wakes() == 1; });
  EXPECT_TRUE((**waiting.Poll()).readiness().writable());
}

// behaviour: tokio/tests/io_async_fd.rs#guard_try_io
TEST_F(AsyncFdTest, AGuardsOperationClearsWhenItFindsNothing) {
  Send("x");
  ReadyGuard ready = Wait(Interest::kReadable);
  EXPECT_EQ(*ready.TryIo([&] { return ReadHere(); }), 1);
  EXPECT_TRUE(ready.readiness().readable());
  EXPECT_FALSE(Waits(Interest::kReadable));
  EXPECT_TRUE(IsEmpty(ready.TryIo([&] { return ReadHere(); }).status()));
  EXPECT_TRUE(ready.readiness().none());
  EXPECT_TRUE(Waits(Interest::kReadable));
  Send("y");
  EXPECT_TRUE(Wait(Interest::kReadable).readiness().readable());
}

// behaviour: tokio/tests/io_async_fd.rs#clear_ready_matching_clears_ready
// behaviour: tokio/tests/io_async_fd.rs#clear_ready_matching_clears_ready_mut
TEST_F(AsyncFdTest, APartOfTheReadinessIsCleared) {
  constexpr Interest kBoth = Interest::kReadable | Interest::kWritable;
  Send("x");
  (void)Wait(Interest::kWritable);
  (void)Wait(Interest::kReadable);
  ReadyGuard ready = Wait(kBoth);
  EXPECT_EQ(ready.readiness(), Readiness(Ready::kReadable | Ready::kWritable));
  ready.ClearReady(Interest::kReadable);
  EXPECT_EQ(ready.readiness(), Readiness(Ready::kWritable));
  EXPECT_EQ(Wait(kBoth).readiness(), Readiness(Ready::kWritable));
  ready.ClearReady(Interest::kWritable);
  EXPECT_TRUE(ready.readiness().none());
}

#if !KIOTO_PORTABLE  // where nothing comes before the next wait
TEST_F(AsyncFdTest, WhatCameSinceIsNotCleared) {
  Send("x");
  ReadyGuard ready = Wait(Interest::kReadable);
  EXPECT_EQ(ReadHere(), 1);
  const uint64_t events = loop_.driver().reactor()->events();
  Send("y");
  loop_.Await([&] { return loop_.driver().reactor()->events() != events; });
  ready.ClearReady();
  EXPECT_FALSE(Waits(Interest::kReadable));
}
#endif

// behaviour: tokio/tests/io_async_fd.rs#try_io_writable
TEST_F(AsyncFdTest, TriesOnlyWhatMayBeReady) {
  (void)Wait(Interest::kWritable);
  int calls = 0;
  EXPECT_EQ(*fd_->TryIo(Interest::kWritable, [&] { return ++calls; }), 1);
  EXPECT_EQ(*fd_->TryIo(Interest::kWritable, [&] { return ++calls; }), 2);
  const auto full = [&] { return ++calls, errno = EAGAIN, -1; };
  EXPECT_TRUE(IsEmpty(fd_->TryIo(Interest::kWritable, full).status()));
  EXPECT_EQ(calls, 3);
#if !KIOTO_PORTABLE  // where what is not waited for may be ready
  EXPECT_TRUE(IsEmpty(fd_->TryIo(Interest::kWritable, full).status()));
  EXPECT_EQ(calls, 3);
#endif
  FillHere();
  DrainThere();
  (void)Wait(Interest::kWritable);
  EXPECT_TRUE(fd_->TryIo(Interest::kWritable, [&] { return ++calls; }).ok());
}

TEST_F(AsyncFdTest, AsyncIoCallsUntilItIsNotToldToWait) {
  int calls = 0;
  PolledTask reading(fd_->AsyncIo(Interest::kReadable, [&] { return ++calls, ReadHere(); }));
  EXPECT_TRUE(reading.Poll().pending());
  EXPECT_EQ(calls, 0);
  Send("hello");
  EXPECT_EQ(*loop_.Run(reading), 5);
  EXPECT_EQ(calls, 1);
  // A status is as good; the readiness that is left over costs one call in vain.
  PolledTask again(fd_->AsyncIo(Interest::kReadable, [&]() -> StatusOr<std::string> {
    const ssize_t n = (++calls, ReadHere());
    if (n < 0) return ErrnoStatus(errno, "reading");
    return std::string(buffer_, n);
  }));
  EXPECT_TRUE(again.Poll().pending());
  EXPECT_EQ(calls, 2);
  Send("world");
  EXPECT_EQ(*loop_.Run(again), "world");
  EXPECT_EQ(ErrnoOf(loop_.Run(fd_->AsyncIo(Interest::kWritable, [] { return errno = EIO, -1; })).status()), EIO);
  EXPECT_EQ(ErrnoOf(loop_.Run(fd_->AsyncIo(Interest::kWritable, [] { return ErrnoStatus(EIO, "it"); }))), EIO);
}

// The peer's end stays ready for ever: what waits for room beside it must not turn in circles.
TEST_F(AsyncFdTest, AHangUpDoesNotMakeAsyncIoSpin) {
  FillHere();
  EXPECT_EQ(sys::Shutdown(there_, SHUT_WR), 0);
  EXPECT_TRUE(Wait(Interest::kReadable).readiness().read_closed());
  int calls = 0;
  PolledTask writing(fd_->AsyncIo(Interest::kReadable | Interest::kWritable, [&] { return ++calls, WriteHere(); }));
  EXPECT_TRUE(writing.Poll().pending());
  EXPECT_LE(calls, 2);
  EXPECT_EQ(writing.wakes(), 0);
  DrainThere();
  EXPECT_TRUE(loop_.Run(writing).ok());
}

TEST_F(AsyncFdTest, EveryWaiterIsWoken) {
  PolledTask first(fd_->Readable());
  PolledTask second(fd_->Ready(Interest::kReadable | Interest::kPriority));
  EXPECT_TRUE(first.Poll().pending());
  {
    PolledTask dropped(fd_->Readable());
    EXPECT_TRUE(dropped.Poll().pending());
  }
  EXPECT_TRUE(second.Poll().pending());
  Send("x");
  loop_.Await([&] { return first.wakes() == 1 && second.wakes() == 1; });
  EXPECT_TRUE(first.Poll().ready());
  EXPECT_TRUE(second.Poll().ready());
}

// check: H1
TEST_F(AsyncFdTest, DroppedAtAnyPointNothingIsTaken) {
  int calls = 0;
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask ready(fd_->Readable());
    PolledTask reading(fd_->AsyncIo(Interest::kReadable, [&] { return ++calls, ReadHere(); }));
    for (int i = 0; i < polls; ++i) {
      EXPECT_TRUE(ready.Poll().pending());
      EXPECT_TRUE(reading.Poll().pending());
    }
    ready.Drop();
    reading.Drop();
    EXPECT_EQ(ready.held() + reading.held(), 0);
    Send("kept");
    EXPECT_EQ(*loop_.Run(fd_->AsyncIo(Interest::kReadable, [&] { return ReadHere(); })), 4);
    EXPECT_EQ(calls + ready.wakes() + reading.wakes(), 0);
    PolledTask none(fd_->AsyncIo(Interest::kReadable, [&] { return ReadHere(); }));
    EXPECT_TRUE(none.Poll().pending());  // and takes back the readiness that is left over
  }
}

TEST_F(AsyncFdTest, IsAReaderAndAWriter) {
  PolledTask reading(Read(*fd_, MutableBytes(buffer_, 8)));
  EXPECT_TRUE(reading.Poll().pending());
  Send("hello");
  EXPECT_EQ(ReadRest(loop_, *fd_, buffer_, *loop_.Run(reading), 5), 5u);
  EXPECT_EQ(std::string(buffer_, 5), "hello");
  const std::string big(Much(1 << 20), 'x');
  PolledTask writing(WriteAll(*fd_, big));
  EXPECT_TRUE(writing.Poll().pending());
  DrainThere();
  while (writing.Poll().pending()) {
    loop_.Step();
    DrainThere();
  }
  CloseThere();
  EXPECT_EQ(ErrnoOf(loop_.Run(WriteAll(*fd_, big))), EPIPE);  // and no SIGPIPE
}

// behaviour: tokio/tests/io_async_fd.rs#drop_closes
TEST_F(AsyncFdTest, ClosesWhatItOwns) {
  const int borrowed = there_;
  { AsyncFd there = *AsyncFd::Borrow(borrowed); }
  EXPECT_TRUE(IsOpen(borrowed));
  const int given = std::move(*fd_).IntoFd();
  fd_.reset();
  EXPECT_TRUE(IsOpen(given));
  char byte;
  EXPECT_EQ(sys::Read(there_, &byte, 1), -EAGAIN);
  fd_.emplace(*AsyncFd::FromFd(given));
  fd_.reset();
  EXPECT_EQ(sys::Read(there_, &byte, 1), 0);
}

// behaviour: tokio/tests/io_async_fd.rs#try_new
// behaviour: tokio/tests/io_async_fd.rs#try_with_interest
TEST_F(AsyncFdTest, WhatCanNotBeWaitedForStaysTheCallers) {
  EXPECT_EQ(ErrnoOf(AsyncFd::FromFd(-1).status()), EBADF);
  EXPECT_EQ(ErrnoOf(AsyncFd::Borrow(-1, Interest::kReadable).status()), EBADF);
  const int file = sys::Open("/proc/self/exe", O_RDONLY, 0);
  const Status status = AsyncFd::FromFd(file, Interest::kReadable).status();
  EXPECT_EQ(ErrnoOf(status), EPERM);
  EXPECT_NE(status.message().find("fs::File"), absl::string_view::npos) << status;
  EXPECT_EQ(ErrnoOf(AsyncFd::Borrow(file).status()), EPERM);
  EXPECT_EQ(sys::Close(file), 0);
#if !KIOTO_PORTABLE
  const int null = sys::Open("/dev/null", O_RDWR, 0);  // what only the system knows
  EXPECT_EQ(ErrnoOf(AsyncFd::FromFd(null).status()), EPERM);
  EXPECT_EQ(sys::Close(null), 0);
#endif
}

// An fd of its own, watched from the start.
class AsyncFdSocketTest : public testing::Test {
 protected:
  static sockaddr_in Loopback(int port = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static int Bound(int type) {
    const int fd = sys::Socket(AF_INET, type, 0);
    const sockaddr_in address = Loopback();
    EXPECT_EQ(sys::Bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  static sockaddr_in AddressOf(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    EXPECT_EQ(sys::Getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return address;
  }
  static void Set(int fd, int level, int option, int value) {
    EXPECT_EQ(sys::Setsockopt(fd, level, option, &value, sizeof(value)), 0);
  }
  static void SendTo(int fd, const sockaddr_in& to) {
    EXPECT_EQ(::sendto(fd, "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 1);
  }

  DrivenLoop loop_;
};

// behaviour: tokio/tests/io_async_fd.rs#priority_event_on_oob_data
TEST_F(AsyncFdSocketTest, UrgentDataHasPriority) {
  const int listener = Bound(SOCK_STREAM);
  ASSERT_EQ(sys::Listen(listener, 1), 0);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = AddressOf(listener);
  ASSERT_EQ(sys::Connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  AsyncFd server = *AsyncFd::FromFd(sys::Accept(listener, nullptr, nullptr));
  PolledTask waiting(server.Ready(Interest::kPriority));
  EXPECT_TRUE(waiting.Poll().pending());
  EXPECT_EQ(sys::Send(client, "!", 1, MSG_OOB), 1);
  StatusOr<ReadyGuard> ready = loop_.Run(waiting);
  ASSERT_TRUE(ready.ok()) << ready.status();
  EXPECT_TRUE(ready->readiness().priority());
  sys::Close(client);
  sys::Close(listener);
}

// behaviour: tokio/tests/io_async_fd.rs#await_error_readiness_invalid_address
TEST_F(AsyncFdSocketTest, AnErrorQueueThatIsFilledByARefusal) {
  AsyncFd sender = *AsyncFd::FromFd(Bound(SOCK_DGRAM), Interest::kError);
  Set(sender.fd(), IPPROTO_IP, IP_RECVERR, 1);
  const int closed = Bound(SOCK_DGRAM);
  const sockaddr_in nobody = AddressOf(closed);
  sys::Close(closed);
  SendTo(sender.fd(), nobody);
  EXPECT_EQ(loop_.Run(sender.Ready(Interest::kError))->readiness(), Readiness(Ready::kError));
}

// behaviour: tokio/tests/io_async_fd.rs#await_error_readiness_timestamping
TEST_F(AsyncFdSocketTest, AnErrorQueueThatHoldsTimestamps) {
  AsyncFd sender = *AsyncFd::FromFd(Bound(SOCK_DGRAM), Interest::kError);
  Set(sender.fd(), SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
  PolledTask waiting(sender.Ready(Interest::kError));
  EXPECT_TRUE(waiting.Poll().pending());
  loop_.Turn();
  EXPECT_EQ(waiting.wakes(), 0);
  const int receiver = Bound(SOCK_DGRAM);
  SendTo(sender.fd(), AddressOf(receiver));
  EXPECT_EQ(loop_.Run(waiting)->readiness(), Readiness(Ready::kError));
  sys::Close(receiver);
}

}  // namespace
}  // namespace kioto::io
