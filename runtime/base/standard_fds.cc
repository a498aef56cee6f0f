#include "kioto/runtime/base/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "kioto/runtime/base/sys.h"

namespace kioto::base {

void FillStandardFds() {
  const auto open = [](int fd) { return ::fcntl(fd, F_GETFD) != -1 || errno != EBADF; };
  if (open(STDIN_FILENO) && open(STDOUT_FILENO) && open(STDERR_FILENO)) return;
  // Open gives the lowest number that is free. One of the three is never given back: another thread may count on it by now.
  for (;;) {
    const int null = sys::Open("/dev/null", O_RDWR, 0);
    if (null > STDERR_FILENO) sys::Close(null);
    if (null < 0 || null > STDERR_FILENO) return;
    ::fcntl(null, F_SETFD, 0);  // a child's too
  }
}

}  // namespace kioto::base
