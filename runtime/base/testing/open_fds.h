// OpenFds: how many fds this process has, to see that none was left behind.
//
//   const int before = OpenFds();
//   { ... }
//   EXPECT_EQ(OpenFds(), before);
#ifndef KIOTO_RUNTIME_BASE_TESTING_OPEN_FDS_H_
#define KIOTO_RUNTIME_BASE_TESTING_OPEN_FDS_H_

#include <dirent.h>

#include "kioto/runtime/base/check.h"

namespace kioto {

// And always the same number more: only to be compared. What other threads open and close meanwhile may be in it, or not.
inline int OpenFds() {
  int count = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  KIOTO_CHECK(dir != nullptr, "no /proc/self/fd");
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_BASE_TESTING_OPEN_FDS_H_
