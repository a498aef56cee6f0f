#include "kioto/fs/now.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"

#if defined(__linux__) && !KIOTO_PORTABLE

namespace kioto::fs {
namespace {

namespace sys = base::sys;
using internal::FileLook;
using internal::MountKind;
using internal::MountTable;
using internal::OpenNow;
using internal::ReadNow;

// A folder whose mount is known; and a pool whose one thread the test holds.
class NowTest : public testing::Test {
 protected:
  NowTest() {
    const int fd = ::open(dir_.c_str(), O_RDONLY | O_CLOEXEC);
    kind_ = internal::Mounts().Learn(fd, internal::LookAt(fd).mount);
    ::close(fd);
    const int file = ::open(Made("probe", "x").c_str(), O_RDONLY | O_CLOEXEC);
    char byte;
    reads_ = ReadNow(file, kind_, absl::MakeSpan(&byte, 1), 0) == 1;
    ::close(file);
    opens_ = (kind_ == MountKind::kDisk || kind_ == MountKind::kMemory) && AtLastIs([this] {
      const int found = sys::OpenCached(dir_.c_str(), O_PATH);
      if (found >= 0) ::close(found);
      return found >= 0;
    });
    SpawnBlocking([open = gate_.get_future().share()] { open.wait(); }).Detach();
  }
  ~NowTest() override {
    if (held_) Release();
    EXPECT_TRUE(runtime_.BlockOn(RemoveDirAll(dir_)).ok());
  }
  void Release() {
    held_ = false;
    gate_.set_value();
  }
  // False where tests lie on a file system that workers leave alone, or the system knows no such call: then there is nothing to see.
  bool Works() const { return opens_ && reads_; }
  // Written by the test itself.
  std::string Made(const std::string& name, absl::string_view bytes) const {
    const std::string path = In(name);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
    return path;
  }
  std::string In(const std::string& name) const { return absl::StrCat(dir_, "/", name); }
  // The system may refuse at any moment what it has in memory (RESOLVE_CACHED: while anybody on the machine mounts or renames
  // something). So what workers do is tried again, as often as it takes.
  template <class Try>
  static bool AtLastIs(Try once) {
    for (int i = 0; i < 1000; ++i) {
      if (once()) return true;
      std::this_thread::yield();
    }
    return false;
  }
  // What the first poll of make()'s future gives without a job.
  template <class Make>
  static auto AtOnce(Make make) {
    using Output = typename decltype(make())::Output;
    Poll<Output> polled = kPending;
    EXPECT_TRUE(AtLastIs([&] {
      polled = PolledTask(make()).Poll();
      return polled.ready();
    }));
    KIOTO_CHECK(polled.ready(), "never done without a job");
    return *std::move(polled);
  }
  static bool Opens(const std::string& path, uint64_t most = UINT64_MAX, const MountTable& mounts = internal::Mounts()) {
    FileLook look;
    const int fd = OpenNow(path.c_str(), most, &look, mounts);
    if (fd < 0) return false;
    EXPECT_TRUE(look.regular);
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_PATH), O_RDONLY);
    ::close(fd);
    return true;
  }

  const std::string dir_ = NewTestDir();
  Runtime runtime_ = *RuntimeBuilder::CurrentThread().MaxBlockingThreads(1).Build();
  EnterGuard guard_ = runtime_.Enter();
  std::promise<void> gate_;
  bool held_ = true, opens_ = false, reads_ = false;
  MountKind kind_ = MountKind::kUnknown;
};

TEST_F(NowTest, LooksAtAFileWithoutAskingAnybody) {
  const int fd = ::open(Made("file", "some bytes").c_str(), O_RDONLY | O_CLOEXEC);
  const FileLook file = internal::LookAt(fd);
  EXPECT_TRUE(file.regular);
  EXPECT_EQ(file.size, 10u);
  ::close(fd);
  const FileLook nothing = internal::LookAt(-1);
  EXPECT_FALSE(nothing.regular);
  EXPECT_EQ(nothing.mount, 0u);
}

TEST_F(NowTest, OpensARegularFileAndALinkToOne) {
  const std::string path = Made("file", "some bytes");
  ASSERT_EQ(::symlink(path.c_str(), In("link").c_str()), 0);
  EXPECT_EQ(AtLastIs([&] { return Opens(path); }), opens_);
  EXPECT_EQ(AtLastIs([&] {
              ::close(::open(In("link").c_str(), O_RDONLY | O_CLOEXEC));  // writes down when, if it is time: that is a job's
              return Opens(In("link"));
            }), opens_);
  EXPECT_EQ(AtLastIs([&] { return Opens(path, /*most=*/10); }), opens_);
}

TEST_F(NowTest, LeavesEverythingElseToJobs) {
  const std::string path = Made("file", "some bytes");
  const int before = OpenFds();
  ASSERT_EQ(::mkfifo(In("fifo").c_str(), 0600), 0);
  EXPECT_FALSE(Opens(In("fifo")));
  EXPECT_FALSE(Opens(dir_));
  EXPECT_FALSE(Opens(In("nothing")));
  EXPECT_FALSE(Opens("/dev/null"));
  EXPECT_FALSE(Opens(path, /*most=*/9));
  EXPECT_EQ(OpenFds(), before);
}

