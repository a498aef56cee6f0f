#include "kioto/runtime/base/standard_fds.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

// A standard stream of this program is away in its scope. Nothing may be printed there.
class WithoutFd {
 public:
  explicit WithoutFd(int fd) : fd_(fd), kept_(::fcntl(fd, F_DUPFD_CLOEXEC, 3)) { ::close(fd); }
  ~WithoutFd() {
    ::dup2(kept_, fd_);
    ::close(kept_);
  }
  WithoutFd(const WithoutFd&) = delete;
  WithoutFd& operator=(const WithoutFd&) = delete;

 private:
  const int fd_;
  const int kept_;
};

bool IsNull(int fd) {
  struct stat is = {}, null = {};
  return ::fstat(fd, &is) == 0 && ::stat("/dev/null", &null) == 0 && S_ISCHR(is.st_mode) && is.st_rdev == null.st_rdev;
}

TEST(StandardFdsTest, WhatIsClosedBecomesNull) {
  for (int fd = 0; fd <= 2; ++fd) {
    bool is_null = false;
    int flags = -1;
    {
      const WithoutFd without(fd);
      FillStandardFds();
      is_null = IsNull(fd);
      flags = ::fcntl(fd, F_GETFD);
    }
    EXPECT_TRUE(is_null) << fd;
    EXPECT_EQ(flags, 0) << fd << " is not inherited";
  }
}

TEST(StandardFdsTest, AllThree) {
  bool all_null = false;
  {
    const WithoutFd in(0), out(1), err(2);
    FillStandardFds();
    all_null = IsNull(0) && IsNull(1) && IsNull(2);
  }
  EXPECT_TRUE(all_null);
}

TEST(StandardFdsTest, WhatIsOpenStays) {
  struct stat before[3], after[3];
  for (int fd = 0; fd <= 2; ++fd) ASSERT_EQ(::fstat(fd, &before[fd]), 0);
  FillStandardFds();
  for (int fd = 0; fd <= 2; ++fd) {
    ASSERT_EQ(::fstat(fd, &after[fd]), 0);
    EXPECT_EQ(after[fd].st_ino, before[fd].st_ino);
    EXPECT_EQ(after[fd].st_dev, before[fd].st_dev);
  }
}

}  // namespace
}  // namespace kioto::base
