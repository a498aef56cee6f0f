#include "kioto/runtime/io/pipe.h"

#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/copy_bidirectional.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/null.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/testing/scripted_stream.h"
#include "kioto/runtime/io/write.h"

namespace kioto::io {
namespace {

static_assert(IsReader<DuplexStream> && IsWriter<DuplexStream> && IsReader<SimplexReader> && IsWriter<SimplexWriter>);

// What is ready at the first poll.
template <class F>
OutputOf<F> Now(F future) {
  PolledTask<F> task(std::move(future));
  auto poll = task.Poll();
  EXPECT_TRUE(poll.ready());
  return *std::move(poll);
}

std::string ReadNow(ReaderRef reader) {
  char buf[256];
  StatusOr<size_t> n = Now(Read(reader, buf));
  EXPECT_TRUE(n.ok()) << n.status();
  return std::string(buf, n.ok() ? *n : 0);
}

// behaviour: tokio/tests/io_mem_stream.rs#ping_pong
TEST(Duplex, PingPong) {
  auto pipe = Duplex(32);
  EXPECT_EQ(Now(WriteAll(pipe.first, "ping")), OkStatus());
  EXPECT_EQ(ReadNow(pipe.second), "ping");
  EXPECT_EQ(Now(WriteAll(pipe.second, "pong")), OkStatus());
  EXPECT_EQ(ReadNow(pipe.first), "pong");
}

// behaviour: tokio/tests/io_mem_stream.rs#disconnect
TEST(Duplex, AWriterThatIsDroppedIsTheEnd) {
  auto pipe = Duplex(32);
  char buf[32];
  PolledTask read(Read(pipe.second, buf));
  EXPECT_TRUE(read.Poll().pending());
  {
    DuplexStream writer = std::move(pipe.first);
    EXPECT_EQ(Now(WriteAll(writer, "ping")), OkStatus());
    EXPECT_TRUE(read.is_woken());
    EXPECT_EQ(**read.Poll(), 4u);
  }
  EXPECT_EQ(ReadNow(pipe.second), "");
}

// behaviour: tokio/tests/io_mem_stream.rs#disconnect_reader
TEST(Duplex, AWriterThatWaitsHearsThatThePeerIsGone) {
  auto pipe = Duplex(2);
  PolledTask write(WriteAll(pipe.first, "ping"));
  EXPECT_TRUE(write.Poll().pending());
  { DuplexStream gone = std::move(pipe.second); }
  EXPECT_TRUE(write.is_woken());
  EXPECT_EQ(ErrnoOf(*write.Poll()), EPIPE);
}

// behaviour: tokio/tests/io_mem_stream.rs#max_write_size
TEST(Duplex, TakesWhatItHasRoomFor) {
  auto pipe = Duplex(32);
  const std::string bytes(64, 'x');
  EXPECT_EQ(*Now(Write(pipe.first, bytes)), 32u);
  PolledTask more(Write(pipe.first, bytes));
  EXPECT_TRUE(more.Poll().pending());
  char four[4];
  EXPECT_EQ(*Now(Read(pipe.second, four)), 4u);
  EXPECT_TRUE(more.is_woken());
  EXPECT_EQ(**more.Poll(), 4u);
}

// behaviour: tokio/tests/io_mem_stream.rs#zero_length_operations
TEST(Duplex, NothingIsDoneAtOnce) {
  auto pipe = Duplex(4);
  const absl::string_view nothing[] = {"", ""};
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*Now(Write(pipe.first, "")), 0u);
    EXPECT_EQ(*Now(WriteVectored(pipe.first, nothing)), 0u);
    EXPECT_EQ(*Now(Read(pipe.second, MutableBytes())), 0u);
    if (round == 0) {
      EXPECT_EQ(*Now(Write(pipe.first, "full")), 4u);
    }
  }
}

// behaviour: tokio/tests/io_mem_stream.rs#zero_length_writes_to_closed_stream
TEST(Duplex, NothingCanNotBeWrittenToWhoIsGone) {
  auto pipe = Duplex(4);
  { DuplexStream gone = std::move(pipe.second); }
  const absl::string_view nothing[] = {"", ""};
  EXPECT_EQ(ErrnoOf(Now(Write(pipe.first, "")).status()), EPIPE);
  EXPECT_EQ(ErrnoOf(Now(WriteVectored(pipe.first, nothing)).status()), EPIPE);
}

// behaviour: tokio/tests/duplex_stream.rs#write_vectored
TEST(Duplex, WritesPieces) {
  auto pipe = Duplex(64);
  const absl::string_view pieces[] = {"hello world...", "goodbye world!"};
  EXPECT_EQ(*Now(WriteVectored(pipe.first, pieces)), 28u);
  { DuplexStream gone = std::move(pipe.first); }
  EXPECT_EQ(*Now(ReadToEnd(pipe.second, 100)), "hello world...goodbye world!");
}

