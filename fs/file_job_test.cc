// A File and its jobs, one by one.
#include "kioto/fs/file_job.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/testing_jobs.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::fs {
namespace {

namespace sys = base::sys;

constexpr char kHello[] = "hello world...";  // 14 bytes

std::string NewPath() {
  std::string dir = testing::TempDir() + "/file_XXXXXX";
  EXPECT_NE(::mkdtemp(&dir[0]), nullptr);
  return dir + "/file";
}

// Reads from memory are refused, so that each read is a job.
class FileJobTest : public HeldJobs {
 protected:
  FileJobTest() {
    EXPECT_EQ(runtime_.BlockOn(Write(path_, kHello)), OkStatus());
    Hold();
  }

  void RunJobsAndHold() {
    RunJobs();
    Hold();
  }
  File Opened() { return File::FromFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC)); }
  std::string Contents() {
    RunJobs();
    return *runtime_.BlockOn(Read(path_));
  }

  const std::string path_ = NewPath();
  sys::ScopedFault no_reads_from_memory_{sys::Call::kPreadv2, sys::Fault::Every(EAGAIN)};
};

// behaviour: tokio/src/fs/file/tests.rs#open_read
TEST_F(FileJobTest, AReadIsOneJob) {
  File file = Opened();
  Buffer buf(1024);
  PolledTask read(file.Read(buf));
  EXPECT_TRUE(read.Poll().pending());
  EXPECT_EQ(Jobs(), 1u);
  EXPECT_FALSE(read.is_woken());
  RunJobs();
  EXPECT_TRUE(read.is_woken());
  EXPECT_EQ(**read.Poll(), 14u);
  EXPECT_EQ(buf.first(14), kHello);
}

// behaviour: tokio/src/fs/file/tests.rs#read_with_bigger_buf
TEST_F(FileJobTest, WhatADroppedReadHasReadIsTheNextOnes) {
  File file = Opened();
  Buffer small(4), large(32);
  PolledTask dropped(file.Read(small));
  EXPECT_TRUE(dropped.Poll().pending());
  dropped.Drop();
  RunJobsAndHold();
  PolledTask read(file.Read(large));
  EXPECT_EQ(**read.Poll(), 4u);
  EXPECT_EQ(large.first(4), "hell");
  PolledTask rest(file.Read(large));
  EXPECT_TRUE(rest.Poll().pending());
  EXPECT_EQ(Jobs(), 1u);
  RunJobs();
  EXPECT_EQ(**rest.Poll(), 10u);
}

// behaviour: tokio/src/fs/file/tests.rs#read_err_then_read_success
TEST_F(FileJobTest, AReadAfterAFailedOneSucceeds) {
  File file = Opened();
  Buffer buf(32);
  RunJobs();
  sys::ScopedFault fault(sys::Call::kRead, sys::Fault::First(1, EIO));
  EXPECT_EQ(ErrnoOf(runtime_.BlockOn(file.Read(buf)).status()), EIO);
  EXPECT_EQ(*runtime_.BlockOn(file.Read(buf)), 14u);
}

// behaviour: tokio/src/fs/file/tests.rs#read_err
TEST_F(FileJobTest, AReadThatFailsWakes) {
  File file = Opened();
  Buffer buf(32);
  sys::ScopedFault fault(sys::Call::kRead, sys::Fault::First(1, EIO));
  PolledTask read(file.Read(buf));
  EXPECT_TRUE(read.Poll().pending());
  RunJobs();
  EXPECT_TRUE(read.is_woken());
  EXPECT_EQ(ErrnoOf(read.Poll()->status()), EIO);
}

