#include "kioto/fs/walk_job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/fs/job.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/path.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::fs::internal {

// An open directory, read up to somewhere. ReadSome calls fn(name, type, ino) for its next entries: 0 at the end, or -errno.
#if defined(__linux__) && !KIOTO_PORTABLE
// Without readdir: its lock, its memory and what it asks of the system cost a small directory a tenth of the whole.
class OpenWalkDir {
 public:
  explicit OpenWalkDir(int fd) : fd_(fd) {}
  ~OpenWalkDir() { base::sys::Close(fd_); }
  OpenWalkDir(const OpenWalkDir&) = delete;
  OpenWalkDir& operator=(const OpenWalkDir&) = delete;

  int fd() const { return fd_; }
  template <class Fn>
  int ReadSome(char* buffer, size_t size, Fn fn) {
    const ssize_t got = ::getdents64(fd_, buffer, size);
    if (got < 0) return errno == ENOENT ? 0 : -errno;  // it was removed meanwhile
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      fn(entry->d_name, entry->d_type, entry->d_ino);
      at += entry->d_reclen;
    }
    return got > 0 ? 1 : 0;
  }

 private:
  const int fd_;
};
#else
class OpenWalkDir {
 public:
  explicit OpenWalkDir(int fd) : fd_(fd), dir_(::fdopendir(fd)), error_(dir_ == nullptr ? errno : 0) {}
  ~OpenWalkDir() {
    if (dir_ == nullptr) {
      base::sys::Close(fd_);
    } else {
      ::closedir(dir_);
    }
  }
  OpenWalkDir(const OpenWalkDir&) = delete;
  OpenWalkDir& operator=(const OpenWalkDir&) = delete;

  int fd() const { return fd_; }
  template <class Fn>
  int ReadSome(char*, size_t, Fn fn) {
    if (dir_ == nullptr) return -error_;
    errno = 0;
    const dirent* entry = ::readdir(dir_);
    if (entry == nullptr) return -errno;
    fn(entry->d_name, entry->d_type, entry->d_ino);
    return 1;
  }

 private:
  const int fd_;
  DIR* const dir_;
  const int error_;
};
#endif

namespace {

constexpr size_t kBuffer = 16 * 1024;  // bytes: what the system says of some 500 entries
constexpr int64_t kJobNs = 200'000;    // after that a job begins no further directory: it took many times what handing it over does
constexpr char kName[] = "fs::WalkDir";

FileType OfMode(mode_t mode) {
  return S_ISREG(mode) ? FileType::kFile : S_ISDIR(mode) ? FileType::kDir : S_ISLNK(mode) ? FileType::kSymlink : FileType::kOther;
}

void Add(WalkBatch& batch, absl::string_view name, FileType type, ino_t ino) {
  batch.entries.push_back({ino, batch.names.size(), static_cast<uint32_t>(name.size()), type});
  batch.names.append(name.data(), name.size());
}

// Reads one directory, or looks at the root. Gives 0 or an errno.
class Reading {
 public:
  Reading(WalkTarget target, const WalkJob& job, char* buffer) : target_(std::move(target)), job_(job), buffer_(buffer) {}

  WalkBatch Run() {
    WalkBatch batch;
    if (batch.error = base::CheckPath(kName, target_.path); !batch.error.ok()) return batch;
    const int error = target_.depth < 0 ? LookAtRoot(batch) : Read(batch);
    if (error != 0) batch.error = PathError(error, kName, target_.path);
    return batch;
  }

 private:
  int LookAtRoot(WalkBatch& batch) {
    struct stat st;
    if (::stat(target_.path.c_str(), &st) != 0) return errno;
    Add(batch, target_.path, OfMode(st.st_mode), st.st_ino);
    return 0;
  }

  int Open(WalkBatch& batch) {
    const bool through_links = job_.follow_links || target_.depth == 0;
    const int fd = base::sys::Open(target_.path.c_str(), O_RDONLY | O_DIRECTORY | (through_links ? 0 : O_NOFOLLOW), 0);
    if (fd < 0) return -fd;
    target_.dir = std::make_shared<OpenWalkDir>(fd);
    if (!job_.follow_links) return 0;
    struct stat st;
    if (const int error = base::sys::Fstat(fd, &st); error < 0) return -error;
    for (const WalkAncestor* a = target_.above.get(); a != nullptr; a = a->above.get()) {
      if (a->dev == st.st_dev && a->ino == st.st_ino) return ELOOP;
    }
    batch.self = std::make_shared<WalkAncestor>(WalkAncestor{st.st_dev, st.st_ino, std::move(target_.above)});
    return 0;
  }

  int Read(WalkBatch& batch) {
    if (target_.dir == nullptr) {
      if (const int error = Open(batch)) return error;
    } else {
      batch.self = std::move(target_.above);
    }
    const auto take = [&](const char* entry, unsigned char type, ino_t ino) {
      const absl::string_view name = entry;
      if (name != "." && name != "..") Add(batch, name, TypeOf(entry, type), ino);
    };
    while (job_.sorted || batch.entries.size() < kWalkBatch) {
      const int more = target_.dir->ReadSome(buffer_, kBuffer, take);
      if (more > 0) continue;
      Sort(batch);
      return -more;
    }
    batch.rest = std::move(target_.dir);
    return 0;
  }

  FileType TypeOf(const char* name, unsigned char type) const {
    mode_t mode = DTTOIF(type);
    struct stat st;
    if (type == DT_UNKNOWN && ::fstatat(target_.dir->fd(), name, &st, AT_SYMLINK_NOFOLLOW) == 0) mode = st.st_mode;
    if (job_.follow_links && S_ISLNK(mode) && ::fstatat(target_.dir->fd(), name, &st, 0) == 0) mode = st.st_mode;
    return OfMode(mode);
  }

  void Sort(WalkBatch& batch) const {
    if (!job_.sorted) return;
    std::sort(batch.entries.begin(), batch.entries.end(),
              [&batch](const WalkFound& a, const WalkFound& b) { return batch.NameOf(a) < batch.NameOf(b); });
  }

  WalkTarget target_;
  const WalkJob& job_;
  char* const buffer_;
};

}  // namespace

Poll<WalkBatches> WalkJob::PollOnce(Context&) {
  const int64_t until = base::MonotonicNanos() + kJobNs;
  const std::unique_ptr<char[]> buffer(new char[kBuffer]);
  WalkBatches batches;
  size_t entries = 0;
  do {
    batches.of.push_back(Reading(std::move(targets[batches.of.size()]), *this, buffer.get()).Run());
    entries += batches.of.back().entries.size();
    batches.quick = entries < kWalkBatch && base::MonotonicNanos() < until;
  } while (batches.quick && batches.of.size() < targets.size());
  return batches;
}

}  // namespace kioto::fs::internal
