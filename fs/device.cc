#include "kioto/fs/device.h"

#include "kioto/runtime/base/config.h"

#if defined(__linux__) && !KIOTO_PORTABLE
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

namespace kioto::fs::internal {
namespace {

constexpr int kKindBits = 2;

uint64_t Slot(dev_t device, DeviceKind kind) { return uint64_t{device} << kKindBits | static_cast<uint64_t>(kind); }
DeviceKind KindOf(uint64_t slot) { return static_cast<DeviceKind>(slot & ((1 << kKindBits) - 1)); }

#if defined(__linux__) && !KIOTO_PORTABLE
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
DeviceKind Ask(int fd) {
  struct statfs system;
  if (::fstatfs(fd, &system) != 0) return DeviceKind::kUnknown;
  switch (static_cast<uint64_t>(system.f_type)) {
    case EXT4_SUPER_MAGIC:  // ext2 and ext3, too
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
      return DeviceKind::kDisk;
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
      return DeviceKind::kMemory;
    default:
      return DeviceKind::kOther;
  }
}
#else
DeviceKind Ask(int) { return DeviceKind::kUnknown; }
#endif

}  // namespace

DeviceKind DeviceTable::Known(dev_t device) const {
  for (const base::Atomic<uint64_t>& slot : slots_) {
    const uint64_t known = slot.load(std::memory_order_relaxed);  // relaxed: it orders nothing else
    if (known == 0) break;
    if (known == Slot(device, KindOf(known))) return KindOf(known);
  }
  return DeviceKind::kUnknown;
}

DeviceKind DeviceTable::Learn(int fd, dev_t device) {
  DeviceKind kind = Known(device);
  if (kind != DeviceKind::kUnknown) return kind;
  kind = Ask(fd);
  if (kind == DeviceKind::kUnknown) return kind;
  const uint64_t entry = Slot(device, kind);
  for (base::Atomic<uint64_t>& slot : slots_) {
    uint64_t there = 0;
    // relaxed: as above
    if (slot.compare_exchange_strong(there, entry, std::memory_order_relaxed, std::memory_order_relaxed) || there == entry) break;
  }
  return kind;
}

DeviceTable& Devices() {
  static DeviceTable table;
  return table;
}

}  // namespace kioto::fs::internal
