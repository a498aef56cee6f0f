#include "kioto/runtime/io/unix_pipe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/testing/driven_loop.h"
#include "kioto/runtime/io/testing/read_rest.h"

namespace kioto::io {
namespace {

namespace sys = base::sys;

bool IsNonBlocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

class UnixPipeTest : public testing::Test {
 protected:
  ~UnixPipeTest() override { ::unlink(path_.c_str()); }

  // A pipe with a name, made at the first call.
  const std::string& Fifo() {
    if (path_.empty()) {
      path_ = absl::StrCat(testing::TempDir(), "/kioto-fifo-", ::getpid());
      ::unlink(path_.c_str());
      EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    }
    return path_;
  }
  static UnixPipeEnds Pipe() { return *UnixPipe(); }
  // A pipe as another library has it, blocking.
  static std::pair<int, int> BlockingPipe() {
    int fds[2];
    EXPECT_EQ(::pipe(fds), 0);
    return {fds[0], fds[1]};
  }
  void ExpectPasses(PipeSender& sender, PipeReceiver& receiver) {
    PolledTask reading(receiver.Read(buffer_));
    EXPECT_TRUE(reading.Poll().pending());
    loop_.Turn();
    EXPECT_EQ(reading.wakes(), 0);
    EXPECT_EQ(loop_.Run(sender.WriteAll("hello")), OkStatus());
    EXPECT_EQ(ReadRest(loop_, receiver, buffer_, *loop_.Run(reading), 5), 5u);
    EXPECT_EQ(std::string(buffer_, 5), "hello");
  }
  // Fills the pipe by `write`, which is given what to write, and empties it by `read`, which gives what it got.
  template <class TryWrite, class TryRead>
  void FillAndDrain(UnixPipeEnds& pipe, TryWrite write, TryRead read) {
    ASSERT_TRUE(loop_.Run(pipe.sender.Writable()).ok());
    std::string sent, got;
    while (true) {
      const std::string next = absl::StrCat("number ", sent.size(), ";");
      StatusOr<size_t> n = write(absl::string_view(next));
      if (!n.ok()) {
        EXPECT_TRUE(IsFull(n.status())) << n.status();
        break;
      }
      sent += next.substr(0, *n);
    }
    EXPECT_GE(sent.size(), 4096u);
    while (got.size() < sent.size()) {
      ASSERT_TRUE(loop_.Run(pipe.receiver.Readable()).ok());
      StatusOr<std::string> some = read();
      ASSERT_TRUE(some.ok() || IsEmpty(some.status())) << some.status();
      if (!some.ok()) continue;
      ASSERT_FALSE(some->empty());
      got += *some;
    }
    EXPECT_EQ(got, sent);
    EXPECT_TRUE(IsEmpty(read().status()));
  }

  DrivenLoop loop_;
  char buffer_[1024] = {};
  std::string path_;
};

// behaviour: tokio/tests/net_unix_pipe.rs#anon_pipe_simple_send
TEST_F(UnixPipeTest, WakesItsReader) {
  UnixPipeEnds pipe = Pipe();
  ExpectPasses(pipe.sender, pipe.receiver);
  { PipeSender dropped = std::move(pipe.sender); }
  EXPECT_EQ(*loop_.Run(pipe.receiver.ReadToEnd(100)), "");
}

TEST_F(UnixPipeTest, PassesAQueueAndPieces) {
  UnixPipeEnds pipe = Pipe();
  ByteQueue queue;
  queue.Append("a queue");
  EXPECT_EQ(loop_.Run(pipe.sender.WriteAll(queue)), OkStatus());
  EXPECT_TRUE(queue.empty());
  const absl::string_view pieces[] = {", ", "and pieces"};
  EXPECT_EQ(loop_.Run(pipe.sender.WriteAllVectored(pieces)), OkStatus());
  while (queue.size() < 19) ASSERT_GT(*loop_.Run(pipe.receiver.Read(queue)), 0u);
  EXPECT_EQ(queue.view(), "a queue, and pieces");
}

TEST_F(UnixPipeTest, ASenderWithoutReceiversGetsAnError) {
  UnixPipeEnds pipe = Pipe();
  const std::string big(1 << 20, 'x');
  PolledTask writing(pipe.sender.WriteAll(big));
  EXPECT_TRUE(writing.Poll().pending());
  { PipeReceiver dropped = std::move(pipe.receiver); }
  EXPECT_EQ(ErrnoOf(loop_.Run(writing)), EPIPE);  // and no SIGPIPE
}

// check: H1
TEST_F(UnixPipeTest, DroppedAtAnyPointNothingIsTakenAndNothingIsWritten) {
  UnixPipeEnds pipe = Pipe();
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask read(pipe.receiver.Read(buffer_));
    PolledTask readable(pipe.receiver.Readable());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(read.Poll().pending());
    read.Drop();
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(readable.Poll().pending());
    readable.Drop();
    EXPECT_EQ(loop_.Run(pipe.sender.WriteAll("kept")), OkStatus());
    EXPECT_EQ(loop_.Run(pipe.receiver.ReadExact(MutableBytes(buffer_, 4))), OkStatus());
    EXPECT_EQ(std::string(buffer_, 4), "kept");
    EXPECT_TRUE(PolledTask(pipe.receiver.Read(buffer_)).Poll().pending());  // takes back the readiness that is left over
    EXPECT_EQ(read.held() + readable.held(), 0);                             // what reads next has their place
  }
  const std::string page(4096, '.');
  size_t written = 0;
  for (const size_t most : {page.size(), size_t{1}}) {
    for (StatusOr<size_t> n = 0; n.ok(); n = pipe.sender.TryWrite(absl::string_view(page).substr(0, most))) written += *n;
  }
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask write(pipe.sender.Write("x"));
    PolledTask all(pipe.sender.WriteAll(std::string("x")));
    PolledTask writable(pipe.sender.Writable());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(write.Poll().pending());
    write.Drop();
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(all.Poll().pending());
    all.Drop();
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(writable.Poll().pending());
    writable.Drop();
    EXPECT_TRUE(PolledTask(pipe.sender.Write("x")).Poll().pending());
    EXPECT_EQ(write.held() + all.held() + writable.held(), 0);
  }
  { const PipeSender closed = std::move(pipe.sender); }
  EXPECT_TRUE(*loop_.Run(pipe.receiver.ReadToEnd(1 << 21)) == std::string(written, '.'));
}

