// What a worker does of a file itself: opening and reading what the system has in memory. Where it would, or might, have to wait, or
// anything fails, a job does the whole operation, and tells of an error.
//
// The rule: nothing that may wait for a disk, a network or a program (device.h); and at most kMaxReadNow bytes at a time.
#ifndef KIOTO_FS_NOW_H_
#define KIOTO_FS_NOW_H_

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kioto/fs/device.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/io/buffer.h"

struct stat;

namespace kioto::fs::internal {

inline constexpr size_t kMaxReadNow = 256 * 1024;  // bytes: some 30 us of copying

// A regular file, for reading: its fd, and what fstat says of it. -1: a job's.
int OpenNow(const char* path, struct stat* st);

// Bytes from `offset`, or from the cursor (-1), which moves: as many as are in memory; 0: the end. Negative: a job's, and unless
// it is -EAGAIN those that follow, too.
ssize_t ReadNow(int fd, DeviceKind kind, MutableBytes into, int64_t offset);

// Beside the unit of budget that an operation costs: one for each 512 bytes that it moved, as of a socket.
inline void SpendBytes(Context& cx, size_t bytes) {
  int& left = cx.scope().budget;
  if (left > 0) left -= static_cast<int>(std::min(static_cast<size_t>(left), bytes / 512));
}

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_NOW_H_
