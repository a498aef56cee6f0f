#include "kioto/fs/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "kioto/fs/now.h"
#include "kioto/fs/remove_tree.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::fs {
namespace {

namespace sys = base::sys;
using internal::PathError;
using internal::Request;

constexpr size_t kLeastRoom = 32;  // shows the end of a file that is as long as it said, and of one that says 0 (/proc)
constexpr size_t kCopyBuffer = 128 * 1024;
constexpr size_t kMaxTextNow = 64 * 1024;  // bytes that a worker looks at: each character, where they are not ASCII

Status Result(int result, const char* what, const std::string& path) {
  return result == 0 ? OkStatus() : PathError(errno, what, path);
}

std::string To(const Request& r) { return absl::StrCat(r.path, " to ", r.other); }

// An fd for the time of one call.
class LocalFd {
 public:
  explicit LocalFd(int fd) : fd_(fd) {}
  ~LocalFd() {
    if (fd_ >= 0) sys::Close(fd_);
  }
  LocalFd(const LocalFd&) = delete;
  LocalFd& operator=(const LocalFd&) = delete;
  int get() const { return fd_; }
  int Close() { return sys::Close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

StatusOr<std::string> ReadAll(const char* what, const std::string& path) {
  const LocalFd fd(sys::Open(path.c_str(), O_RDONLY, 0));
  if (fd.get() < 0) return PathError(fd.get(), what, path);
  struct stat st;
  if (const int error = sys::Fstat(fd.get(), &st); error < 0) return PathError(error, what, path);
  internal::Mounts().Learn(fd.get(), internal::LookAt(fd.get()).mount);
  std::string data;
  size_t done = 0;
  data.resize(static_cast<size_t>(st.st_size > 0 ? st.st_size : 0) + kLeastRoom);
  while (true) {
    if (done == data.size()) data.resize(2 * data.size());
    const ssize_t n = sys::Read(fd.get(), &data[done], data.size() - done);
    if (n < 0) return PathError(static_cast<int>(n), what, path);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  data.resize(done);
  return data;
}

// The same of a file that the system has in memory, of `most` bytes at most. Nothing: a job does it.
std::optional<std::string> ReadAllNow(const std::string& path, size_t most, Context& cx) {
  internal::FileLook look;
  const LocalFd fd(internal::OpenNow(path.c_str(), most, &look));
  if (fd.get() < 0) return std::nullopt;
  std::string data(look.size, '\0');
  const ssize_t n = data.empty() ? 0 : internal::ReadNow(fd.get(), internal::Mounts().Known(look.mount), absl::MakeSpan(data), 0);
  if (n > 0) internal::SpendBytes(cx, static_cast<size_t>(n));
  if (n != static_cast<ssize_t>(data.size())) return std::nullopt;
  return data;
}

// By RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (uint64_t eight; text.size() - i >= sizeof(eight)) {  // mostly all of them are ASCII
      std::memcpy(&eight, text.data() + i, sizeof(eight));
      if ((eight & 0x8080808080808080u) == 0) {
        i += sizeof(eight);
        continue;
      }
    }
    const auto at = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned char lead = at(i++);
    if (lead < 0x80) continue;
    const size_t more = lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 0;
    if (more == 0 || text.size() - i < more) return false;
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at(i) < low || at(i) > high) return false;
    for (size_t k = 1; k < more; ++k) {
      if ((at(i + k) & 0xc0) != 0x80) return false;
    }
    i += more;
  }
  return true;
}

// What was read, if it is a text.
StatusOr<std::string> Text(StatusOr<std::string> bytes, const std::string& path) {
  if (bytes.ok() && !IsUtf8(*bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("fs::ReadToString ", path, ": not UTF-8; fs::Read takes any bytes"));
  }
  return bytes;
}

// 0, or -errno.
int WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = sys::Write(fd, bytes.data(), bytes.size());
    if (n < 0) return static_cast<int>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

// The number of bytes, or -errno.
int64_t CopyBytes(int from, int to) {
  int64_t total = 0;
#if defined(__linux__) && !KIOTO_PORTABLE
  // In the kernel, sharing blocks where the file system can; elsewhere it refuses before the first byte.
  while (true) {
    const ssize_t n = ::copy_file_range(from, nullptr, to, nullptr, size_t{1} << 30, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n > 0) total += n;
    if (n <= 0) break;
  }
#endif
  std::string buffer(kCopyBuffer, '\0');  // also what shows the end: files of /proc have bytes that the call above denies
  while (true) {
    const ssize_t n = sys::Read(from, &buffer[0], buffer.size());
    if (n <= 0) return n < 0 ? n : total;
    if (const int error = WriteAll(to, absl::string_view(buffer.data(), static_cast<size_t>(n))); error < 0) return error;
    total += n;
  }
}