TEST_F(UnixPipeTest, AWriteAndAReadMayBeDropped) {
  UnixPipeEnds pipe = Pipe();
  {
    PolledTask reading(pipe.receiver.Read(buffer_));
    EXPECT_TRUE(reading.Poll().pending());
  }
  const std::string big(1 << 20, 'x');
  {
    PolledTask writing(pipe.sender.WriteAll(big));
    EXPECT_TRUE(writing.Poll().pending());
  }
  const size_t n = *loop_.Run(pipe.receiver.Read(buffer_));
  EXPECT_PRED2(IsAllOrCut, absl::string_view(buffer_, n), big.substr(0, sizeof(buffer_)));
}

// behaviour: tokio/tests/net_unix_pipe.rs#anon_pipe_from_owned_fd
TEST_F(UnixPipeTest, IsMadeOfFds) {
  int fds[2];
  ASSERT_EQ(sys::Pipe(fds), 0);
  PipeReceiver receiver = *PipeReceiver::FromFd(fds[0]);
  PipeSender sender = *PipeSender::FromFd(fds[1]);
  ExpectPasses(sender, receiver);
}

// behaviour: tokio/tests/net_unix_pipe.rs#from_file
TEST_F(UnixPipeTest, IsMadeOfFilesThatWereOpened) {
  const int to_read = sys::Open(Fifo().c_str(), O_RDONLY | O_NONBLOCK, 0);
  const int to_write = sys::Open(Fifo().c_str(), O_WRONLY | O_NONBLOCK, 0);
  PipeReceiver receiver = *PipeReceiver::FromFd(to_read);
  PipeSender sender = *PipeSender::FromFd(to_write);
  ExpectPasses(sender, receiver);
}

// behaviour: tokio/tests/net_unix_pipe.rs#from_file_sets_nonblock
TEST_F(UnixPipeTest, MakesFdsNonBlocking) {
  const auto [to_read, to_write] = BlockingPipe();
  PipeReceiver receiver = *PipeReceiver::FromFd(to_read);
  EXPECT_TRUE(IsNonBlocking(to_read));
  PipeSender sender = *PipeSender::FromFd(to_write);
  EXPECT_TRUE(IsNonBlocking(to_write));
  EXPECT_NE(fcntl(to_read, F_GETFD) & FD_CLOEXEC, 0);
}

