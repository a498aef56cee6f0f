#include "kioto/runtime/io/blocking_io.h"

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/null.h"
#include "kioto/runtime/io/pipe.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/split.h"
#include "kioto/runtime/io/testing/finish.h"

namespace kioto::io {
namespace {

class BlockingIoTest : public testing::Test {
 protected:
  // fn() on a thread of the blocking pool, while the runtime is driven.
  template <class Fn>
  auto OffTheRuntime(Fn fn) {
    return runtime_.BlockOn([&fn] { return SpawnBlocking(std::move(fn)); });
  }

  Runtime runtime_ = *Runtime::CurrentThread();
};

// behaviour: tokio-util/tests/io_sync_bridge.rs#test_async_read_to_sync
TEST_F(BlockingIoTest, ReadsToTheEnd) {
  const auto read = [](auto reader) { return BlockingIo(std::move(reader), *Handle::Current()).ReadToEnd(100); };
  EXPECT_EQ(*OffTheRuntime([&] { return read(Empty()); }), "");
  EXPECT_EQ(*OffTheRuntime([&] { return read(BytesReader("hello world")); }), "hello world");
}

// behaviour: tokio-util/tests/io_sync_bridge.rs#test_async_write_to_sync
TEST_F(BlockingIoTest, WritesWhatABlockingLoopCopies) {
  std::string to;
  const Status status = OffTheRuntime([&]() -> Status {
    auto in = BlockingIo<BytesReader>::InCurrentRuntime(BytesReader("hello world"));
    auto out = BlockingIo<StringWriter>::InCurrentRuntime(StringWriter(to));
    if (!in.ok() || !out.ok()) return in.status();
    Buffer buffer(4);
    while (true) {
      StatusOr<size_t> n = in->Read(buffer);
      if (!n.ok() || *n == 0) return n.status();
      if (Status written = out->WriteAll(buffer.first(*n)); !written.ok()) return written;
    }
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(to, "hello world");
}

TEST_F(BlockingIoTest, SeeksAndReadsUpToADelimiter) {
  BlockingIo io(BytesReader("key: value\n"), runtime_.handle());
  std::string line;
  EXPECT_EQ(*io.Seek(SeekFrom::Start(5)), 5u);
  EXPECT_EQ(*io.ReadUntil('\n', line, 100), 6u);
  EXPECT_EQ(line, "value\n");
}

// behaviour: tokio-util/tests/io_sync_bridge.rs#test_into_inner
TEST_F(BlockingIoTest, GivesTheReaderBack) {
  BlockingIo io(BytesReader("hello world"), runtime_.handle());
  Buffer buffer(6);
  EXPECT_TRUE(io.ReadExact(buffer).ok());
  BytesReader reader = std::move(io).IntoInner();
  EXPECT_EQ(*Finish(ReadToEnd(reader, 100)), "world");
}

// behaviour: tokio-util/tests/io_sync_bridge.rs#test_shutdown
TEST_F(BlockingIoTest, ShutsTheOtherSidesReaderDown) {
  DuplexPipe pipe = Duplex(1024);
  auto ends = Split(std::move(pipe.first));
  const bool refused = *OffTheRuntime([&] {
    BlockingIo io(std::move(ends.writer), *Handle::Current());
    EXPECT_TRUE(io.WriteAll("hello").ok());
    EXPECT_TRUE(io.Shutdown().ok());
    return !io.WriteAll(" world").ok();
  });
  ASSERT_TRUE(refused);  // else it would be waited for without end
  EXPECT_EQ(*runtime_.BlockOn(ReadToEnd(pipe.second, 100)), "hello");
}

TEST_F(BlockingIoTest, WaitsForTheOtherSide) {
  DuplexPipe pipe = Duplex(4);
  auto said = runtime_.BlockOn([&] {
    return kioto::Join(SpawnBlocking([&] {
                  BlockingIo io(std::move(pipe.first), *Handle::Current());
                  Status written = io.WriteAll("more than there is room for");
                  return written.ok() ? io.Shutdown() : written;
                }),
                ReadToEnd(pipe.second, 100));
  });
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_TRUE(std::get<0>(*said).ok());
  EXPECT_EQ(*std::get<1>(*said), "more than there is room for");
}

// behaviour: tokio-util/tests/panic.rs#sync_bridge_new_panic_caller
TEST_F(BlockingIoTest, SaysThatThereIsNoRuntime) {
  const auto io = BlockingIo<EmptyStream>::InCurrentRuntime(Empty());
  ASSERT_FALSE(io.ok());
  EXPECT_THAT(io.status().message(), testing::HasSubstr("outside a runtime"));
}

TEST_F(BlockingIoTest, IsRefusedInsideATask) {
  BlockingIo io(Empty(), runtime_.handle());
  const auto status = runtime_.BlockOn(Lazy([&] { return Ready(io.Flush()); }));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(status.message(), testing::HasSubstr("SpawnBlocking or BlockInPlace"));
}

}  // namespace
}  // namespace kioto::io