// The same file, as it would be on a network.
TEST_F(NowTest, LeavesToJobsWhatMayBeFarAway) {
  const std::string path = Made("file", "some bytes");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int proc = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  MountTable nothing, far;
  EXPECT_EQ(far.Learn(proc, internal::LookAt(fd).mount), MountKind::kOther);
  EXPECT_FALSE(Opens(path, UINT64_MAX, nothing));
  EXPECT_FALSE(Opens(path, UINT64_MAX, far));
  ::close(fd);
  ::close(proc);
}

TEST_F(NowTest, WhatFailsIsLeftToJobsAndLeavesNoFd) {
  const std::string path = Made("file", "some bytes");
  const int before = OpenFds();
  for (const auto& [call, nth] : {std::pair(sys::Call::kOpenCached, 1), std::pair(sys::Call::kOpenCached, 2),
                                  std::pair(sys::Call::kFstat, 1), std::pair(sys::Call::kFstat, 2)}) {
    const bool met = AtLastIs([&, call = call, nth = nth] {
      sys::ScopedFault fault(call, sys::Fault::Nth(nth, EIO));
      EXPECT_FALSE(Opens(path));
      EXPECT_LE(fault.hits(), 1);
      return fault.hits() == 1;
    });
    EXPECT_TRUE(met || !opens_) << nth;
  }
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(NowTest, ReadsFromAnOffsetOrTheCursorToTheEnd) {
  const int fd = ::open(Made("file", "some bytes").c_str(), O_RDONLY | O_CLOEXEC);
  char buf[100];
  if (Works()) {
    EXPECT_EQ(ReadNow(fd, kind_, buf, 5), 5);
    EXPECT_EQ(std::string(buf, 5), "bytes");
    EXPECT_EQ(ReadNow(fd, kind_, absl::MakeSpan(buf, 4), -1), 4);
    EXPECT_EQ(ReadNow(fd, kind_, buf, -1), 6);
    EXPECT_EQ(ReadNow(fd, kind_, buf, -1), 0);
    EXPECT_EQ(ReadNow(fd, kind_, buf, 10), 0);
  }
  // Where nobody knows what it lies on, the end is not believed.
  EXPECT_LT(ReadNow(fd, MountKind::kUnknown, buf, 10), 0);
  ::close(fd);
}

TEST_F(NowTest, ReadsMemoryThatKnowsNoNowait) {
  const int fd = ::memfd_create("now_test", MFD_CLOEXEC);
  ASSERT_EQ(::write(fd, "some bytes", 10), 10);
  char buf[100];
  EXPECT_EQ(ReadNow(fd, MountKind::kMemory, buf, 0), 10);
  EXPECT_EQ(ReadNow(fd, MountKind::kMemory, buf, 10), 0);
  ::close(fd);
}

TEST_F(NowTest, AtMostSoManyBytesAtOnce) {
  const int fd = ::memfd_create("now_test", MFD_CLOEXEC);
  ASSERT_EQ(::ftruncate(fd, 1 << 20), 0);
  std::string buf(1 << 20, '\0');
  EXPECT_EQ(ReadNow(fd, MountKind::kMemory, absl::MakeSpan(buf), 0), static_cast<ssize_t>(internal::kMaxReadNow));
  ::close(fd);
}

static_assert(internal::kBytesPerUnit == kioto::internal::IoHandle::kBytesPerUnit);

// What follows needs no thread of the pool, which is held: it is done by its first poll.

TEST_F(NowTest, AWholeFileIsReadWithoutAJob) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{70'000}, internal::kMaxReadNow}) {
    const std::string bytes(size, 'x');
    const std::string path = Made("file", bytes);
    if (!Works()) continue;
    EXPECT_TRUE(*AtOnce([&] { return Read(path); }) == bytes) << size;
  }
}

TEST_F(NowTest, ATextIsReadWithoutAJobAndLookedAt) {
  const std::string text = Made("text", "a text"), other = Made("other", "no text \xff");
  if (!Works()) return;
  EXPECT_EQ(*AtOnce([&] { return ReadToString(text); }), "a text");
  EXPECT_TRUE(absl::IsInvalidArgument(AtOnce([&] { return ReadToString(other); }).status()));
}

TEST_F(NowTest, AFileIsOpenedAndReadToItsEndWithoutAJob) {
  const std::string path = Made("file", "some bytes");
  if (!Works()) return;
  EXPECT_EQ(*AtOnce([&] { return File::Open(path).AndThen([](File& file) { return file.ReadToEnd(100); }); }), "some bytes");
}

TEST_F(NowTest, WhatWasOpenedWithoutAJobIsForReadingOnly) {
  const std::string path = Made("file", "some bytes");
  if (!Works()) return;
  File file = *AtOnce([&] { return File::Open(path); });
  EXPECT_EQ(ErrnoOf(PolledTask(file.Write("x")).Poll()->status()), EBADF);
}

