#include "kioto/fs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/mount.h"
#include "kioto/fs/now.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto::fs {
namespace {

namespace sys = base::sys;

static_assert(io::IsReader<File> && io::IsWriter<File>);

constexpr char kHello[] = "hello world...";  // 14 bytes

std::string NewPath() {
  std::string dir = testing::TempDir() + "/file_XXXXXX";
  EXPECT_NE(::mkdtemp(&dir[0]), nullptr);
  return dir + "/file";
}

class FileTest : public FlavourTest {
 protected:
  template <class F>
  auto Run(F future) {
    return runtime().BlockOn(std::move(future));
  }
  File Opened(absl::string_view contents) {
    EXPECT_EQ(Run(Write(path_, std::string(contents))), OkStatus());
    return *Run(OpenOptions().Read(true).Write(true).Open(path_));
  }
  std::string Contents() { return *Run(Read(path_)); }

  const std::string path_ = NewPath();
};
ON_EVERY_FLAVOUR(FileTest);

// behaviour: tokio/tests/fs_file.rs#basic_read
TEST_P(FileTest, Reads) {
  File file = Opened(kHello);
  Buffer buf(32);
  EXPECT_EQ(*Run(file.Read(buf)), 14u);
  EXPECT_EQ(buf.first(14), kHello);
  EXPECT_EQ(*Run(file.Read(buf)), 0u);
}

// behaviour: tokio/tests/fs_file.rs#basic_write
// behaviour: tokio/tests/fs_file.rs#basic_write_and_shutdown
TEST_P(FileTest, Writes) {
  for (bool flush : {true, false}) {
    File file = *Run(File::Create(path_));
    EXPECT_EQ(Run(file.WriteAll(kHello)), OkStatus());
    EXPECT_EQ(flush ? Run(file.Flush()) : Run(file.Shutdown()), OkStatus());
    EXPECT_EQ(Contents(), kHello);
  }
}

// behaviour: tokio/tests/fs_file.rs#write_vectored
// behaviour: tokio/tests/fs_file.rs#write_vectored_and_shutdown
TEST_P(FileTest, WritesPieces) {
  for (bool flush : {true, false}) {
    File file = *Run(File::Create(path_));
    const absl::string_view pieces[] = {kHello, kHello};
    EXPECT_EQ(*Run(file.WriteVectored(pieces)), 28u);
    EXPECT_EQ(flush ? Run(file.Flush()) : Run(file.Shutdown()), OkStatus());
    EXPECT_EQ(Contents(), absl::StrCat(kHello, kHello));
  }
}

// behaviour: tokio/tests/fs_file.rs#write_to_clone
TEST_P(FileTest, AClonesWritesReachTheFile) {
  File file = *Run(File::Create(path_));
  File clone = *Run(file.TryClone());
  EXPECT_EQ(Run(clone.WriteAll(kHello)), OkStatus());
  EXPECT_EQ(Run(clone.Flush()), OkStatus());
  EXPECT_EQ(Contents(), kHello);
}

// behaviour: tokio/tests/fs.rs#try_clone_should_preserve_max_buf_size
TEST_P(FileTest, ACloneKeepsTheBufferSize) {
  File file = *Run(File::Create(path_));
  file.SetMaxBufferSize(128);
  EXPECT_EQ(Run(file.TryClone())->max_buffer_size(), 128u);
}

// behaviour: tokio/tests/fs_file.rs#write_into_std_immediate
TEST_P(FileTest, GivesItsFdUp) {
  File file = *Run(File::Create(path_));
  const int fd = *file.TryIntoFd();
  EXPECT_EQ(::write(fd, kHello, 14), 14);
  ::close(fd);
  EXPECT_EQ(Contents(), kHello);
}

// behaviour: tokio/tests/fs_file.rs#empty_read
TEST_P(FileTest, AReadOfNothingIsNotTheEnd) {
  File file = Opened(kHello);
  EXPECT_EQ(*Run(file.Read(MutableBytes())), 0u);
  Buffer buf(32);
  EXPECT_EQ(*Run(file.Read(buf)), 14u);
}

// behaviour: tokio/tests/fs_file.rs#set_max_buf_size_write
TEST_P(FileTest, WritesNoMoreThanItsBuffer) {
  File file = *Run(File::Create(path_));
  file.SetMaxBufferSize(1);
  EXPECT_EQ(*Run(file.Write(kHello)), 1u);
}

// behaviour: tokio/tests/fs_file.rs#unix_fd_is_valid
TEST_P(FileTest, HasAnFd) { EXPECT_GT(Run(File::Create(path_))->fd(), 0); }

// behaviour: tokio/tests/fs_file.rs#read_file_from_unix_fd
TEST_P(FileTest, TakesAnFdOver) {
  Opened(kHello);
  File file = File::FromFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(*Run(file.ReadToEnd(100)), kHello);
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_exact
TEST_P(FileTest, ReadsExactly) {
  File file = Opened(kHello);
  Buffer buf(14);
  EXPECT_EQ(Run(file.ReadExact(buf)), OkStatus());
  EXPECT_EQ(buf.first(14), kHello);
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_to_end
TEST_P(FileTest, ReadsToTheEnd) {
  for (size_t size : {0, 100, 100000}) {
    File file = Opened(std::string(size, 'x'));
    EXPECT_EQ(*Run(file.ReadToEnd(1 << 20)), std::string(size, 'x'));
  }
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_seek
TEST_P(FileTest, SeeksAndReads) {
  File file = Opened("hello world");
  EXPECT_EQ(*Run(file.Seek(6)), 6u);
  EXPECT_EQ(*Run(file.ReadToEnd(100)), "world");
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_seek_back
TEST_P(FileTest, SeeksBack) {
  File file = Opened("hello world");
  Buffer buf(5);
  EXPECT_EQ(Run(file.ReadExact(buf)), OkStatus());
  EXPECT_EQ(*Run(file.Seek(0, SEEK_CUR)), 5u);
  EXPECT_EQ(*Run(file.Seek(0)), 0u);
  EXPECT_EQ(*Run(file.ReadToEnd(100)), "hello world");
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_read_after_write
TEST_P(FileTest, ReadsWhatItWrote) {
  File file = *Run(File::CreateNew(path_));
  EXPECT_EQ(Run(file.WriteAll(kHello)), OkStatus());
  EXPECT_EQ(Run(file.Flush()), OkStatus());
  EXPECT_EQ(*Run(file.Seek(0)), 0u);
  EXPECT_EQ(*Run(file.ReadToEnd(100)), kHello);
}

// behaviour: tokio/tests/fs_uring_file_read.rs#test_file_partial_read_then_write
TEST_P(FileTest, WritesWhereItHasReadTo) {
  File file = Opened("0123456789abcdefghij");
  Buffer ten(10), three(3);
  EXPECT_EQ(Run(file.ReadExact(ten)), OkStatus());
  EXPECT_EQ(Run(file.ReadExact(three)), OkStatus());
  EXPECT_EQ(Run(file.WriteAll("XYZ")), OkStatus());
  EXPECT_EQ(Run(file.Close()), OkStatus());
  EXPECT_EQ(Contents(), "0123456789abcXYZghij");
}

// Through the interface of all that seeks.
// behaviour: tokio-util/tests/compat.rs#compat_file_seek
TEST_P(FileTest, SeeksAmongWrites) {
  File file = Opened("");
  EXPECT_EQ(Run(file.WriteAll("01234567")), OkStatus());
  EXPECT_EQ(*Run(io::Position(file)), 8u);
  EXPECT_EQ(*Run(io::Seek(file, io::SeekFrom::Start(2))), 2u);
  EXPECT_EQ(Run(file.WriteAll("ab")), OkStatus());
  EXPECT_EQ(*Run(io::Seek(file, io::SeekFrom::End(0))), 8u);
  EXPECT_EQ(*Run(io::Seek(file, io::SeekFrom::Start(0))), 0u);
  EXPECT_EQ(*Run(file.ReadToEnd(100)), "01ab4567");
}

// behaviour: tokio/tests/fs_open_options.rs#open_with_open_options_and_read
TEST_P(FileTest, OpensWithOptions) {
  Opened(kHello);
  File file = *Run(OpenOptions().Read(true).Open(path_));
  EXPECT_EQ(*Run(file.ReadToEnd(100)), kHello);
}

TEST_P(FileTest, AFileThatIsNotThereIsNamed) {
  const Status status = Run(File::Open(path_)).status();
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_NE(status.message().find(path_), absl::string_view::npos) << status;
}

TEST_P(FileTest, APathWithAZeroByteIsRefused) {
  Opened(kHello);
  const std::string path = path_ + std::string("\0x", 2);
  EXPECT_TRUE(absl::IsInvalidArgument(Run(File::Open(path)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Run(File::Create(path)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Run(File::CreateNew(path)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Run(OpenOptions().Write(true).Truncate(true).Open(path)).status()));
  EXPECT_EQ(Contents(), kHello);
}

TEST_P(FileTest, AWriteThatCanNotBeIsRefusedAtOnce) {
  Opened(kHello);
  File read_only = *Run(File::Open(path_));
  const Status status = Run(read_only.Write("x")).status();
  EXPECT_EQ(ErrnoOf(status), EBADF);
  EXPECT_EQ(status.message(),
            absl::StrCat("fs::File::Write (it was opened for reading only) ", path_, ": Bad file descriptor (EBADF)"));
  EXPECT_EQ(ErrnoOf(Run(Run(read_only.TryClone())->WriteAll("x"))), EBADF);
  EXPECT_EQ(*Run(read_only.ReadToEnd(100)), kHello);
  EXPECT_EQ(Run(read_only.Close()), OkStatus());  // nothing was handed over, nothing is lost
  File closed = *Run(OpenOptions().Write(true).Open(path_));
  EXPECT_EQ(Run(closed.Close()), OkStatus());
  EXPECT_EQ(ErrnoOf(Run(closed.Write("x")).status()), EBADF);
  EXPECT_NE(Run(closed.WriteAll("x")).message().find("the file is closed"), absl::string_view::npos);
  EXPECT_EQ(Run(closed.Flush()), OkStatus());
  EXPECT_EQ(ErrnoOf(Run(closed.Close())), EBADF);
  EXPECT_EQ(ErrnoOf(closed.TryIntoFd().status()), EBADF);
  EXPECT_EQ(Contents(), kHello);
}

TEST_P(FileTest, AFileThatWasGivenAsAnFdIsNamedByIt) {
  Opened(kHello);
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  File file = File::FromFd(fd);
  Buffer buf(1);
  EXPECT_EQ(Run(file.Read(buf)).status().message(), absl::StrCat("fs::File::Read fd ", fd, ": Bad file descriptor (EBADF)"));
}

// Whether workers read the files of this file system themselves.
bool IsInReach(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const internal::MountKind kind = internal::Mounts().Known(internal::LookAt(fd).mount);
  ::close(fd);
  return kind == internal::MountKind::kDisk || kind == internal::MountKind::kMemory;
}

TEST_P(FileTest, ReadsFromMemoryWithoutAJob) {
  File file = Opened(kHello);
  sys::ScopedFault no_jobs(sys::Call::kRead, sys::Fault::Every(EIO));
  Buffer buf(14);
  Status status = Run(file.ReadExact(buf));
  // The system may have had to make room of its memory.
  for (int i = 0; i < 100 && IsInReach(path_) && !status.ok(); ++i) {
    EXPECT_EQ(ErrnoOf(status), EIO);
    file = Opened(kHello);
    status = Run(file.ReadExact(buf));
  }
  EXPECT_EQ(status.ok(), IsInReach(path_)) << status;
  if (status.ok()) {
    EXPECT_EQ(buf.first(14), kHello);
  } else {
    EXPECT_EQ(ErrnoOf(status), EIO);
  }
}

// Reads of what is in memory wait for nothing but their budget.
// behaviour: tokio/tests/fs_file.rs#coop
TEST_P(FileTest, ReadsAndSeeksForEverEndAPollAtTimes) {
  File file = Opened(std::string(1000, 'x'));
  const EnterGuard guard = runtime().Enter();
  Buffer byte(1);
  int reads = 0;
  PolledTask loop(PollFn([&](Context& cx) -> Poll<Unit> {
    for (;;) {
      auto read = file.Read(byte);
      auto polled = read.PollOnce(cx);
      if (polled.pending()) return kPending;
      ++reads;
      if (**polled == 0 && file.Seek(0).PollOnce(cx).pending()) return kPending;
    }
  }));
  EXPECT_TRUE(loop.Poll().pending());
  EXPECT_LE(reads, limits::kPollBudget);
}

// behaviour: tokio/tests/fs_open_options.rs#open_options_write
TEST(OpenOptionsTest, Write) { EXPECT_EQ(*OpenOptions().Write(true).Flags(), O_WRONLY); }
// behaviour: tokio/tests/fs_open_options.rs#open_options_append
TEST(OpenOptionsTest, Append) { EXPECT_EQ(*OpenOptions().Append(true).Flags(), O_WRONLY | O_APPEND); }
// behaviour: tokio/tests/fs_open_options.rs#open_options_truncate
TEST(OpenOptionsTest, Truncate) { EXPECT_EQ(*OpenOptions().Write(true).Truncate(true).Flags(), O_WRONLY | O_TRUNC); }
// behaviour: tokio/tests/fs_open_options.rs#open_options_create
TEST(OpenOptionsTest, Create) { EXPECT_EQ(*OpenOptions().Write(true).Create(true).Flags(), O_WRONLY | O_CREAT); }
// behaviour: tokio/tests/fs_open_options.rs#open_options_create_new
TEST(OpenOptionsTest, CreateNew) {
  EXPECT_EQ(*OpenOptions().Write(true).Truncate(true).CreateNew(true).Flags(), O_WRONLY | O_CREAT | O_EXCL);
}
// behaviour: tokio/tests/fs_open_options.rs#open_options_mode
TEST(OpenOptionsTest, Mode) { EXPECT_EQ(OpenOptions().Mode(0644).mode(), 0644u); }
// behaviour: tokio/tests/fs_open_options.rs#open_options_custom_flags_linux
TEST(OpenOptionsTest, CustomFlags) {
  EXPECT_EQ(*OpenOptions().Read(true).CustomFlags(O_TRUNC | O_WRONLY).Flags(), O_RDONLY | O_TRUNC);
}
TEST(OpenOptionsTest, Contradictions) {
  EXPECT_FALSE(OpenOptions().Flags().ok());
  EXPECT_FALSE(OpenOptions().Read(true).Create(true).Flags().ok());
  EXPECT_FALSE(OpenOptions().Append(true).Truncate(true).Flags().ok());
}

}  // namespace
}  // namespace kioto::fs