// behaviour: tokio/src/fs/file/tests.rs#open_write
TEST_F(FileJobTest, AWriteIsDoneWhenItIsHandedOver) {
  File file = Opened();
  PolledTask write(file.Write("HELLO"));
  EXPECT_EQ(**write.Poll(), 5u);
  EXPECT_EQ(Jobs(), 1u);
  RunJobs();
  EXPECT_FALSE(write.is_woken());
  PolledTask flush(file.Flush());
  EXPECT_EQ(*flush.Poll(), OkStatus());
  EXPECT_EQ(Contents(), "HELLO world...");
}

// behaviour: tokio/src/fs/file/tests.rs#read_with_buffer_larger_than_max
TEST_F(FileJobTest, ReadsALotInPieces) {
  const std::string bytes(8 * 1024 * 1024 - 1, 'x');
  RunJobs();
  EXPECT_EQ(runtime_.BlockOn(Write(path_, bytes)), OkStatus());
  File file = Opened();
  Buffer buf(bytes.size());
  size_t done = 0;
  for (int i = 0; i < 4; ++i) {
    const size_t n = *runtime_.BlockOn(file.Read(buf.from(done)));
    EXPECT_LE(n, kMaxBufferSize);
    done += n;
  }
  EXPECT_EQ(done, bytes.size());
  EXPECT_TRUE(buf.first(done) == bytes);
}

// behaviour: tokio/src/fs/file/tests.rs#write_with_buffer_larger_than_max
TEST_F(FileJobTest, WritesALotInPieces) {
  const std::string bytes(8 * 1024 * 1024 - 1, 'x');
  File file = Opened();
  absl::string_view left = bytes;
  PolledTask first(file.Write(left));
  left.remove_prefix(**first.Poll());
  EXPECT_EQ(bytes.size() - left.size(), kMaxBufferSize);
  while (!left.empty()) {
    PolledTask write(file.Write(left));
    EXPECT_TRUE(write.Poll().pending());
    EXPECT_EQ(Jobs(), 1u);
    RunJobsAndHold();
    const size_t n = **write.Poll();
    EXPECT_LE(n, kMaxBufferSize);
    left.remove_prefix(n);
  }
  EXPECT_TRUE(Contents() == bytes);
}

// behaviour: tokio/src/fs/file/tests.rs#incomplete_read_followed_by_write
TEST_F(FileJobTest, AWriteGoesWhereReadingHasCome) {
  File file = Opened();
  Buffer buf(32);
  PolledTask read(file.Read(buf));
  EXPECT_TRUE(read.Poll().pending());
  read.Drop();
  RunJobs();
  EXPECT_EQ(*runtime_.BlockOn(file.Write("HELLO")), 5u);
  EXPECT_EQ(runtime_.BlockOn(file.Flush()), OkStatus());
  EXPECT_EQ(Contents(), "HELLO world...");
}

// behaviour: tokio/src/fs/file/tests.rs#incomplete_partial_read_followed_by_write
TEST_F(FileJobTest, AWriteGoesBehindWhatWasTaken) {
  File file = Opened();
  Buffer large(32), small(4);
  PolledTask read(file.Read(large));
  EXPECT_TRUE(read.Poll().pending());
  read.Drop();
  RunJobs();
  EXPECT_EQ(*runtime_.BlockOn(file.Read(small)), 4u);
  EXPECT_EQ(*runtime_.BlockOn(file.Write("HELLO")), 5u);
  EXPECT_EQ(runtime_.BlockOn(file.Flush()), OkStatus());
  EXPECT_EQ(Contents(), "hellHELLOld...");
}

// behaviour: tokio/src/fs/file/tests.rs#write_write_err
TEST_F(FileJobTest, AnErrorOfAWriteComesWithTheNext) {
  File file = Opened();
  RunJobs();
  sys::ScopedFault fault(sys::Call::kWrite, sys::Fault::First(1, ENOSPC));
  EXPECT_EQ(*runtime_.BlockOn(file.Write("HELLO")), 5u);
  EXPECT_EQ(ErrnoOf(runtime_.BlockOn(file.Write("HELLO")).status()), ENOSPC);
}

