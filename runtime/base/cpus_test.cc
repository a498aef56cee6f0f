#include "kioto/runtime/base/cpus.h"

#include <sched.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kioto::base {
namespace {

using ::testing::HasSubstr;

// A root folder with files under /sys/fs/cgroup.
class CgroupTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    std::string folder = root_;
    for (absl::string_view part : absl::StrSplit(absl::StrCat("sys/fs/cgroup/", path), '/')) {
      mkdir(folder.c_str(), 0755);
      absl::StrAppend(&folder, "/", part);
    }
    std::FILE* file = std::fopen(folder.c_str(), "w");
    ASSERT_NE(file, nullptr) << folder;
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
  int Cpus(const std::string& membership) { return internal::CgroupCpus(membership, root_); }

  const std::string root_ =
      absl::StrCat(::testing::TempDir(), "/cgroup_", ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(CgroupTest, NothingThereIsNoLimit) {
  EXPECT_EQ(Cpus(""), 0);
  EXPECT_EQ(Cpus("0::/\n"), 0);
  EXPECT_EQ(Cpus("garbage\n:::\n"), 0);
}

TEST_F(CgroupTest, Version2RoundsUp) {
  Write("job/cpu.max", "150000 100000\n");
  EXPECT_EQ(Cpus("0::/job\n"), 2);
  Write("job/cpu.max", "200000 100000\n");
  EXPECT_EQ(Cpus("0::/job\n"), 2);
  Write("job/cpu.max", "1000 100000\n");
  EXPECT_EQ(Cpus("0::/job\n"), 1);
  Write("job/cpu.max", "max 100000\n");
  EXPECT_EQ(Cpus("0::/job\n"), 0);
}

TEST_F(CgroupTest, TheTightestParentCounts) {
  Write("slice/job/cpu.max", "800000 100000\n");
  Write("slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(Cpus("0::/slice/job\n"), 3);
  Write("cpu.max", "100000 100000\n");
  EXPECT_EQ(Cpus("0::/slice/job\n"), 1);
  // Inside a container the path of the outside does not exist, but its root does.
  EXPECT_EQ(Cpus("0::/not/here\n"), 1);
}

TEST_F(CgroupTest, Version1) {
  Write("cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
  Write("cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Cpus("12:memory:/job\n4:cpu,cpuacct:/job\n0::/\n"), 3);
  EXPECT_EQ(Cpus("12:cpuset:/job\n"), 0);
  Write("cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(Cpus("4:cpu,cpuacct:/job\n"), 0);
}

TEST(AvailableCpusTest, IsNoMoreThanTheMaskAllows) {
  const int cpus = AvailableCpus();
  EXPECT_GE(cpus, 1);
#if defined(__linux__)
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_LE(cpus, CPU_COUNT(&before));
  // taskset of one processor.
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(AvailableCpus(), 1);
  ASSERT_EQ(UsableCpus().size(), 1u);
  EXPECT_TRUE(CPU_ISSET(UsableCpus()[0], &one));
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
#endif
}

class WorkerThreadsTest : public ::testing::Test {
 protected:
  void TearDown() override { unsetenv("KIOTO_WORKER_THREADS"); }
  StatusOr<int> With(const char* value) {
    setenv("KIOTO_WORKER_THREADS", value, 1);
    return DefaultWorkerThreads();
  }
};

TEST_F(WorkerThreadsTest, UnsetIsOnePerProcessor) { EXPECT_EQ(*DefaultWorkerThreads(), AvailableCpus()); }

TEST_F(WorkerThreadsTest, SetIsTaken) {
  EXPECT_EQ(*With("1"), 1);
  EXPECT_EQ(*With("17"), 17);
}

TEST_F(WorkerThreadsTest, NonsenseIsAClearError) {
  for (const char* value : {"", "0", "-3", "two", "3.5", "4x", "99999999999999999999", "1000000"}) {
    const StatusOr<int> workers = With(value);
    ASSERT_FALSE(workers.ok()) << value;
    EXPECT_EQ(workers.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(workers.status().message(), HasSubstr(absl::StrCat("KIOTO_WORKER_THREADS is \"", value, "\"")));
  }
}

}  // namespace
}  // namespace kioto::base
