#include "kioto/runtime/testing/mock_io.h"

#include <cerrno>
#include <string>
#include <utility>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/testing/kioto_test.h"
#include "kioto/time/instant.h"

namespace kioto::test {
namespace {

using namespace std::chrono_literals;  // NOLINT

// One poll of a read into a buffer of `size`.
StatusOr<std::string> ReadNow(MockIo& io, size_t size = 1024) {
  Buffer buffer(size);
  PolledTask task(io.Read(buffer));
  auto poll = task.PollUntilIdle();
  if (poll.pending()) return std::string("pending");
  if (!poll->ok()) return poll->status();
  return std::string(buffer.first(**poll));
}

Status WriteNow(MockIo& io, std::string bytes) {
  PolledTask task(io.WriteAll(std::move(bytes)));
  auto poll = task.PollUntilIdle();
  return poll.pending() ? absl::UnavailableError("pending") : *std::move(poll);
}

// behaviour: tokio-test/tests/io.rs#read
TEST(MockIoTest, GivesItsReadsOneByOne) {
  MockIo io = MockIoBuilder().Read("hello ").Read("world!").Build();
  EXPECT_EQ(*ReadNow(io), "hello ");
  EXPECT_EQ(*ReadNow(io, 3), "wor");
  EXPECT_EQ(*ReadNow(io), "ld!");
  EXPECT_EQ(*ReadNow(io), "");  // the end
}

// behaviour: tokio-test/tests/io.rs#write
TEST(MockIoTest, AcceptsTheWritesThatItExpects) {
  MockIo io = MockIoBuilder().Write("hello ").Write("world!").Build();
  EXPECT_TRUE(WriteNow(io, "hello ").ok());
  EXPECT_TRUE(WriteNow(io, "world!").ok());
}

TEST(MockIoTest, OneWriteMaySpanSteps) {
  MockIo io = MockIoBuilder().Write("hello ").Write("world!").Build();
  EXPECT_TRUE(WriteNow(io, "hell").ok());
  EXPECT_TRUE(WriteNow(io, "o world!").ok());
  PolledTask shutdown(io.Shutdown());
  EXPECT_THAT(shutdown.Poll(), IsReadyOk());
}

// behaviour: tokio-test/tests/io.rs#read_with_handle
TEST(MockIoTest, ItsHandleAddsReads) {
  auto [io, handle] = MockIoBuilder().BuildWithHandle();
  Buffer buffer(100);
  PolledTask task(io.Read(buffer));
  EXPECT_THAT(task.Poll(), IsPending());  // there may be more
  handle.Read("hello ");
  EXPECT_TRUE(task.is_woken());
  EXPECT_THAT(task.Poll(), IsReadyOk(6u));
  handle.Read("world!");
  EXPECT_EQ(*ReadNow(io), "world!");
  handle.ReadError(absl::NotFoundError("gone"));
  EXPECT_TRUE(absl::IsNotFound(ReadNow(io).status()));
}

// behaviour: tokio-test/tests/io.rs#write_with_handle
TEST(MockIoTest, ItsHandleAddsWrites) {
  auto [io, handle] = MockIoBuilder().BuildWithHandle();
  PolledTask task(io.WriteAll("hello "));
  EXPECT_THAT(task.Poll(), IsPending());
  handle.Write("hello ");
  EXPECT_TRUE(task.is_woken());
  EXPECT_THAT(task.Poll(), IsReadyOk());
  handle.Write("world!");
  EXPECT_TRUE(WriteNow(io, "world!").ok());
  handle.WriteError(absl::NotFoundError("gone"));
  EXPECT_TRUE(absl::IsNotFound(WriteNow(io, "!")));
}

TEST(MockIoTest, TheLastHandleEndsTheStream) {
  auto mock = MockIoBuilder().BuildWithHandle();
  Buffer buffer(100);
  PolledTask task(mock.io.Read(buffer));
  {
    const MockIoHandle last = std::move(mock.handle);
    const MockIoHandle copy = last;  // NOLINT: counted
    EXPECT_THAT(task.Poll(), IsPending());
  }
  EXPECT_TRUE(task.is_woken());
  EXPECT_THAT(task.Poll(), IsReadyOk(0u));
}

// behaviour: tokio-test/tests/io.rs#write_error
TEST(MockIoTest, FailsWhereItsScriptSaysSo) {
  MockIo io = MockIoBuilder()
                  .Write("hello ")
                  .WriteError(ErrnoStatus(EPIPE, "write"))
                  .Write("world!")
                  .ReadError(ErrnoStatus(ECONNRESET, "read"))
                  .Build();
  EXPECT_TRUE(WriteNow(io, "hello ").ok());
  EXPECT_EQ(ErrnoOf(WriteNow(io, "whoa")), EPIPE);
  EXPECT_TRUE(WriteNow(io, "world!").ok());
  EXPECT_EQ(ErrnoOf(ReadNow(io).status()), ECONNRESET);
}

TEST(MockIoTest, ADirectionWaitsForItsTurn) {
  MockIo io = MockIoBuilder().Write("ping").Read("pong").Build();
  Buffer buffer(100);
  PolledTask reading(io.Read(buffer));
  EXPECT_THAT(reading.Poll(), IsPending());
  EXPECT_TRUE(WriteNow(io, "ping").ok());
  EXPECT_TRUE(reading.is_woken());
  EXPECT_THAT(reading.Poll(), IsReadyOk(4u));
}

// behaviour: tokio-test/tests/io.rs#mock_panics_read_data_left
TEST(MockIoTest, FailsWhenReadsAreLeft) {
  EXPECT_NONFATAL_FAILURE((void)MockIoBuilder().Name("client").Read("read").Build(),
                          "the MockIo \"client\" went away before its script was done: 4 bytes were not read");
  EXPECT_NONFATAL_FAILURE((void)MockIoBuilder().ReadError(ClosedError()).Build(), "1 errors were not met");
}

// behaviour: tokio-test/tests/io.rs#mock_panics_write_data_left
TEST(MockIoTest, FailsWhenWritesAreLeft) {
  EXPECT_NONFATAL_FAILURE((void)MockIoBuilder().Write("write").Build(), "5 bytes were not written");
}

TEST(MockIoTest, FailsWhenSomethingElseIsWritten) {
  MockIo io = MockIoBuilder().Write("hello").Build();
  EXPECT_NONFATAL_FAILURE(EXPECT_TRUE(absl::IsDataLoss(WriteNow(io, "help\n"))),
                          "expected \"hello\" to be written, not \"help\\n\"");
}

TEST(MockIoTest, FailsWhenTooMuchIsWritten) {
  MockIo io = MockIoBuilder().Write("hello").Build();
  EXPECT_NONFATAL_FAILURE(EXPECT_TRUE(absl::IsDataLoss(WriteNow(io, "hello!"))), "after the end of its script, not \"!\"");
}

#if KIOTO_EXCEPTIONS
TEST(MockIoTest, IsSilentWhileAnExceptionIsOnItsWay) {
  EXPECT_THROW(
      {
        MockIo io = MockIoBuilder().Read("left").Build();
        throw 7;
      },
      int);
}
#endif

// behaviour: tokio-test/tests/io.rs#wait
KIOTO_TEST(MockIoTest, WaitsAsLongAsItsScriptSays, Paused()) {
  return With(MockIoBuilder().Wait(1s).Read("late").Build(), Buffer(100), time::Instant::Now(),
              [](MockIo& io, Buffer& buffer, time::Instant& start) {
                return io.Read(buffer).AndThen([&](size_t& n) {
                  EXPECT_EQ(n, 4u);
                  EXPECT_EQ(start.Elapsed(), 1s);
                });
              });
}

// behaviour: tokio-test/tests/io.rs#multiple_wait
KIOTO_TEST(MockIoTest, WaitsMoreThanOnce, Paused()) {
  return With(MockIoBuilder().Wait(1s).Read("a").Wait(1s).Write("b").Build(), Buffer(100), time::Instant::Now(),
              [](MockIo& io, Buffer& buffer, time::Instant& start) {
                return io.Read(buffer)
                    .AndThen([&](size_t&) { return io.WriteAll("b"); })
                    .AndThen([&] { EXPECT_EQ(start.Elapsed(), 2s); });
              });
}

// Both directions wait at once: each goes on when the pause is over.
KIOTO_TEST(MockIoTest, APauseHoldsUpBothDirections, Paused()) {
  return With(MockIoBuilder().Wait(1s).Read("a").Write("b").Build(), Buffer(100), [](MockIo& io, Buffer& buffer) {
    return TryJoin(io.Read(buffer), io.WriteAll("b"));
  });
}

}  // namespace
}  // namespace kioto::test