// behaviour: tokio/src/fs/file/tests.rs#write_read_write_err
// behaviour: tokio/src/fs/file/tests.rs#write_read_flush_err
TEST_F(FileJobTest, AnErrorOfAWriteOutlivesARead) {
  RunJobs();
  for (const bool flush : {false, true}) {
    File file = Opened();
    Buffer buf(4);
    sys::ScopedFault fault(sys::Call::kWrite, sys::Fault::First(1, ENOSPC));
    EXPECT_EQ(*runtime_.BlockOn(file.Write("HELLO")), 5u);
    EXPECT_EQ(*runtime_.BlockOn(file.Read(buf)), 4u);
    EXPECT_EQ(ErrnoOf(flush ? runtime_.BlockOn(file.Flush()) : runtime_.BlockOn(file.Write("HELLO")).status()), ENOSPC);
  }
}

// behaviour: tokio/src/fs/file/tests.rs#write_seek_write_err
// behaviour: tokio/src/fs/file/tests.rs#write_seek_flush_err
TEST_F(FileJobTest, AnErrorOfAWriteOutlivesASeek) {
  RunJobs();
  for (const bool flush : {false, true}) {
    File file = Opened();
    sys::ScopedFault fault(sys::Call::kWrite, sys::Fault::First(1, ENOSPC));
    EXPECT_EQ(*runtime_.BlockOn(file.Write("HELLO")), 5u);
    EXPECT_EQ(*runtime_.BlockOn(file.Seek(0)), 0u);
    EXPECT_EQ(ErrnoOf(flush ? runtime_.BlockOn(file.Flush()) : runtime_.BlockOn(file.Write("HELLO")).status()), ENOSPC);
  }
}

TEST_F(FileJobTest, AnErrorOfAWriteStays) {
  File file = Opened();
  RunJobs();
  sys::ScopedFault fault(sys::Call::kWrite, sys::Fault::First(1, ENOSPC));
  EXPECT_EQ(*runtime_.BlockOn(file.Write("HELLO")), 5u);
  EXPECT_EQ(ErrnoOf(runtime_.BlockOn(file.Flush())), ENOSPC);
  EXPECT_EQ(ErrnoOf(runtime_.BlockOn(file.Write("HELLO")).status()), ENOSPC);
}

// behaviour: tokio/src/fs/file/tests.rs#busy_file_seek_error
TEST_F(FileJobTest, ASeekBelowABufferTellsOfALostWrite) {
  io::BufReader<File> file(Opened());
  sys::ScopedFault fault(sys::Call::kWrite, sys::Fault::First(1, EIO));
  EXPECT_EQ(**PolledTask(io::Write(file, "HELLO")).Poll(), 5u);
  RunJobs();
  EXPECT_EQ(ErrnoOf(runtime_.BlockOn(io::Seek(file, io::SeekFrom::Start(0))).status()), EIO);
}

TEST_F(FileJobTest, SeeksBelowABuffer) {
  RunJobs();
  io::BufReader<File> file(Opened());
  Buffer buf(5);
  EXPECT_EQ(*runtime_.BlockOn(file.Read(buf)), 5u);
  EXPECT_EQ(*runtime_.BlockOn(io::Seek(file, io::SeekFrom::Current(1))), 6u);  // from where reading has come to
  EXPECT_EQ(*runtime_.BlockOn(file.Read(buf)), 5u);
  EXPECT_EQ(buf.first(5), "world");
  EXPECT_EQ(*runtime_.BlockOn(io::Seek(file, io::SeekFrom::End(-3))), 11u);
  EXPECT_EQ(ErrnoOf(runtime_.BlockOn(io::Seek(file, io::SeekFrom::Current(-20))).status()), EINVAL);
  Hold();
  EXPECT_TRUE(PolledTask(io::Seek(file, io::SeekFrom::Start(1))).Poll().pending());  // dropped
  RunJobs();
  EXPECT_EQ(*runtime_.BlockOn(io::Seek(file, io::SeekFrom::Start(2))), 2u);
}