StatusOr<uint64_t> CopyFile(Request& r) {
  const LocalFd from(sys::Open(r.path.c_str(), O_RDONLY, 0));
  if (from.get() < 0) return PathError(from.get(), "fs::Copy", To(r));
  struct stat st;
  if (const int error = sys::Fstat(from.get(), &st); error < 0) return PathError(error, "fs::Copy", To(r));
  if (!S_ISREG(st.st_mode)) return PathError(EINVAL, "fs::Copy (the source is no regular file)", r.path);
  LocalFd to(sys::Open(r.other.c_str(), O_WRONLY | O_CREAT, st.st_mode & 0777));
  if (to.get() < 0) return PathError(to.get(), "fs::Copy", To(r));
  struct stat old;
  if (const int error = sys::Fstat(to.get(), &old); error < 0) return PathError(error, "fs::Copy", To(r));
  if (old.st_dev == st.st_dev && old.st_ino == st.st_ino) return PathError(EINVAL, "fs::Copy (both are one file)", To(r));
  if (S_ISREG(old.st_mode) && ::ftruncate(to.get(), 0) != 0) return PathError(errno, "fs::Copy", To(r));
  const int64_t n = CopyBytes(from.get(), to.get());
  if (n < 0) return PathError(static_cast<int>(n), "fs::Copy", To(r));
  if (S_ISREG(old.st_mode) && ::fchmod(to.get(), st.st_mode & 07777) != 0) return PathError(errno, "fs::Copy", To(r));
  if (const int error = to.Close(); error < 0) return PathError(error, "fs::Copy", To(r));
  return static_cast<uint64_t>(n);
}

Status WriteFile(Request& r) {
  LocalFd fd(sys::Open(r.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666));
  if (fd.get() < 0) return PathError(fd.get(), "fs::Write", r.path);
  int error = WriteAll(fd.get(), r.bytes);
  if (error == 0) error = fd.Close();
  return error == 0 ? OkStatus() : PathError(error, "fs::Write", r.path);
}

bool IsDir(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

Status MakeDir(Request& r) {
  return Result(::mkdir(r.path.c_str(), static_cast<mode_t>(r.number)), "fs::CreateDir", r.path);
}

Status MakeDirs(Request& r) {
  const auto mode = static_cast<mode_t>(r.number);
  // The longest prefix first: mostly all but the last is there.
  size_t end = r.path.size();
  while (end > 0) {
    const std::string prefix = r.path.substr(0, end);
    if (::mkdir(prefix.c_str(), mode) == 0 || IsDir(prefix)) break;
    if (errno != ENOENT) return PathError(errno == EEXIST ? ENOTDIR : errno, "fs::CreateDirAll", prefix);
    const size_t slash = r.path.find_last_of('/', end - 1);
    end = slash == std::string::npos ? 0 : slash;
  }
  while (end < r.path.size()) {
    end = r.path.find('/', end + 1);
    if (end == std::string::npos) end = r.path.size();
    const std::string prefix = r.path.substr(0, end);
    if (::mkdir(prefix.c_str(), mode) != 0) {
      const int error = errno;
      if (!IsDir(prefix)) return PathError(error, "fs::CreateDirAll", prefix);
    }
  }
  return OkStatus();
}

Status RemoveDirs(Request& r) {
  struct stat st;
  if (::lstat(r.path.c_str(), &st) != 0) return PathError(errno, "fs::RemoveDirAll", r.path);
  if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode)) return PathError(ENOTDIR, "fs::RemoveDirAll", r.path);
  const int error = internal::RemoveTree(r.path.c_str());
  return error == 0 || error == ENOENT ? OkStatus() : PathError(error, "fs::RemoveDirAll", r.path);
}

StatusOr<std::string> LinkTarget(Request& r) {
  std::string target(256, '\0');
  while (true) {
    const ssize_t n = ::readlink(r.path.c_str(), &target[0], target.size());
    if (n < 0) return PathError(errno, "fs::ReadLink", r.path);
    if (static_cast<size_t>(n) < target.size()) {
      target.resize(static_cast<size_t>(n));
      return target;
    }
    target.resize(2 * target.size());
  }
}

StatusOr<std::string> RealPath(Request& r) {
  char* const path = ::realpath(r.path.c_str(), nullptr);
  if (path == nullptr) return PathError(errno, "fs::Canonicalize", r.path);
  std::string result = path;
  ::free(path);
  return result;
}

StatusOr<bool> Exists(Request& r) {
  struct stat st;
  if (::stat(r.path.c_str(), &st) == 0) return true;
  if (errno == ENOENT) return false;
  return PathError(errno, "fs::TryExists", r.path);
}

Request Path(std::string path) {
  Request request;
  request.path = std::move(path);
  return request;
}
Request Path(std::string path, int64_t number) {
  Request request = Path(std::move(path));
  request.number = number;
  return request;
}
Request Paths(std::string path, std::string other) {
  Request request = Path(std::move(path));
  request.other = std::move(other);
  return request;
}

}  // namespace