// behaviour: tokio/tests/duplex_stream.rs#write_vectored_and_shutdown
TEST(Duplex, WritesPiecesAndShutsDown) {
  auto pipe = Duplex(64);
  const absl::string_view pieces[] = {"hello world...", "goodbye world!"};
  EXPECT_EQ(*Now(WriteVectored(pipe.first, pieces)), 28u);
  EXPECT_EQ(Now(Shutdown(pipe.first)), OkStatus());
  EXPECT_EQ(*Now(ReadToEnd(pipe.second, 100)), "hello world...goodbye world!");
  EXPECT_EQ(Now(WriteAll(pipe.second, "back")), OkStatus());
  EXPECT_EQ(ReadNow(pipe.first), "back");
}

// behaviour: tokio/tests/io_mem_stream.rs#duplex_is_cooperative
TEST(Duplex, LetsOthersRun) {
  auto pipe = Duplex(8192);
  char buf[4096] = {};
  PolledTask task(PollFn([&](Context& cx) -> Poll<Unit> {
    for (int i = 0; i < 10'000; ++i) {
      auto write = WriteAll(pipe.first, absl::string_view(buf, sizeof(buf)));
      if (write.PollOnce(cx).pending()) return kPending;
      auto read = ReadExact(pipe.second, buf);
      if (read.PollOnce(cx).pending()) return kPending;
    }
    return Unit{};
  }));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
}

constexpr absl::string_view kMessage = "Hello, World!";

// behaviour: tokio-util/tests/io_simplex.rs#single_thread
TEST(Simplex, KeepsBytesInOrderAtAnyCapacity) {
  for (size_t capacity : {1u, 6u, 12u, 13u, 14u}) {
    auto way = Simplex(capacity);
    std::string in, out;
    for (int i = 0; i < 64; ++i) {
      PolledTask write(WriteAll(way.writer, kMessage));
      in += std::string(kMessage);
      bool written = false;
      while (out.size() < in.size()) {
        if (!written) written = write.Poll().ready();
        out += ReadNow(way.reader);
      }
      if (!written) {
        EXPECT_EQ(*write.Poll(), OkStatus());
      }
    }
    EXPECT_EQ(in, out);
  }
}