TEST_F(FileJobTest, ASeekThatWasDroppedIsNotTakenForTheNext) {
  File file = Opened();
  EXPECT_TRUE(PolledTask(io::Seek(file, io::SeekFrom::Start(6))).Poll().pending());  // dropped
  RunJobs();
  Buffer buf(5);
  EXPECT_EQ(*runtime_.BlockOn(file.Read(buf)), 5u);
  EXPECT_EQ(*runtime_.BlockOn(io::Seek(file, io::SeekFrom::Start(6))), 6u);
  EXPECT_EQ(*runtime_.BlockOn(file.Read(buf)), 5u);
  EXPECT_EQ(buf.first(5), "world");
}

// behaviour: kioto/fs/file.h#a_lost_write_is_never_forgotten
TEST_F(FileJobTest, ALostWriteIsNeverForgotten) {
  File file = Opened();
  RunJobs();
  sys::ScopedFault fault(sys::Call::kWrite, sys::Fault::First(1, EIO));
  EXPECT_EQ(*runtime_.BlockOn(file.Write("HELLO")), 5u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ErrnoOf(runtime_.BlockOn(file.Flush())), EIO);
    EXPECT_EQ(ErrnoOf(runtime_.BlockOn(file.SyncAll())), EIO);
    EXPECT_EQ(ErrnoOf(runtime_.BlockOn(file.SyncData())), EIO);
  }
  EXPECT_TRUE(runtime_.BlockOn(file.GetMetadata()).ok());
  EXPECT_TRUE(runtime_.BlockOn(file.TryClone()).ok());
  EXPECT_EQ(ErrnoOf(runtime_.BlockOn(file.Close())), EIO);
  EXPECT_EQ(file.fd(), -1);
}

// behaviour: tokio/src/fs/file/tests.rs#sync_all_ordered_after_write
// behaviour: tokio/src/fs/file/tests.rs#sync_data_ordered_after_write
TEST_F(FileJobTest, ASyncComesAfterTheWrite) {
  for (bool all : {true, false}) {
    File file = Opened();
    EXPECT_EQ(**PolledTask(file.Write("HELLO")).Poll(), 5u);
    PolledTask sync(all ? file.SyncAll() : file.SyncData());
    EXPECT_TRUE(sync.Poll().pending());
    EXPECT_EQ(Jobs(), 1u);  // the write
    RunJobsAndHold();
    EXPECT_TRUE(sync.is_woken());
    EXPECT_TRUE(sync.Poll().pending());
    EXPECT_EQ(Jobs(), 1u);  // the sync
    RunJobsAndHold();
    EXPECT_EQ(*sync.Poll(), OkStatus());
  }
}

// behaviour: tokio/src/fs/file/tests.rs#open_set_len_ok
TEST_F(FileJobTest, SetsTheLength) {
  File file = Opened();
  PolledTask set(file.SetLen(5));
  EXPECT_TRUE(set.Poll().pending());
  EXPECT_EQ(Jobs(), 1u);
  RunJobs();
  EXPECT_EQ(*set.Poll(), OkStatus());
  EXPECT_EQ(Contents(), "hello");
}

// behaviour: tokio/src/fs/file/tests.rs#open_set_len_err
TEST_F(FileJobTest, TellsThatItCannotSetTheLength) {
  File file = File::FromFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  PolledTask set(file.SetLen(5));
  EXPECT_TRUE(set.Poll().pending());
  RunJobs();
  EXPECT_EQ(ErrnoOf(*set.Poll()), EINVAL);
}

