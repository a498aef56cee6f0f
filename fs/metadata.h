// Metadata: what the system knows of a file; Permissions: who may do what with it.
#ifndef KIOTO_FS_METADATA_H_
#define KIOTO_FS_METADATA_H_

#include <sys/stat.h>

#include <cstdint>

namespace kioto::fs {

class Permissions {
 public:
  explicit Permissions(uint32_t mode) : mode_(mode & 07777) {}
  uint32_t mode() const { return mode_; }
  // Nobody may write.
  bool readonly() const { return (mode_ & 0222) == 0; }
  // On: takes the right to write from everybody. Off: gives it to everybody.
  void SetReadonly(bool on) { mode_ = on ? mode_ & ~0222u : mode_ | 0222u; }
  friend bool operator==(Permissions a, Permissions b) { return a.mode_ == b.mode_; }
  friend bool operator!=(Permissions a, Permissions b) { return a.mode_ != b.mode_; }

 private:
  uint32_t mode_;
};

class Metadata {
 public:
  explicit Metadata(const struct stat& st) : stat_(st) {}
  uint64_t size() const { return static_cast<uint64_t>(stat_.st_size); }
  bool is_file() const { return S_ISREG(stat_.st_mode); }
  bool is_dir() const { return S_ISDIR(stat_.st_mode); }
  bool is_symlink() const { return S_ISLNK(stat_.st_mode); }
  uint64_t ino() const { return stat_.st_ino; }
  Permissions permissions() const { return Permissions(stat_.st_mode); }
  // All of it: times, owner, links.
  const struct stat& raw() const { return stat_; }

 private:
  struct stat stat_;
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_METADATA_H_