// behaviour: tokio-util/tests/io_simplex.rs#multi_thread
TEST(Simplex, KeepsBytesInOrderBetweenThreads) {
  for (size_t capacity : {1u, 6u, 12u, 13u, 14u}) {
    auto way = Simplex(capacity);
    std::string sent;
    for (int i = 0; i < 64; ++i) sent += std::string(kMessage);
    std::thread writer([&, w = std::move(way.writer)]() mutable {
      PolledTask write(WriteAll(w, sent));
      for (int wakes = write.wakes(); write.Poll().pending(); wakes = write.wakes()) {
        while (write.wakes() == wakes && !write.yielded()) std::this_thread::yield();
      }
    });
    std::string got;
    PolledTask read(ReadToEnd(way.reader, 10'000));
    while (true) {
      const int wakes = read.wakes();
      auto poll = read.Poll();
      if (poll.ready()) {
        got = **poll;
        break;
      }
      while (read.wakes() == wakes && !read.yielded()) std::this_thread::yield();
    }
    writer.join();
    EXPECT_EQ(got, sent);
  }
}

// behaviour: tokio-util/tests/io_simplex.rs#zero_capacity
TEST(SimplexDeathTest, NeedsRoom) { EXPECT_DEATH((void)Simplex(0), "without room"); }

// behaviour: tokio-util/tests/io_simplex.rs#read_buf_is_full
TEST(Simplex, ReadsNothingAtOnce) {
  auto way = Simplex(1);
  EXPECT_EQ(*Now(Read(way.reader, MutableBytes())), 0u);
}

// behaviour: tokio-util/tests/io_simplex.rs#write_buf_is_empty
TEST(Simplex, WritesNothingAtOnce) {
  auto way = Simplex(1);
  EXPECT_EQ(*Now(Write(way.writer, "")), 0u);
}

// behaviour: tokio-util/tests/io_simplex.rs#drop_receiver_0
TEST(Simplex, NobodyReads) {
  auto way = Simplex(128);
  { SimplexReader gone = std::move(way.reader); }
  EXPECT_EQ(ErrnoOf(Now(WriteAll(way.writer, "x"))), EPIPE);
  EXPECT_EQ(ErrnoOf(Now(Flush(way.writer))), EPIPE);
}

// behaviour: tokio-util/tests/io_simplex.rs#drop_receiver_1
TEST(Simplex, AReaderThatGoesWakesTheWriter) {
  auto way = Simplex(1);
  PolledTask write(WriteAll(way.writer, "xy"));
  EXPECT_TRUE(write.Poll().pending());
  { SimplexReader gone = std::move(way.reader); }
  EXPECT_TRUE(write.is_woken());
  EXPECT_EQ(ErrnoOf(*write.Poll()), EPIPE);
}

// behaviour: tokio-util/tests/io_simplex.rs#drop_sender_0
TEST(Simplex, NobodyWrites) {
  auto way = Simplex(128);
  { SimplexWriter gone = std::move(way.writer); }
  char buf[1];
  EXPECT_TRUE(IsUnexpectedEof(Now(ReadExact(way.reader, buf))));
}

// behaviour: tokio-util/tests/io_simplex.rs#drop_sender_1
TEST(Simplex, AWriterThatGoesWakesTheReader) {
  auto way = Simplex(2);
  PolledTask read(ReadToEnd(way.reader, 10));
  EXPECT_TRUE(read.Poll().pending());
  EXPECT_EQ(Now(WriteAll(way.writer, "x")), OkStatus());
  EXPECT_TRUE(read.Poll().pending());
  { SimplexWriter gone = std::move(way.writer); }
  EXPECT_TRUE(read.is_woken());
  EXPECT_EQ(**read.Poll(), "x");
}

// behaviour: tokio-util/tests/io_simplex.rs#shutdown_sender_0
TEST(Simplex, WritesNothingAfterShutdown) {
  auto way = Simplex(128);
  EXPECT_EQ(Now(Shutdown(way.writer)), OkStatus());
  EXPECT_EQ(ErrnoOf(Now(WriteAll(way.writer, "x"))), EPIPE);
  EXPECT_EQ(ErrnoOf(Now(Flush(way.writer))), EPIPE);
}

// behaviour: tokio-util/tests/io_simplex.rs#shutdown_sender_1
TEST(Simplex, ShutsDownTwice) {
  auto way = Simplex(128);
  EXPECT_EQ(Now(Shutdown(way.writer)), OkStatus());
  EXPECT_EQ(Now(Shutdown(way.writer)), OkStatus());
}

// behaviour: tokio-util/tests/io_simplex.rs#shutdown_sender_2
TEST(Simplex, ShutdownWakesTheReader) {
  auto way = Simplex(2);
  PolledTask read(ReadToEnd(way.reader, 10));
  EXPECT_TRUE(read.Poll().pending());
  EXPECT_EQ(Now(WriteAll(way.writer, "x")), OkStatus());
  EXPECT_TRUE(read.Poll().pending());
  EXPECT_EQ(Now(Shutdown(way.writer)), OkStatus());
  EXPECT_TRUE(read.is_woken());
  EXPECT_EQ(**read.Poll(), "x");
}

// behaviour: tokio-util/tests/io_simplex.rs#cooperative_scheduling
TEST(Simplex, ConsumesBudget) {
  const absl::string_view piece[] = {"x"};
  char buf[1];
  for (int kind = 0; kind < 3; ++kind) {
    auto way = Simplex(300);
    EXPECT_EQ(Now(WriteAll(way.writer, std::string(150, 'x'))), OkStatus());
    int ready = 0;
    PolledTask task(PollFn([&](Context& cx) -> Poll<Unit> {
      while (ready <= limits::kPollBudget) {
        auto poll = kind == 0   ? way.writer.PollWrite(cx, "x")
                    : kind == 1 ? way.writer.PollWriteVectored(cx, piece)
                                : way.reader.PollRead(cx, buf);
        if (poll.pending()) return kPending;
        ++ready;
      }
      return Unit{};
    }));
    EXPECT_TRUE(task.Poll().pending());
    EXPECT_EQ(ready, limits::kPollBudget);
    EXPECT_TRUE(task.yielded());
    EXPECT_TRUE(task.Poll().ready());
  }
}

// behaviour: tokio-util/tests/io_simplex.rs#poll_write_vectored_0
TEST(Simplex, TakesPiecesThatFillIt) {
  auto way = Simplex(6);
  const absl::string_view pieces[] = {"abc", "def"};
  EXPECT_EQ(*Now(WriteVectored(way.writer, pieces)), 6u);
  EXPECT_EQ(ReadNow(way.reader), "abcdef");
}

// behaviour: tokio-util/tests/io_simplex.rs#poll_write_vectored_2
TEST(Simplex, PassesOverEmptyPieces) {
  auto way = Simplex(6);
  const absl::string_view pieces[] = {"abc", "", "def"};
  EXPECT_EQ(*Now(WriteVectored(way.writer, pieces)), 6u);
}

// behaviour: tokio-util/tests/io_simplex.rs#poll_write_vectored_3
TEST(Simplex, EmptyPiecesAreTaken) {
  auto way = Simplex(1);
  const absl::string_view nothing[] = {"", "", ""};
  EXPECT_EQ(*Now(WriteVectored(way.writer, nothing)), 0u);
}

// behaviour: tokio-util/tests/io_simplex.rs#poll_write_vectored_4
TEST(Simplex, EmptyPiecesAreTakenAlsoWhenItIsFull) {
  auto way = Simplex(1);
  const absl::string_view nothing[] = {"", "", ""};
  EXPECT_EQ(*Now(Write(way.writer, "x")), 1u);
  EXPECT_EQ(*Now(WriteVectored(way.writer, nothing)), 0u);
}

// check: H1
TEST(Simplex, ADroppedFutureTakesNothing) {
  auto way = Simplex(4);
  char buf[4];
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask read(Read(way.reader, buf));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(read.Poll().pending());
  }
  EXPECT_EQ(*Now(Write(way.writer, "kept")), 4u);
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask write(Write(way.writer, "more"));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(write.Poll().pending());
  }
  EXPECT_EQ(ReadNow(way.reader), "kept");
}

