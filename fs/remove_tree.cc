#include "kioto/fs/remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/string_view.h"

namespace kioto::fs::internal {
namespace {

// Below an open directory, by its fd: nobody can exchange a directory for a link meanwhile. 0, or errno.
int RemoveAt(int parent, const char* name) {
  if (::unlinkat(parent, name, 0) == 0) return 0;
  const int why = errno;  // EPERM: some systems say that of a directory, and all of a file that may not be removed
  if (why != EISDIR && why != EPERM) return why;
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return why == EPERM ? EPERM : errno;
  DIR* const dir = ::fdopendir(fd);
  if (dir == nullptr) {
    const int error = errno;
    ::close(fd);
    return error;
  }
  int error = 0;
  while (error == 0) {
    errno = 0;
    const dirent* entry = ::readdir(dir);
    if (entry == nullptr) {
      error = errno;
      break;
    }
    const absl::string_view child = entry->d_name;
    if (child != "." && child != "..") error = RemoveAt(fd, entry->d_name);
    if (error == ENOENT) error = 0;  // somebody else was quicker
  }
  ::closedir(dir);
  if (error != 0) return error;
  return ::unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

}  // namespace

int RemoveTree(const char* path) { return RemoveAt(AT_FDCWD, path); }

}  // namespace kioto::fs::internal
