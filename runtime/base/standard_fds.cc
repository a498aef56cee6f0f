#include "kioto/runtime/base/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "kioto/runtime/base/sys.h"

namespace kioto::base {

void FillStandardFds() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    const int null = sys::Open("/dev/null", O_RDWR, 0);  // the lowest number that is free: this one
    if (null == fd) {
      ::fcntl(null, F_SETFD, 0);  // a child's too
    } else if (null >= 0) {
      sys::Close(null);  // another thread was quicker
    }
  }
}

}  // namespace kioto::base
