#include "kioto/fs/mount.h"

#include "kioto/runtime/base/config.h"

#if defined(__linux__) && !KIOTO_PORTABLE
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

namespace kioto::fs::internal {
namespace {

constexpr int kKindBits = 2;

uint64_t Slot(MountId id, MountKind kind) { return id << kKindBits | static_cast<uint64_t>(kind); }
MountKind KindOf(uint64_t slot) { return static_cast<MountKind>(slot & ((1 << kKindBits) - 1)); }

#if defined(__linux__) && !KIOTO_PORTABLE
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
MountKind Ask(int fd) {
  struct statfs system;
  if (::fstatfs(fd, &system) != 0) return MountKind::kUnknown;
  switch (static_cast<uint32_t>(system.f_type)) {
    case EXT4_SUPER_MAGIC:  // ext2 and ext3, too
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
      return MountKind::kDisk;
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
      return MountKind::kMemory;
    default:
      return MountKind::kOther;
  }
}
#else
MountKind Ask(int) { return MountKind::kUnknown; }
#endif

}  // namespace

MountKind MountTable::Known(MountId id) const {
  if (id == 0) return MountKind::kUnknown;
  for (const base::Atomic<uint64_t>& slot : slots_) {
    const uint64_t known = slot.load(std::memory_order_relaxed);  // relaxed: pairs with Learn
    if (known == 0) break;
    if (known == Slot(id, KindOf(known))) return KindOf(known);
  }
  return MountKind::kUnknown;
}

MountKind MountTable::Learn(int fd, MountId id) {
  MountKind kind = Known(id);
  if (id == 0 || kind != MountKind::kUnknown) return kind;
  kind = Ask(fd);
  if (kind == MountKind::kUnknown) return kind;
  const uint64_t entry = Slot(id, kind);
  for (base::Atomic<uint64_t>& slot : slots_) {
    uint64_t there = 0;
    // relaxed: pairs with the loads of Known, which take a slot whole or not at all, and nothing else from it
    if (slot.compare_exchange_strong(there, entry, std::memory_order_relaxed)) break;
    if (there == entry) break;  // race 1
  }
  return kind;
}

MountTable& Mounts() {
  static MountTable table;
  return table;
}

}  // namespace kioto::fs::internal