JobFuture<StatusOr<std::string>> Read(std::string path) {
  const auto now = +[](Request& r, Context& cx) -> std::optional<StatusOr<std::string>> {
    return ReadAllNow(r.path, internal::kMaxReadNow, cx);
  };
  return {"fs::Read", +[](Request& r) { return ReadAll("fs::Read", r.path); }, Path(std::move(path)), now};
}
JobFuture<StatusOr<std::string>> ReadToString(std::string path) {
  const auto now = +[](Request& r, Context& cx) -> std::optional<StatusOr<std::string>> {
    std::optional<std::string> text = ReadAllNow(r.path, kMaxTextNow, cx);
    if (!text) return std::nullopt;
    return Text(*std::move(text), r.path);
  };
  return {"fs::ReadToString", +[](Request& r) { return Text(ReadAll("fs::ReadToString", r.path), r.path); }, Path(std::move(path)), now};
}
JobFuture<Status> Write(std::string path, std::string bytes) {
  Request request = Path(std::move(path));
  request.bytes = std::move(bytes);
  return {"fs::Write", &WriteFile, std::move(request)};
}
JobFuture<StatusOr<uint64_t>> Copy(std::string from, std::string to) {
  return {"fs::Copy", &CopyFile, Paths(std::move(from), std::move(to))};
}
JobFuture<Status> Rename(std::string from, std::string to) {
  const auto run = +[](Request& r) { return Result(::rename(r.path.c_str(), r.other.c_str()), "fs::Rename", To(r)); };
  return {"fs::Rename", run, Paths(std::move(from), std::move(to))};
}
JobFuture<Status> HardLink(std::string existing, std::string link) {
  const auto run = +[](Request& r) { return Result(::link(r.path.c_str(), r.other.c_str()), "fs::HardLink", To(r)); };
  return {"fs::HardLink", run, Paths(std::move(existing), std::move(link))};
}
JobFuture<Status> Symlink(std::string target, std::string link) {
  const auto run = +[](Request& r) { return Result(::symlink(r.path.c_str(), r.other.c_str()), "fs::Symlink", To(r)); };
  return {"fs::Symlink", run, Paths(std::move(target), std::move(link))};
}
JobFuture<StatusOr<std::string>> ReadLink(std::string path) { return {"fs::ReadLink", &LinkTarget, Path(std::move(path))}; }
JobFuture<StatusOr<std::string>> Canonicalize(std::string path) {
  return {"fs::Canonicalize", &RealPath, Path(std::move(path))};
}
JobFuture<Status> CreateDir(std::string path) { return DirBuilder().Create(std::move(path)); }
JobFuture<Status> CreateDirAll(std::string path) { return DirBuilder().Recursive(true).Create(std::move(path)); }
JobFuture<Status> DirBuilder::Create(std::string path) const {
  return {recursive_ ? "fs::CreateDirAll" : "fs::CreateDir", recursive_ ? &MakeDirs : &MakeDir, Path(std::move(path), mode_)};
}
JobFuture<Status> RemoveFile(std::string path) {
  const auto run = +[](Request& r) { return Result(::unlink(r.path.c_str()), "fs::RemoveFile", r.path); };
  return {"fs::RemoveFile", run, Path(std::move(path))};
}
JobFuture<Status> RemoveDir(std::string path) {
  const auto run = +[](Request& r) { return Result(::rmdir(r.path.c_str()), "fs::RemoveDir", r.path); };
  return {"fs::RemoveDir", run, Path(std::move(path))};
}
JobFuture<Status> RemoveDirAll(std::string path) { return {"fs::RemoveDirAll", &RemoveDirs, Path(std::move(path))}; }
JobFuture<StatusOr<Metadata>> GetMetadata(std::string path) {
  const auto run = +[](Request& r) -> StatusOr<Metadata> {
    struct stat st;
    if (::stat(r.path.c_str(), &st) != 0) return PathError(errno, "fs::GetMetadata", r.path);
    return Metadata(st);
  };
  return {"fs::GetMetadata", run, Path(std::move(path))};
}
JobFuture<StatusOr<Metadata>> SymlinkMetadata(std::string path) {
  const auto run = +[](Request& r) -> StatusOr<Metadata> {
    struct stat st;
    if (::lstat(r.path.c_str(), &st) != 0) return PathError(errno, "fs::SymlinkMetadata", r.path);
    return Metadata(st);
  };
  return {"fs::SymlinkMetadata", run, Path(std::move(path))};
}
JobFuture<Status> SetPermissions(std::string path, Permissions permissions) {
  const auto run = +[](Request& r) {
    return Result(::chmod(r.path.c_str(), static_cast<mode_t>(r.number)), "fs::SetPermissions", r.path);
  };
  return {"fs::SetPermissions", run, Path(std::move(path), permissions.mode())};
}
JobFuture<StatusOr<bool>> TryExists(std::string path) { return {"fs::TryExists", &Exists, Path(std::move(path))}; }

}  // namespace kioto::fs