// behaviour: tokio/src/fs/file/tests.rs#sync_all_err_ordered_after_write
// behaviour: tokio/src/fs/file/tests.rs#sync_data_err_ordered_after_write
TEST_F(FileJobTest, ASyncThatFailsSaysSoBehindTheWrite) {
  for (bool all : {true, false}) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    File file = File::FromFd(ends[1]);  // what can not be synchronised
    EXPECT_EQ(**PolledTask(file.Write("HELLO")).Poll(), 5u);
    PolledTask sync(all ? file.SyncAll() : file.SyncData());
    EXPECT_TRUE(sync.Poll().pending());
    RunJobsAndHold();
    EXPECT_TRUE(sync.Poll().pending());
    EXPECT_EQ(Jobs(), 1u);  // the sync
    RunJobsAndHold();
    EXPECT_TRUE(sync.is_woken());
    EXPECT_EQ(ErrnoOf(*sync.Poll()), EINVAL);
    char written[5];
    EXPECT_EQ(::read(ends[0], written, 5), 5);
    ::close(ends[0]);
    EXPECT_EQ(*PolledTask(file.Flush()).Poll(), OkStatus());  // nothing is lost by that
  }
}

// behaviour: tokio/tests/fs_file.rs#write_into_std
TEST_F(FileJobTest, GivesItsFdUpOnceItIsIdle) {
  File file = Opened();
  EXPECT_EQ(**PolledTask(file.Write("HELLO")).Poll(), 5u);
  EXPECT_EQ(file.TryIntoFd().status().code(), absl::StatusCode::kFailedPrecondition);
  RunJobs();
  EXPECT_EQ(runtime_.BlockOn(file.Flush()), OkStatus());
  const int fd = *file.TryIntoFd();
  EXPECT_EQ(::write(fd, "WORLD", 5), 5);
  ::close(fd);
  EXPECT_EQ(Contents(), "HELLOWORLDd...");
}

TEST_F(FileJobTest, AWriteThatWasTakenIsDoneThoughTheRuntimeEnds) {
  File file = Opened();
  EXPECT_EQ(**PolledTask(file.Write("HELLO")).Poll(), 5u);
  EXPECT_EQ(Jobs(), 1u);
  runtime_.ShutdownBackground();
  LetGo();
  runtime_.Shutdown();
  std::string now(14, '\0');
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(::read(fd, &now[0], 14), 14);
  ::close(fd);
  EXPECT_EQ(now, "HELLO world...");
}

// behaviour: tokio/tests/fs_file_join_error.rs#file_ops_survive_join_error
TEST_F(FileJobTest, OperationsWithoutAPoolFailAgainAndAgain) {
  File file = Opened();
  RunJobs();
  runtime_.Shutdown();
  Buffer buf(4);
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(PolledTask(file.Read(buf)).Poll()->ok());
    EXPECT_FALSE(PolledTask(file.Seek(0)).Poll()->ok());
    EXPECT_FALSE(PolledTask(file.SetLen(0)).Poll()->ok());
    EXPECT_FALSE(PolledTask(file.Write("HELLO")).Poll()->ok());
  }
  EXPECT_FALSE(PolledTask(file.Read(buf)).Poll()->ok());
  EXPECT_EQ(*PolledTask(file.Flush()).Poll(), OkStatus());  // nothing was taken, nothing is lost
}

TEST_F(FileJobTest, WhatWasReadAheadIsNotLostToARefusedOperation) {
  RunJobs();
  for (const bool write : {false, true}) {
    Hold();
    const int fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    File file = File::FromFd(fd);
    Buffer buf(4);
    PolledTask dropped(file.Read(buf));
    EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    RunJobs();
    EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 4);
    Runtime ended = *RuntimeBuilder::CurrentThread().Build();
    EnterGuard guard = ended.Enter();
    ended.Shutdown();
    EXPECT_FALSE(write ? PolledTask(file.Write("x")).Poll()->ok() : PolledTask(file.Seek(2)).Poll()->ok());
    EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), 0);
  }
}

}  // namespace
}  // namespace kioto::fs
