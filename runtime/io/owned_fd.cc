#include "kioto/runtime/io/owned_fd.h"

#include "kioto/runtime/base/sys.h"

namespace kioto {

void OwnedFd::Close() {
  if (fd_ >= 0) base::sys::Close(std::exchange(fd_, -1));
}

}  // namespace kioto
