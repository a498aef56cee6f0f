#include "kioto/fs/mount.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"

#if defined(__linux__) && !KIOTO_PORTABLE

namespace kioto::fs::internal {
namespace {

class MountTest : public testing::Test {
 protected:
  ~MountTest() override {
    ::close(memory_);
    ::close(proc_);
  }

  const int memory_ = ::memfd_create("mount_test", MFD_CLOEXEC);
  const int proc_ = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  MountTable table_;
};

TEST_F(MountTest, WhatNobodyAskedOfIsUnknown) {
  EXPECT_EQ(table_.Known(1), MountKind::kUnknown);
  table_.Learn(proc_, 2);
  EXPECT_EQ(table_.Known(1), MountKind::kUnknown);
}

TEST_F(MountTest, TellsMemoryFromWhatMayWait) {
  EXPECT_EQ(table_.Learn(memory_, 1), MountKind::kMemory);
  EXPECT_EQ(table_.Learn(proc_, 2), MountKind::kOther);
  EXPECT_EQ(table_.Known(1), MountKind::kMemory);
  EXPECT_EQ(table_.Known(2), MountKind::kOther);
}

TEST_F(MountTest, AsksOnce) {
  table_.Learn(memory_, 1);
  EXPECT_EQ(table_.Learn(proc_, 1), MountKind::kMemory);  // nobody asks of that file
}

TEST_F(MountTest, WhatCannotBeAskedIsNotKept) {
  EXPECT_EQ(table_.Learn(-1, 7), MountKind::kUnknown);
  EXPECT_EQ(table_.Learn(memory_, 7), MountKind::kMemory);
}

TEST_F(MountTest, WhatHasNoNumberIsNotKept) {
  EXPECT_EQ(table_.Learn(memory_, 0), MountKind::kUnknown);
  EXPECT_EQ(table_.Known(0), MountKind::kUnknown);
}

TEST_F(MountTest, AFullTableKeepsWhatItHas) {
  for (MountId id = 1; id <= MountTable::kSlots; ++id) table_.Learn(memory_, id);
  EXPECT_EQ(table_.Learn(memory_, MountTable::kSlots + 1), MountKind::kMemory);
  EXPECT_EQ(table_.Known(MountTable::kSlots), MountKind::kMemory);
  EXPECT_EQ(table_.Known(MountTable::kSlots + 1), MountKind::kUnknown);
}

// All of them fit only if each has one slot.
TEST_F(MountTest, ManyThreadsThatLearnOfTheSameKeepItOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (MountId id = 1; id <= MountTable::kSlots; ++id) {
        EXPECT_EQ(table_.Learn(memory_, id), MountKind::kMemory);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (MountId id = 1; id <= MountTable::kSlots; ++id) EXPECT_EQ(table_.Known(id), MountKind::kMemory);
}

}  // namespace
}  // namespace kioto::fs::internal

#endif
