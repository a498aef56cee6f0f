// Reads of a File that the worker does itself, from memory, and the same reads as jobs of the pool.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/future/future.h"

namespace kioto::fs {
namespace {

namespace sys = base::sys;

constexpr char kHello[] = "hello world...";  // 14 bytes

std::string Numbered(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i % 23);
  return bytes;
}

class FileReadTest : public FsTest {
 protected:
  File Opened(const std::string& contents) {
    EXPECT_EQ(Run(Write(In("file"), contents)), OkStatus());
    return *Run(OpenOptions().Read(true).Write(true).Open(In("file")));
  }
};
ON_EVERY_FLAVOUR(FileReadTest);

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read
TEST_P(FileReadTest, GivesAllBytes) {
  BothWays([&] {
    File file = Opened(kHello);
    Buffer buf(14);
    EXPECT_EQ(*Run(file.Read(buf)), 14u);
    EXPECT_EQ(buf.first(14), kHello);
  });
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_empty
TEST_P(FileReadTest, AnEmptyFileIsAtItsEnd) {
  BothWays([&] {
    File file = Opened("");
    Buffer buf(14);
    EXPECT_EQ(*Run(file.Read(buf)), 0u);
  });
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_large
TEST_P(FileReadTest, ReadsALargeFile) {
  const std::string bytes = Numbered(3'000'000);
  BothWays([&] {
    File file = Opened(bytes);
    const StatusOr<std::string> read = Run(file.ReadToEnd(1 << 24));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == bytes);
  });
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_custom_buf_size
TEST_P(FileReadTest, ReadsThroughASmallBuffer) {
  const std::string bytes = Numbered(1000);
  sys::ScopedFault no_reads_from_memory(sys::Call::kPreadv2, sys::Fault::Every(EAGAIN));
  File file = Opened(bytes);
  file.SetMaxBufferSize(64);
  std::string read;
  Buffer buf(1000);
  while (const size_t n = *Run(file.Read(buf))) {
    EXPECT_LE(n, 64u);
    read.append(buf.data(), n);
  }
  EXPECT_EQ(read, bytes);
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_partial_buf
TEST_P(FileReadTest, ReadsSomeAndThenTheRest) {
  BothWays([&] {
    File file = Opened(kHello);
    Buffer five(5);
    EXPECT_EQ(Run(file.ReadExact(five)), OkStatus());
    EXPECT_EQ(five.first(5), "hello");
    EXPECT_EQ(*Run(file.ReadToEnd(100)), " world...");
  });
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_concurrent
TEST_P(FileReadTest, AHundredFilesAtOnce) {
  std::vector<int> numbers;
  for (int i = 0; i < 100; ++i) {
    numbers.push_back(i);
    EXPECT_EQ(Run(Write(In(absl::StrCat(i)), absl::StrCat("contents of ", i))), OkStatus());
  }
  BothWays([&] {
    int right = 0;
    const Status status = Run(ForEachConcurrent(std::vector<int>(numbers), 100, [&](int& i) {
      return File::Open(In(absl::StrCat(i))).AndThen([&](File& file) {
        return file.ReadToEnd(100).AndThen([&](std::string& text) { right += text == absl::StrCat("contents of ", i); });
      });
    }));
    EXPECT_EQ(status, OkStatus());
    EXPECT_EQ(right, 100);
  });
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_from_std
// behaviour: tokio/tests/fs_file.rs#read_file_from_std
TEST_P(FileReadTest, ReadsAnFdFromWhereItStands) {
  Opened(kHello);
  BothWays([&] {
    const int fd = ::open(In("file").c_str(), O_RDONLY | O_CLOEXEC);
    char first;
    EXPECT_EQ(::read(fd, &first, 1), 1);
    File file = File::FromFd(fd);
    EXPECT_EQ(*Run(file.ReadToEnd(100)), "ello world...");
  });
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_with_bigger_buf
TEST_P(FileReadTest, ABiggerBufferGetsWhatThereIs) {
  BothWays([&] {
    File file = Opened(kHello);
    Buffer buf(1024);
    size_t done = *Run(file.Read(buf));
    EXPECT_GE(done, 1u);
    EXPECT_EQ(buf.first(done), absl::string_view(kHello).substr(0, done));
    while (const size_t n = *Run(file.Read(buf.from(done)))) done += n;
    EXPECT_EQ(buf.first(done), kHello);
  });
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_buffer_larger_than_max
TEST_P(FileReadTest, ABufferLargerThanAJobIsFilledInPieces) {
  const std::string bytes = Numbered(4 * 1024 * 1024 + 1000);
  BothWays([&] {
    File file = Opened(bytes);
    Buffer buf(bytes.size());
    EXPECT_EQ(Run(file.ReadExact(buf)), OkStatus());
    EXPECT_TRUE(buf.first(bytes.size()) == bytes);
    EXPECT_EQ(*Run(file.Read(buf)), 0u);
  });
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_multi_runtime
TEST(FileReadRuntimesTest, ReadsOnRuntimesOfAnySize) {
  const std::string path = NewTestDir() + "/file";
  const std::string bytes = Numbered(10'000);
  for (const int workers : {0, 1, 4, 64}) {
    RuntimeBuilder builder = workers == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
    if (workers > 0) builder.WorkerThreads(workers);
    Runtime runtime = *builder.Build();
    EXPECT_EQ(runtime.BlockOn(Write(path, bytes)), OkStatus());
    for (const bool jobs : {false, true}) {
      std::optional<ByJobsAlone> by_jobs;
      if (jobs) by_jobs.emplace();
      const StatusOr<std::string> read = runtime.BlockOn(runtime.Spawn(
          File::Open(path).AndThen([](File& file) { return file.ReadToEnd(1 << 20); })));
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_TRUE(*read == bytes);
    }
    EXPECT_TRUE(runtime.Shutdown().clean());
  }
}

}  // namespace
}  // namespace kioto::fs
