#include "kioto/runtime/io/null.h"

#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/copy.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"

namespace kioto::io {
namespace {

// Whether a task that does `step` again and again, in one poll, is made to let others run. (Loop would do so by itself.)
template <class Step>
bool LetsOthersRun(Step step) {
  PolledTask task(PollFn([&step](Context& cx) -> Poll<Unit> {
    for (int i = 0; i < 10'000; ++i) {
      auto once = step();
      if (once.PollOnce(cx).pending()) return kPending;
    }
    return Unit{};
  }));
  return task.Poll().pending() && task.yielded();
}

TEST(Null, EmptyIsAtItsEnd) {
  EmptyStream empty = Empty();
  char buf[4];
  EXPECT_EQ(**PolledTask(Read(empty, buf)).Poll(), 0u);
  EXPECT_EQ(**PolledTask(ReadToEnd(empty, 10)).Poll(), "");
  EXPECT_EQ(*PolledTask(WriteAll(empty, "gone")).Poll(), OkStatus());
}

TEST(Null, RepeatFillsWhatItIsGiven) {
  RepeatReader repeat = Repeat('x');
  char buf[4] = {};
  EXPECT_EQ(**PolledTask(Read(repeat, buf)).Poll(), 4u);
  EXPECT_EQ(std::string(buf, 4), "xxxx");
}

TEST(Null, SinkTakesEverything) {
  SinkWriter sink = Sink();
  const absl::string_view pieces[] = {"ab", "", "cde"};
  EXPECT_EQ(**PolledTask(WriteVectored(sink, pieces)).Poll(), 5u);
  EXPECT_EQ(**PolledTask(Write(sink, "0123")).Poll(), 4u);
  EXPECT_EQ(*PolledTask(Shutdown(sink)).Poll(), OkStatus());
}

// behaviour: tokio/tests/io_util_empty.rs#empty_read_is_cooperative
TEST(Null, EmptyReadsLetOthersRun) {
  EmptyStream empty = Empty();
  char buf[4096];
  EXPECT_TRUE(LetsOthersRun([&] { return Read(empty, buf); }));
}

// behaviour: tokio/tests/io_repeat.rs#repeat_poll_read_is_cooperative
TEST(Null, RepeatedBytesLetOthersRun) {
  RepeatReader repeat = Repeat('x');
  char buf[512];
  EXPECT_TRUE(LetsOthersRun([&] { return ReadExact(repeat, buf); }));
}

// behaviour: tokio/tests/io_sink.rs#sink_poll_write_is_cooperative
TEST(Null, WritesIntoASinkLetOthersRun) {
  SinkWriter sink = Sink();
  const std::string bytes(100, 'x');
  EXPECT_TRUE(LetsOthersRun([&] { return WriteAll(sink, bytes); }));
}

// behaviour: tokio/tests/io_sink.rs#sink_poll_flush_is_cooperative
TEST(Null, FlushesOfASinkLetOthersRun) {
  SinkWriter sink = Sink();
  EXPECT_TRUE(LetsOthersRun([&] { return Flush(sink); }));
}

// behaviour: tokio/tests/io_copy.rs#copy_is_cooperative
TEST(Null, CopiesLetOthersRun) {
  RepeatReader repeat = Repeat('x');
  SinkWriter sink = Sink();
  EXPECT_TRUE(LetsOthersRun([&] { return Copy(repeat, sink); }));
}

}  // namespace
}  // namespace kioto::io