// behaviour: tokio/tests/net_unix_pipe.rs#from_file_detects_wrong_access_mode
TEST_F(UnixPipeTest, AnEndIsNotTheOther) {
  const auto [to_read, to_write] = BlockingPipe();
  EXPECT_EQ(PipeReceiver::FromFd(to_write).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PipeSender::FromFd(to_read).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(IsNonBlocking(to_read));
  EXPECT_EQ(sys::Close(to_read), 0);  // the caller's still
  EXPECT_EQ(sys::Close(to_write), 0);
}

// behaviour: tokio/tests/net_unix_pipe.rs#anon_pipe_into_nonblocking_fd
TEST_F(UnixPipeTest, GivesItsFdBack) {
  UnixPipeEnds pipe = Pipe();
  const int to_read = std::move(pipe.receiver).IntoFd();
  const int to_write = std::move(pipe.sender).IntoFd();
  EXPECT_TRUE(IsNonBlocking(to_read));
  EXPECT_TRUE(IsNonBlocking(to_write));
  EXPECT_EQ(sys::Close(to_read), 0);
  EXPECT_EQ(sys::Close(to_write), 0);
}

// behaviour: tokio/tests/net_unix_pipe.rs#anon_pipe_into_blocking_fd
TEST_F(UnixPipeTest, GivesItsFdBackBlocking) {
  UnixPipeEnds pipe = Pipe();
  ExpectPasses(pipe.sender, pipe.receiver);
  const StatusOr<int> to_read = std::move(pipe.receiver).IntoBlockingFd();
  const StatusOr<int> to_write = std::move(pipe.sender).IntoBlockingFd();
  EXPECT_FALSE(IsNonBlocking(*to_read));
  EXPECT_FALSE(IsNonBlocking(*to_write));
  EXPECT_EQ(sys::Write(*to_write, "x", 1), 1);
  EXPECT_EQ(sys::Read(*to_read, buffer_, 1), 1);
  EXPECT_EQ(sys::Close(*to_read), 0);
  EXPECT_EQ(sys::Close(*to_write), 0);
}

// behaviour: tokio/tests/net_unix_pipe.rs#fifo_simple_send_sender_first
TEST_F(UnixPipeTest, ASenderComesFirst) {
  const Status status = PipeSender::Open(Fifo()).status();
  EXPECT_EQ(ErrnoOf(status), ENXIO);
  EXPECT_NE(status.message().find("nobody has it open for reading"), absl::string_view::npos) << status;
  StatusOr<PipeSender> sender = PipeSender::Open(Fifo(), FifoMode::kReadWrite);
  ASSERT_TRUE(sender.ok()) << sender.status();
  EXPECT_EQ(loop_.Run(sender->WriteAll("early")), OkStatus());
  StatusOr<PipeReceiver> receiver = PipeReceiver::Open(Fifo());
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  EXPECT_EQ(loop_.Run(receiver->ReadExact(MutableBytes(buffer_, 5))), OkStatus());
  EXPECT_EQ(std::string(buffer_, 5), "early");
  EXPECT_TRUE(PipeSender::Open(Fifo()).ok());
}

// No sender yet is not the end of the last one.
TEST_F(UnixPipeTest, AReceiverComesFirst) {
  StatusOr<PipeReceiver> receiver = PipeReceiver::Open(Fifo());
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  EXPECT_TRUE(IsEmpty(receiver->TryRead(MutableBytes(buffer_, 5)).status()));
  PolledTask read(receiver->Read(MutableBytes(buffer_, 5)));
  EXPECT_TRUE(read.Poll().pending());
  for (const char* bytes : {"first", "later"}) {
    StatusOr<PipeSender> sender = PipeSender::Open(Fifo());
    ASSERT_TRUE(sender.ok()) << sender.status();
    EXPECT_EQ(loop_.Run(sender->WriteAll(bytes)), OkStatus());
    const MutableBytes into(buffer_, 5);
    const size_t n = *(bytes[0] == 'f' ? loop_.Run(read) : loop_.Run(receiver->Read(into)));
    EXPECT_EQ(ReadRest(loop_, *receiver, into, n, 5), 5u);
    EXPECT_EQ(std::string(buffer_, 5), bytes);
  }
  EXPECT_EQ(*loop_.Run(receiver->Read(MutableBytes(buffer_, 5))), 0u);  // they have gone
  EXPECT_EQ(*receiver->TryRead(MutableBytes(buffer_, 5)), 0u);
}

// behaviour: tokio/tests/net_unix_pipe.rs#open_detects_not_a_fifo
TEST_F(UnixPipeTest, AFileIsNoPipe) {
  path_ = absl::StrCat(testing::TempDir(), "/kioto-file-", ::getpid());
  sys::Close(sys::Open(path_.c_str(), O_CREAT | O_RDWR, 0600));
  const Status receiver = PipeReceiver::Open(path_).status();
  EXPECT_EQ(receiver.code(), absl::StatusCode::kInvalidArgument) << receiver;
  EXPECT_NE(receiver.message().find(path_), absl::string_view::npos) << receiver;
  EXPECT_EQ(PipeSender::Open(path_).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrnoOf(PipeSender::Open(path_ + "-none").status()), ENOENT);
}

TEST_F(UnixPipeTest, APathWithAZeroByteIsRefused) {
  const std::string path = Fifo() + std::string("\0x", 2);
  const Status status = PipeReceiver::Open(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), absl::StrCat("io::PipeReceiver of '", Fifo(), "\\x00x': the path has a zero byte, where the kernel would "
                                           "think that it ends"));
  EXPECT_EQ(PipeSender::Open(path, FifoMode::kReadWrite).status().code(), absl::StatusCode::kInvalidArgument);
}

