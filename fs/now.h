// What a worker does of a file itself: opening and reading what the system has in memory. Where it would, or might, have to wait, or
// anything fails, a job does the whole operation, and tells of an error.
//
// Whoever follows a link whose time of access is due (relatime: after it was made, and once a day) has to write it, which
// RESOLVE_CACHED refuses: a job does.
//
// The rule: nothing that waits for a disk, a network or a program (mount.h); and at most kMaxReadNow bytes at a time. What no
// call tells of, and a worker then waits for: a guard who is asked of each opening or read (fanotify, as virus scanners do; IMA),
// memory that was swapped out, room in the journal for the time of the access (relatime: the first read after a change), the end
// of a file that was removed meanwhile, and somebody else who reads slowly by the same cursor.
#ifndef KIOTO_FS_NOW_H_
#define KIOTO_FS_NOW_H_

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kioto/fs/mount.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/io/buffer.h"

namespace kioto::fs::internal {

inline constexpr size_t kMaxReadNow = 256 * 1024;  // bytes: some 30 us of copying

// What the system knows of a file without asking anybody.
struct FileLook {
  bool regular = false;
  uint64_t size = 0;
  MountId mount = 0;
};
// Nothing of it if that fails.
FileLook LookAt(int fd);
// Whether ReadNow is for this file: a regular one whose bytes come by way of the system's memory (no O_DIRECT).
bool MayReadNow(int fd, const FileLook& look);

// A regular file of `most` bytes at most, for reading: its fd. -1: a job's.
int OpenNow(const char* path, uint64_t most, FileLook* look, const MountTable& mounts = Mounts());

// Bytes from `offset`, or from the cursor (-1), which moves: as many as are in memory; 0: the end. Negative: a job's, and unless
// it is -EAGAIN those that follow, too. `into` is not empty.
ssize_t ReadNow(int fd, MountKind kind, MutableBytes into, int64_t offset);

inline constexpr size_t kBytesPerUnit = 512;  // as IoHandle's

// Beside the unit of budget that an operation costs: what it moved.
inline void SpendBytes(Context& cx, size_t bytes) {
  int& left = cx.scope().budget;
  if (left > 0) left -= static_cast<int>(std::min(static_cast<size_t>(left), bytes / kBytesPerUnit));
}

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_NOW_H_
