// Files beside code that blocks, all of it in the system's memory: I2 of the checks (README.md).
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/walk_dir.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

// Many and short: in some of them nobody else has the processor, the memory or its caches.
constexpr int kRounds = 20;

class FileSpeedChecks : public testing::Test {
 protected:
  FileSpeedChecks() { EXPECT_NE(::mkdtemp(&folder_[0]), nullptr); }
  ~FileSpeedChecks() override { EXPECT_EQ(runtime_.BlockOn(fs::RemoveDirAll(folder_)), OkStatus()); }

  // How long the future that `fn` makes takes in a task.
  template <class Fn>
  int64_t Took(Fn fn) {
    const int64_t start = base::MonotonicNanos();
    EXPECT_EQ(runtime_.BlockOn(runtime_.Spawn(fn())), OkStatus());
    return base::MonotonicNanos() - start;
  }

  // Whether `ours` takes at most so many times as long as `blocking`, where times mean something: of each the least of kRounds, in
  // turn. What blocks does so in a task, too: on the same thread, and so on the same processor. (The portable twin reads nothing
  // in place.)
  template <class Ours, class Blocking>
  bool IsWithin(double bound, const char* what, Ours ours, Blocking blocking) {
    int64_t least = INT64_MAX, least_blocking = INT64_MAX;
    for (int round = 0; round < kRounds; ++round) {
      least_blocking = std::min(least_blocking, Took([&blocking] { return Lazy(std::ref(blocking)); }));
      least = std::min(least, Took(ours));
    }
    const double ratio = static_cast<double>(least) / static_cast<double>(least_blocking);
    std::printf("%s: %.2f times as long as what blocks (%.1f ms)\n", what, ratio, least_blocking / 1e6);
    return ratio <= bound || !kTimesCount || KIOTO_PORTABLE;
  }

  // A file that is read in both ways, `size` bytes at a time.
  bool ReadsWithin(double bound, const char* what, size_t size);

  // Without the monitor: what blocks is one long poll, which it would report, and disturb.
  Runtime runtime_ = *RuntimeBuilder::MultiThread().WorkerThreads(1).WithoutMonitor().Build();
  std::string folder_ = testing::TempDir() + "/speed_XXXXXX";
};

bool FileSpeedChecks::ReadsWithin(double bound, const char* what, size_t size) {
  constexpr size_t kFileSize = 16 * 1024 * 1024;
  // Over the file, in one task: to wake it, and who waits for it, is not what is measured.
  const int passes = Scaled(kTimesCount ? 8 : 1);
  const size_t reads = kFileSize / size;
  const std::string path = folder_ + "/file";
  EXPECT_EQ(runtime_.BlockOn(fs::Write(path, std::string(kFileSize, 'x'))), OkStatus());
  Buffer buf(size);
  const auto ours = [&] {
    return Loop([&buf, &path, reads, left = passes]() mutable {
      return fs::File::Open(path)
          .AndThen([&buf, reads](fs::File& file) {
            return Loop([&file, &buf, left = reads]() mutable {
              return file.ReadExact(buf).AndThen([&left]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Break(); });
            });
          })
          .AndThen([&left]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Break(); });
    });
  };
  const auto blocking = [&] {
    for (int pass = 0; pass < passes; ++pass) {
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      for (size_t i = 0; i < reads; ++i) EXPECT_EQ(::read(fd, buf.data(), size), static_cast<ssize_t>(size));
      ::close(fd);
    }
    return OkStatus();
  };
  return MostlyWithinItsBound([&] { return IsWithin(bound, what, ours, blocking); });
}

// 2.5 GiB × S in each of the goes of an optimised build, 256 KiB at a time.
// check: I2
TEST_F(FileSpeedChecks, LargeReadsCostWhatTheyCost) {
  EXPECT_TRUE(ReadsWithin(1.1, "reads of 256 KiB", 256 * 1024));
}

// 655,360 × S in each of the goes of an optimised build, of 4 KiB.
// check: I2
TEST_F(FileSpeedChecks, SmallReadsCostTwiceAsMuchAtMost) {
  EXPECT_TRUE(ReadsWithin(2, "reads of 4 KiB", 4 * 1024));
}

// Files in a tree, by calls that block.
int FilesIn(const std::string& path) {
  DIR* const dir = ::opendir(path.c_str());
  EXPECT_NE(dir, nullptr) << path;
  if (dir == nullptr) return 0;
  int files = 0;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] == '.') continue;
    files += entry->d_type == DT_DIR ? FilesIn(absl::StrCat(path, "/", entry->d_name)) : 1;
  }
  ::closedir(dir);
  return files;
}

// check: I2
TEST_F(FileSpeedChecks, AWalkOfTenThousandFiles) {
  constexpr int kDirs = 100, kFiles = 100;
  for (int dir = 0; dir < kDirs; ++dir) {
    const std::string in = absl::StrCat(folder_, "/", dir);
    ASSERT_EQ(::mkdir(in.c_str(), 0700), 0);
    for (int file = 0; file < kFiles; ++file) {
      const int fd = ::open(absl::StrCat(in, "/", file).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      ASSERT_GE(fd, 0);
      ::close(fd);
    }
  }
  int files = 0;
  const auto ours = [&] {
    return ForEach(fs::WalkDir(folder_), [&files](fs::WalkEntry& entry) { files += entry.is_file(); });
  };
  const auto blocking = [&] {
    EXPECT_EQ(FilesIn(folder_), kDirs * kFiles);
    return OkStatus();
  };
  EXPECT_TRUE(MostlyWithinItsBound([&] {
    files = 0;
    const bool within = IsWithin(2, "a walk of 10,000 files", ours, blocking);
    EXPECT_EQ(files, kRounds * kDirs * kFiles);
    return within;
  }));
}

}  // namespace
}  // namespace kioto