// behaviour: tokio/tests/net_unix_pipe.rs#try_io_readable
TEST_F(UnixPipeTest, TriesToReadWhatMayBeThere) {
  UnixPipeEnds pipe = Pipe();
  PolledTask waiting(pipe.receiver.Readable());
  EXPECT_TRUE(waiting.Poll().pending());
  int calls = 0;
  const auto read = [&] { return ++calls, ::read(pipe.receiver.fd(), buffer_, 1); };
  EXPECT_TRUE(IsEmpty(pipe.receiver.TryIo(read).status()));
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(*pipe.sender.TryWrite("x"), 1u);
  loop_.Await([&] { return waiting.wakes() == 1; });
  EXPECT_EQ(*pipe.receiver.TryIo(read), 1);
  EXPECT_TRUE(IsEmpty(pipe.receiver.TryIo(read).status()));
  EXPECT_EQ(calls, 2);
#if !KIOTO_PORTABLE  // where what is not waited for may be ready
  EXPECT_TRUE(IsEmpty(pipe.receiver.TryIo(read).status()));
  EXPECT_EQ(calls, 2);
#endif
}

// behaviour: tokio/tests/net_unix_pipe.rs#try_io_writable
TEST_F(UnixPipeTest, TriesToWriteWhereThereMayBeRoom) {
  UnixPipeEnds pipe = Pipe();
  const std::string big(1 << 20, 'x');
  {
    PolledTask waiting(pipe.sender.WriteAll(big));  // makes it known to the loop
    EXPECT_TRUE(waiting.Poll().pending());
  }
  while (pipe.receiver.TryRead(buffer_).ok()) {
  }
  ASSERT_TRUE(loop_.Run(pipe.sender.Writable()).ok());
  int calls = 0;
  const auto one = [&] { return ++calls; };
  const auto full = [&] { return ++calls, ErrnoStatus(EAGAIN, "full"); };
  EXPECT_EQ(*pipe.sender.TryIo(one), 1);
  EXPECT_EQ(ErrnoOf(pipe.sender.TryIo(full)), EAGAIN);
  EXPECT_EQ(calls, 2);
#if !KIOTO_PORTABLE
  EXPECT_TRUE(IsEmpty(pipe.sender.TryIo(one).status()));
  EXPECT_EQ(calls, 2);
#endif
}

// behaviour: tokio/tests/net_unix_pipe.rs#try_read_write
TEST_F(UnixPipeTest, TriesUntilItIsFullAndUntilItIsEmpty) {
  UnixPipeEnds pipe = Pipe();
  FillAndDrain(
      pipe, [&](absl::string_view bytes) { return pipe.sender.TryWrite(bytes); },
      [&]() -> StatusOr<std::string> {
        StatusOr<size_t> n = pipe.receiver.TryRead(buffer_);
        if (!n.ok()) return n.status();
        return std::string(buffer_, *n);
      });
}

// behaviour: tokio/tests/net_unix_pipe.rs#try_read_buf
TEST_F(UnixPipeTest, TriesToReadIntoAQueue) {
  UnixPipeEnds pipe = Pipe();
  FillAndDrain(
      pipe, [&](absl::string_view bytes) { return pipe.sender.TryWrite(bytes); },
      [&]() -> StatusOr<std::string> {
        ByteQueue queue;
        StatusOr<size_t> n = pipe.receiver.TryRead(queue);
        EXPECT_EQ(queue.size(), n.ok() ? *n : 0);
        if (!n.ok()) return n.status();
        return std::string(queue.view());
      });
}

// behaviour: tokio/tests/net_unix_pipe.rs#try_read_write_vectored
TEST_F(UnixPipeTest, TriesSeveralPieces) {
  UnixPipeEnds pipe = Pipe();
  FillAndDrain(
      pipe,
      [&](absl::string_view bytes) {
        const absl::string_view pieces[] = {bytes.substr(0, 3), bytes.substr(3, 3), absl::string_view(), bytes.substr(6)};
        return pipe.sender.TryWriteVectored(pieces);
      },
      [&]() -> StatusOr<std::string> {
        const MutableBytes pieces[] = {MutableBytes(buffer_, 3), MutableBytes(buffer_ + 3, sizeof(buffer_) - 3)};
        StatusOr<size_t> n = pipe.receiver.TryReadVectored(pieces);
        if (!n.ok()) return n.status();
        return std::string(buffer_, *n);
      });
}

}  // namespace
}  // namespace kioto::io
