// What tests of files need: a directory of their own, and a thread that may not do all that root may.
#ifndef KIOTO_FS_TESTING_FS_H_
#define KIOTO_FS_TESTING_FS_H_

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/tests/conformance/flavours.h"

#if defined(__linux__)
#include <linux/capability.h>
#include <sys/syscall.h>
#endif

namespace kioto::fs {

// While it lives all is left to jobs, also what a worker would do itself.
class ByJobsAlone {
 public:
  // Whether a worker would have done any of it.
  bool was_met() const { return no_opens_.hits() + no_reads_.hits() > 0; }

 private:
  base::sys::ScopedFault no_opens_{base::sys::Call::kOpenCached, base::sys::Fault::Every(EAGAIN)};
  base::sys::ScopedFault no_reads_{base::sys::Call::kPreadv2, base::sys::Fault::Every(EAGAIN)};
};

// Whether a read of what the system has in memory needs no job.
#if defined(__linux__) && !KIOTO_PORTABLE
inline constexpr bool kReadsFromMemory = true;
#else
inline constexpr bool kReadsFromMemory = false;
#endif

inline std::string NewTestDir() {
  std::string dir = testing::TempDir() + "/fs_XXXXXX";
  EXPECT_NE(::mkdtemp(&dir[0]), nullptr);
  return dir;
}

// From here on permissions bind this thread, whoever runs the test.
inline void GiveUpPrivileges() {
#if defined(__linux__)
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, /*pid: this thread*/ 0};
  __user_cap_data_struct data[2] = {};
  ASSERT_EQ(::syscall(SYS_capget, &header, data), 0);
  data[0].effective &= ~((1u << CAP_DAC_OVERRIDE) | (1u << CAP_DAC_READ_SEARCH));
  ASSERT_EQ(::syscall(SYS_capset, &header, data), 0);
#endif
}

class FsTest : public FlavourTest {
 protected:
  template <class F>
  auto Run(F future) {
    return runtime().BlockOn(std::move(future));
  }
  std::string In(const std::string& name) const { return dir_ + "/" + name; }
  // body(), as workers and jobs do it, and as jobs do it alone.
  template <class Body>
  static void BothWays(Body body) {
    body();
    const ByJobsAlone by_jobs;
    body();
    EXPECT_EQ(by_jobs.was_met(), kReadsFromMemory);
  }

  const std::string dir_ = NewTestDir();
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_TESTING_FS_H_
