#include "kioto/fs/now.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/sys.h"

#if defined(__linux__) && !KIOTO_PORTABLE
#include <sys/stat.h>
#include <sys/uio.h>
#endif

namespace kioto::fs::internal {

#if defined(__linux__) && !KIOTO_PORTABLE
namespace {

namespace sys = base::sys;

constexpr unsigned kUniqueMountId = 0x4000;  // STATX_MNT_ID_UNIQUE, Linux 6.8

bool MayOpen(const FileLook& look, uint64_t most, const MountTable& mounts) {
  if (!look.regular || look.size > most) return false;
  const MountKind kind = mounts.Known(look.mount);
  return kind == MountKind::kDisk || kind == MountKind::kMemory;
}

// Whether a read that gave nothing is to be believed: with RWF_NOWAIT Linux 5.9 and 5.10 say so before the end, too (preadv2(2), BUGS).
bool AtEnd(int fd, MountKind kind, int64_t offset) {
  if (kind != MountKind::kDisk) return kind == MountKind::kMemory;
  const FileLook look = LookAt(fd);
  return look.regular && (offset >= 0 ? offset : ::lseek(fd, 0, SEEK_CUR)) >= static_cast<int64_t>(look.size);
}

}  // namespace

// Before Linux 6.8 a mount has no number that is never given again; but what has a block device, whose number is seldom given again
// to something else, is told by that.
FileLook LookAt(int fd) {
  struct statx st;
  if (sys::StatxCached(fd, STATX_TYPE | STATX_SIZE | kUniqueMountId, &st) != 0) return {};
  FileLook look{S_ISREG(st.stx_mode), st.stx_size, 0};
  if (st.stx_dev_major != 0) look.mount = uint64_t{st.stx_dev_major} << 32 | st.stx_dev_minor;
#if defined(STATX_MNT_ID)  // and so the field, Linux 5.8
  if ((st.stx_mask & kUniqueMountId) != 0) look.mount = st.stx_mnt_id;
#endif
  return look;
}

bool MayReadNow(int fd, const FileLook& look) { return look.regular && (::fcntl(fd, F_GETFL) & O_DIRECT) == 0; }

// First without opening what is there: opening a FIFO or a device is an event, and on a network a question.
int OpenNow(const char* path, uint64_t most, FileLook* look, const MountTable& mounts) {
  const int found = sys::OpenCached(path, O_PATH);
  if (found < 0) return -1;
  *look = LookAt(found);
  sys::Close(found);
  if (!MayOpen(*look, most, mounts)) return -1;
  // O_NONBLOCK: not behind a lease (fcntl, F_SETLEASE), nor for whoever would open the other end of a FIFO.
  const int fd = sys::OpenCached(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return -1;
  *look = LookAt(fd);
  if (MayOpen(*look, most, mounts) && ::fcntl(fd, F_SETFL, 0) == 0) return fd;  // as a job opens it
  sys::Close(fd);  // of something else that has taken its place
  return -1;
}

ssize_t ReadNow(int fd, MountKind kind, MutableBytes into, int64_t offset) {
  const iovec part{into.data(), std::min(into.size(), kMaxReadNow)};
  const ssize_t n = sys::Preadv2(fd, &part, 1, offset, kind == MountKind::kMemory ? 0 : RWF_NOWAIT);
  return n != 0 || AtEnd(fd, kind, offset) ? n : -EAGAIN;
}
#else
FileLook LookAt(int) { return {}; }
bool MayReadNow(int, const FileLook&) { return false; }
int OpenNow(const char*, uint64_t, FileLook*, const MountTable&) { return -1; }
ssize_t ReadNow(int, MountKind, MutableBytes, int64_t) { return -EOPNOTSUPP; }
#endif

}  // namespace kioto::fs::internal
