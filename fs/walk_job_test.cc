#include "kioto/fs/walk_job.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::fs::internal {
namespace {

int64_t StandsStill() { return 1; }
int64_t Jumps() {
  static base::Atomic<int64_t> now{1};
  return now.fetch_add(1'000'000'000, std::memory_order_relaxed);  // relaxed: a number
}

class WalkJobTest : public testing::Test {
 protected:
  // A job for directories that hold so many files each.
  WalkJob JobFor(const std::vector<int>& files) {
    WalkJob job;
    for (size_t i = 0; i < files.size(); ++i) {
      const std::string path = absl::StrCat(dir_, "/", i);
      EXPECT_EQ(::mkdir(path.c_str(), 0700), 0);
      for (int file = 0; file < files[i]; ++file) {
        ::close(::open(absl::StrCat(path, "/", file).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      }
      job.targets.push_back({path, 1, nullptr, nullptr});
    }
    return job;
  }
  static WalkBatches Run(WalkJob job) { return *PolledTask(std::move(job)).Poll(); }

  const std::string dir_ = NewTestDir();
};

TEST_F(WalkJobTest, ReadsDirectoriesInARow) {
  const base::ScopedClockForTest clock(&StandsStill);
  WalkJob job = JobFor({2, 0, 1});
  job.sorted = true;
  const WalkBatches read = Run(std::move(job));
  ASSERT_EQ(read.of.size(), 3u);
  EXPECT_TRUE(read.quick);
  ASSERT_EQ(read.of[0].entries.size(), 2u);
  EXPECT_EQ(read.of[0].NameOf(read.of[0].entries[1]), "1");
  EXPECT_EQ(read.of[1].entries.size(), 0u);
  EXPECT_EQ(read.of[2].entries.size(), 1u);
}

TEST_F(WalkJobTest, BeginsNoFurtherDirectoryWhenItHasTakenLong) {
  const base::ScopedClockForTest clock(&Jumps);
  const WalkBatches read = Run(JobFor({2, 2}));
  EXPECT_EQ(read.of.size(), 1u);
  EXPECT_FALSE(read.quick);
}

TEST_F(WalkJobTest, BeginsNoFurtherDirectoryWhenItHasReadMuch) {
  const base::ScopedClockForTest clock(&StandsStill);
  const WalkBatches read = Run(JobFor({700, 700, 1}));
  EXPECT_EQ(read.of.size(), 2u);
  EXPECT_FALSE(read.quick);
}

TEST_F(WalkJobTest, OfALargeDirectoryItReadsAPartAtATime) {
  const base::ScopedClockForTest clock(&StandsStill);
  const int before = OpenFds();
  WalkJob job = JobFor({4'000, 1});
  size_t entries = 0;
  while (true) {
    WalkBatches read = Run(std::move(job));
    WalkBatch& batch = read.of[0];
    entries += batch.entries.size();
    EXPECT_LT(batch.entries.size(), 2 * kWalkBatch);
    if (batch.rest == nullptr) break;
    EXPECT_EQ(read.of.size(), 1u);
    EXPECT_FALSE(read.quick);
    job = WalkJob();
    job.targets.push_back({dir_ + "/0", 1, std::move(batch.rest), nullptr});
  }
  EXPECT_EQ(entries, 4'000u);
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(WalkJobTest, AnErrorIsOfOneDirectory) {
  const base::ScopedClockForTest clock(&StandsStill);
  WalkJob job = JobFor({1, 1});
  ASSERT_EQ(::unlink((dir_ + "/0/0").c_str()), 0);
  ASSERT_EQ(::rmdir((dir_ + "/0").c_str()), 0);
  const WalkBatches read = Run(std::move(job));
  ASSERT_EQ(read.of.size(), 2u);
  EXPECT_EQ(ErrnoOf(read.of[0].error), ENOENT);
  EXPECT_EQ(read.of[1].error, OkStatus());
  EXPECT_EQ(read.of[1].entries.size(), 1u);
}

}  // namespace
}  // namespace kioto::fs::internal
