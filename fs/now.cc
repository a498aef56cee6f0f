#include "kioto/fs/now.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::fs::internal {

#if defined(__linux__) && !KIOTO_PORTABLE
namespace {

namespace sys = base::sys;

bool MayOpen(mode_t mode, dev_t device) {
  const DeviceKind kind = Devices().Known(device);
  return S_ISREG(mode) && (kind == DeviceKind::kDisk || kind == DeviceKind::kMemory);
}

// Whether a read that gave nothing is to be believed: with RWF_NOWAIT Linux 5.9 and 5.10 say so before the end, too (preadv2(2), BUGS).
bool AtEnd(int fd, DeviceKind kind, int64_t offset) {
  if (kind != DeviceKind::kDisk) return kind == DeviceKind::kMemory;
  struct stat st;
  if (sys::Fstat(fd, &st) != 0) return false;
  return (offset >= 0 ? offset : ::lseek(fd, 0, SEEK_CUR)) >= st.st_size;
}

}  // namespace

// First without opening what is there: opening a FIFO or a device is an event, and on a network a question.
int OpenNow(const char* path, struct stat* st) {
  const int found = sys::OpenCached(path, O_PATH);
  if (found < 0) return -1;
  struct statx known;
  const int error = sys::StatxCached(found, &known);
  sys::Close(found);
  if (error < 0 || !MayOpen(known.stx_mode, ::makedev(known.stx_dev_major, known.stx_dev_minor))) return -1;
  // O_NONBLOCK: not behind a lease (fcntl, F_SETLEASE).
  const int fd = sys::OpenCached(path, O_RDONLY | O_NONBLOCK);
  if (fd < 0) return -1;
  if (sys::Fstat(fd, st) == 0 && MayOpen(st->st_mode, st->st_dev)) return fd;
  sys::Close(fd);  // of something else that has taken its place
  return -1;
}

ssize_t ReadNow(int fd, DeviceKind kind, MutableBytes into, int64_t offset) {
  const iovec part{into.data(), std::min(into.size(), kMaxReadNow)};
  const ssize_t n = sys::Preadv2(fd, &part, 1, offset, kind == DeviceKind::kMemory ? 0 : RWF_NOWAIT);
  return n != 0 || AtEnd(fd, kind, offset) ? n : -EAGAIN;
}
#else
int OpenNow(const char*, struct stat*) { return -1; }
ssize_t ReadNow(int, DeviceKind, MutableBytes, int64_t) { return -EOPNOTSUPP; }
#endif

}  // namespace kioto::fs::internal