class CopyBidirectionalTest : public testing::TestWithParam<bool> {
 protected:
  DuplexPipe a_ = Duplex(64), b_ = Duplex(64);  // a_.first — a_.second : copier : b_.second — b_.first
  CopyBidirectionalFuture Copier() {
    return GetParam() ? CopyBidirectional(a_.second, b_.second) : CopyBidirectional(b_.second, a_.second);
  }
};
INSTANTIATE_TEST_SUITE_P(BothOrders, CopyBidirectionalTest, testing::Bool());

// behaviour: tokio/tests/io_copy_bidirectional.rs#test_basic_transfer
TEST_P(CopyBidirectionalTest, PassesBytesOn) {
  PolledTask copier(Copier());
  EXPECT_TRUE(copier.Poll().pending());
  EXPECT_EQ(Now(WriteAll(a_.first, "test")), OkStatus());
  EXPECT_TRUE(copier.is_woken());
  EXPECT_TRUE(copier.Poll().pending());
  EXPECT_EQ(ReadNow(b_.first), "test");
}

// behaviour: tokio/tests/io_copy_bidirectional.rs#test_transfer_after_close
TEST_P(CopyBidirectionalTest, PassesAnEndOnAndGoesOn) {
  PolledTask copier(Copier());
  EXPECT_EQ(Now(Shutdown(a_.first)), OkStatus());
  EXPECT_TRUE(copier.Poll().pending());
  EXPECT_EQ(ReadNow(b_.first), "");
  EXPECT_EQ(Now(WriteAll(b_.first, "quux")), OkStatus());
  EXPECT_TRUE(copier.Poll().pending());
  EXPECT_EQ(ReadNow(a_.first), "quux");
  EXPECT_EQ(Now(Shutdown(b_.first)), OkStatus());
  auto copied = copier.Poll();
  ASSERT_TRUE(copied.ready() && copied->ok());
  EXPECT_EQ((*copied)->a_to_b, GetParam() ? 0u : 4u);
  EXPECT_EQ((*copied)->b_to_a, GetParam() ? 4u : 0u);
}

// Reads for ever, or not at all; writing fails, or does not.
struct Half {
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    if (!read_status.ok()) return read_status;
    return repeat.PollRead(cx, into);
  }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    if (!write_status.ok()) return write_status;
    return sink.PollWrite(cx, bytes);
  }
  Status read_status, write_status;
  RepeatReader repeat = Repeat('x');
  SinkWriter sink = Sink();
};

// behaviour: tokio/tests/io_copy_bidirectional.rs#immediate_exit_on_write_error
TEST(CopyBidirectional, EndsWithTheFirstErrorOfWriting) {
  Half a{{}, absl::DataLossError("a")}, b{{}, absl::DataLossError("b")};
  EXPECT_EQ(Now(CopyBidirectional(a, b)).status().code(), absl::StatusCode::kDataLoss);
}

// behaviour: tokio/tests/io_copy_bidirectional.rs#immediate_exit_on_read_error
TEST(CopyBidirectional, EndsWithTheFirstErrorOfReading) {
  Half a{absl::DataLossError("a"), {}}, b{absl::DataLossError("b"), {}};
  EXPECT_EQ(Now(CopyBidirectional(a, b)).status().code(), absl::StatusCode::kDataLoss);
}

// behaviour: tokio/tests/io_copy_bidirectional.rs#copy_bidirectional_is_cooperative
TEST(CopyBidirectional, LetsOthersRun) {
  Half a, b;
  PolledTask copier(CopyBidirectional(a, b));
  EXPECT_TRUE(copier.Poll().pending());
  EXPECT_TRUE(copier.yielded());
}

}  // namespace
}  // namespace kioto::io
