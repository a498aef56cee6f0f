// OpenFds: how many fds this process has, to see that none was left behind.
//
//   const int before = OpenFds();
//   { ... }
//   EXPECT_EQ(OpenFds(), before);
#ifndef KIOTO_RUNTIME_BASE_TESTING_OPEN_FDS_H_
#define KIOTO_RUNTIME_BASE_TESTING_OPEN_FDS_H_

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "kioto/runtime/base/check.h"

namespace kioto {

// And always the same number more: only to be compared. What other threads open and close meanwhile may be in it, or not.
// Not in it: the program's own file and its libraries, which Abseil's symbolizer keeps open from the first report of a stall on;
// and /proc, which a runtime's monitor reads.
inline int OpenFds() {
  char buf[PATH_MAX];
  const auto target = [&buf](int dir, const char* link) {
    const ssize_t n = ::readlinkat(dir, link, buf, sizeof(buf));
    return absl::string_view(buf, n < 0 ? 0 : n);
  };
  const std::string program(target(AT_FDCWD, "/proc/self/exe"));
  int count = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  KIOTO_CHECK(dir != nullptr, "no /proc/self/fd");
  while (const dirent* fd = ::readdir(dir)) {
    const absl::string_view file = target(::dirfd(dir), fd->d_name);
    const absl::string_view name = file.substr(file.rfind('/') + 1);
    if (absl::StartsWith(file, "/proc/")) continue;
    if (file != program && !absl::EndsWith(name, ".so") && !absl::StrContains(name, ".so.")) ++count;
  }
  ::closedir(dir);
  return count;
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_BASE_TESTING_OPEN_FDS_H_
