// Files beside code that blocks, all of it in the system's memory: I2 of the checks (README.md).
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
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

template <class Fn>
int64_t Took(Fn fn) {
  const int64_t start = base::MonotonicNanos();
  fn();
  return base::MonotonicNanos() - start;
}

constexpr int kRounds = 5;

// Whether `ours` takes at most so many times as long as `blocking`, where times mean something: of each the least of kRounds, in
// turn. (The portable twin reads nothing in place.)
template <class Ours, class Blocking>
bool IsWithin(double bound, const char* what, Ours ours, Blocking blocking) {
  int64_t least = INT64_MAX, least_blocking = INT64_MAX;
  for (int round = 0; round < kRounds; ++round) {
    least_blocking = std::min(least_blocking, Took(blocking));
    least = std::min(least, Took(ours));
  }
  const double ratio = static_cast<double>(least) / static_cast<double>(least_blocking);
  std::printf("%s: %.2f times as long as what blocks (%.1f ms)\n", what, ratio, least_blocking / 1e6);
  return ratio <= bound || !kTimesCount || KIOTO_PORTABLE;
}

class FileSpeedChecks : public testing::Test {
 protected:
  FileSpeedChecks() { EXPECT_NE(::mkdtemp(&folder_[0]), nullptr); }
  ~FileSpeedChecks() override { EXPECT_EQ(runtime_.BlockOn(fs::RemoveDirAll(folder_)), OkStatus()); }

  // A file that is read in both ways, `size` bytes at a time: `reads` of them times S in all, as many in each round of each go.
  bool ReadsWithin(double bound, const char* what, size_t size, size_t reads);

  Runtime runtime_ = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  std::string folder_ = testing::TempDir() + "/speed_XXXXXX";
};

bool FileSpeedChecks::ReadsWithin(double bound, const char* what, size_t size, size_t reads) {
  reads = reads / (kGoesAtLeast * kRounds) + 1;
  const int passes = Scaled(1);
  const std::string path = folder_ + "/file";
  EXPECT_EQ(runtime_.BlockOn(fs::Write(path, std::string(size * reads, 'x'))), OkStatus());
  const auto ours = [&] {
    for (int pass = 0; pass < passes; ++pass) {
      EXPECT_EQ(runtime_.BlockOn(runtime_.Spawn(With(Buffer(size), [&path, reads](Buffer& buf) {
                  return fs::File::Open(path).AndThen([&buf, reads](fs::File& file) {
                    return Loop([&file, &buf, left = reads]() mutable {
                      return file.ReadExact(buf).AndThen([&left]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Break(); });
                    });
                  });
                }))), OkStatus());
    }
  };
  const auto blocking = [&] {
    Buffer buf(size);
    for (int pass = 0; pass < passes; ++pass) {
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      for (size_t i = 0; i < reads; ++i) EXPECT_EQ(::read(fd, buf.data(), size), static_cast<ssize_t>(size));
      ::close(fd);
    }
  };
  return MostlyWithinItsBound([&] { return IsWithin(bound, what, ours, blocking); });
}

// 1 GiB in all, 256 KiB at a time.
// check: I2
TEST_F(FileSpeedChecks, LargeReadsCostWhatTheyCost) {
  EXPECT_TRUE(ReadsWithin(1.1, "reads of 256 KiB", 256 * 1024, 4'096));
}

// 100,000 in all, of 4 KiB.
// check: I2
TEST_F(FileSpeedChecks, SmallReadsCostTwiceAsMuchAtMost) {
  EXPECT_TRUE(ReadsWithin(2, "reads of 4 KiB", 4 * 1024, 100'000));
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
  const auto ours = [&] {
    int files = 0;
    EXPECT_EQ(runtime_.BlockOn(runtime_.Spawn(ForEach(fs::WalkDir(folder_), [&files](fs::WalkEntry& entry) {
                files += entry.is_file();
              }))), OkStatus());
    EXPECT_EQ(files, kDirs * kFiles);
  };
  EXPECT_TRUE(MostlyWithinItsBound([&] {
    return IsWithin(2, "a walk of 10,000 files", ours, [&] { EXPECT_EQ(FilesIn(folder_), kDirs * kFiles); });
  }));
}

}  // namespace
}  // namespace kioto