TEST_F(NowTest, WhatIsOpenedForWritingIsAJob) {
  PolledTask open(OpenOptions().Read(true).Write(true).Open(Made("file", "some bytes")));
  EXPECT_TRUE(open.Poll().pending());
  Release();
  EXPECT_TRUE(runtime_.BlockOn(SpawnBlocking([] {})).ok());
  EXPECT_TRUE(open.Poll()->ok());
}

TEST_F(NowTest, AnFdOfMemoryIsReadWithoutAJobWhereItIsKnownToLieThere) {
  const int fd = ::memfd_create("now_test", MFD_CLOEXEC);
  ASSERT_EQ(::pwrite(fd, "some bytes", 10, 0), 10);
  const internal::MountId mount = internal::LookAt(fd).mount;
  EXPECT_EQ(internal::Mounts().Learn(fd, mount), mount == 0 ? MountKind::kUnknown : MountKind::kMemory);
  File file = File::FromFd(fd);
  PolledTask read(file.ReadToEnd(100));
  const auto polled = read.Poll();
  ASSERT_EQ(polled.ready(), mount != 0);
  if (mount != 0) {
    EXPECT_EQ(**polled, "some bytes");
  }
}

TEST_F(NowTest, AFileAndItsCloneAreReadByJobs) {
  Release();
  File file = *runtime_.BlockOn(File::Open(Made("file", "some bytes")));
  File clone = *runtime_.BlockOn(file.TryClone());
  sys::ScopedFault by_workers(sys::Call::kPreadv2, sys::Fault::Every(EIO));
  Buffer buf(4);
  EXPECT_EQ(*runtime_.BlockOn(file.Read(buf)), 4u);
  EXPECT_EQ(*runtime_.BlockOn(clone.Read(buf)), 4u);
  EXPECT_EQ(by_workers.hits(), 0);
}

TEST_F(NowTest, WhatGoesAroundTheSystemsMemoryIsReadByJobs) {
  const int fd = ::open(Made("file", "some bytes").c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_TRUE(internal::MayReadNow(fd, internal::LookAt(fd)));
  if (::fcntl(fd, F_SETFL, O_DIRECT) == 0) {  // not every file system knows it
    EXPECT_FALSE(internal::MayReadNow(fd, internal::LookAt(fd)));
  }
  EXPECT_FALSE(internal::MayReadNow(fd, FileLook()));
  ::close(fd);
}

// Each of these is done by a job, though the file is there: too long, not all in memory, or cut while it is read.
TEST_F(NowTest, WhatAWorkerCannotDoWholeAJobDoes) {
  const std::string path = Made("file", std::string(70'000, 'x'));
  const std::string large = Made("large", std::string(internal::kMaxReadNow + 1, 'x'));
  PolledTask of_large(Read(large)), of_text(ReadToString(path));
  EXPECT_TRUE(of_large.Poll().pending());
  EXPECT_TRUE(of_text.Poll().pending());
  PolledTask cut(Read(path)), refused(Read(path));
  {
    sys::ScopedFault fault(sys::Call::kPreadv2, sys::Fault::Short(1'000, 1));
    EXPECT_TRUE(cut.Poll().pending());
  }
  {
    sys::ScopedFault fault(sys::Call::kPreadv2, sys::Fault::Every(EOPNOTSUPP));
    EXPECT_TRUE(refused.Poll().pending());
  }
  Release();
  EXPECT_TRUE(runtime_.BlockOn(SpawnBlocking([] {})).ok());
  EXPECT_EQ((*of_large.Poll())->size(), internal::kMaxReadNow + 1);
  EXPECT_EQ((*of_text.Poll())->size(), 70'000u);
  EXPECT_EQ((*cut.Poll())->size(), 70'000u);
  EXPECT_EQ((*refused.Poll())->size(), 70'000u);
}

TEST_F(NowTest, ReadsForEverEndAPollAtTimes) {
  const std::string path = Made("file", std::string(16 * 1024, 'x'));
  if (!Works()) return;
  EXPECT_TRUE(AtLastIs([&] {
    int reads = 0;
    PolledTask loop(Loop([&] {
      ++reads;
      return Read(path).AndThen([](std::string&) -> Flow<> { return Continue(); });
    }));
    EXPECT_TRUE(loop.Poll().pending());
    EXPECT_LE(reads, 6);  // 64 KiB, as of a socket
    return reads >= 3 && loop.yielded();
  }));
}

TEST_F(NowTest, DroppedItLeavesNothing) {
  const std::string path = Made("file", "some bytes");
  const int before = OpenFds();
  for (const int polls : {0, 1}) {
    PolledTask read(Read(path));
    PolledTask open(File::Open(path));
    for (int i = 0; i < polls; ++i) {
      static_cast<void>(read.Poll());
      static_cast<void>(open.Poll());
    }
    read.Drop();
    open.Drop();
    EXPECT_EQ(OpenFds(), before);
  }
}

}  // namespace
}  // namespace kioto::fs

#endif
