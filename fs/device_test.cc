#include "kioto/fs/device.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"

#if defined(__linux__) && !KIOTO_PORTABLE

namespace kioto::fs::internal {
namespace {

// An fd, and the device of what it leads to.
struct Opened {
  explicit Opened(int of) : fd(of) {
    struct stat st;
    EXPECT_EQ(::fstat(fd, &st), 0);
    device = st.st_dev;
  }
  ~Opened() { ::close(fd); }
  Opened(const Opened&) = delete;

  int fd;
  dev_t device;
};

class DeviceTest : public testing::Test {
 protected:
  const Opened memory_{::memfd_create("device_test", MFD_CLOEXEC)};
  const Opened proc_{::open("/proc/self/status", O_RDONLY | O_CLOEXEC)};
  DeviceTable table_;
};

TEST_F(DeviceTest, WhatNobodyAskedOfIsUnknown) {
  EXPECT_EQ(table_.Known(memory_.device), DeviceKind::kUnknown);
  EXPECT_EQ(table_.Known(0), DeviceKind::kUnknown);
  table_.Learn(proc_.fd, proc_.device);
  EXPECT_EQ(table_.Known(memory_.device), DeviceKind::kUnknown);
}

TEST_F(DeviceTest, TellsMemoryFromWhatMayWait) {
  EXPECT_EQ(table_.Learn(memory_.fd, memory_.device), DeviceKind::kMemory);
  EXPECT_EQ(table_.Learn(proc_.fd, proc_.device), DeviceKind::kOther);
  EXPECT_EQ(table_.Known(memory_.device), DeviceKind::kMemory);
  EXPECT_EQ(table_.Known(proc_.device), DeviceKind::kOther);
}

TEST_F(DeviceTest, AsksOnce) {
  table_.Learn(memory_.fd, memory_.device);
  EXPECT_EQ(table_.Learn(proc_.fd, memory_.device), DeviceKind::kMemory);  // by another file: nobody asks of it
}

TEST_F(DeviceTest, WhatCannotBeAskedIsNotKept) {
  EXPECT_EQ(table_.Learn(-1, 7), DeviceKind::kUnknown);
  EXPECT_EQ(table_.Learn(memory_.fd, 7), DeviceKind::kMemory);
}

TEST_F(DeviceTest, AFullTableKeepsWhatItHas) {
  for (dev_t device = 1; device <= DeviceTable::kSlots; ++device) table_.Learn(memory_.fd, device);
  EXPECT_EQ(table_.Learn(memory_.fd, DeviceTable::kSlots + 1), DeviceKind::kMemory);
  EXPECT_EQ(table_.Known(DeviceTable::kSlots), DeviceKind::kMemory);
  EXPECT_EQ(table_.Known(DeviceTable::kSlots + 1), DeviceKind::kUnknown);
}

// All of them fit only if each has one slot.
TEST_F(DeviceTest, ManyThreadsThatLearnOfTheSameKeepItOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (dev_t device = 1; device <= DeviceTable::kSlots; ++device) {
        EXPECT_EQ(table_.Learn(memory_.fd, device), DeviceKind::kMemory);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (dev_t device = 1; device <= DeviceTable::kSlots; ++device) EXPECT_EQ(table_.Known(device), DeviceKind::kMemory);
}

}  // namespace
}  // namespace kioto::fs::internal

#endif
