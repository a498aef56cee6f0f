// What is done to files and directories by their names. Each is one job of the blocking pool (see job.h for what all of these
// futures have in common), unless a read is of what the system has in memory (now.h). Errors name the operation, the path and the errno
// (ErrnoOf). A path with a zero byte, where the kernel would think that it ends, is refused (kInvalidArgument).
//
//   fs::ReadToString("greeting.txt").AndThen([](std::string& text) { return fs::Write("copy.txt", std::move(text)); });
#ifndef KIOTO_FS_PATHS_H_
#define KIOTO_FS_PATHS_H_

#include <cstdint>
#include <string>

#include "kioto/fs/job.h"
#include "kioto/fs/metadata.h"
#include "kioto/runtime/base/status.h"

namespace kioto::fs {

// The whole file, however long it is. Of up to 256 KiB (a text: 64) that the system has in memory there is no job. A write of a File
// that was not awaited, by Flush or Close, may come behind it.
JobFuture<StatusOr<std::string>> Read(std::string path);
// The same of a text: kInvalidArgument if it is not UTF-8.
JobFuture<StatusOr<std::string>> ReadToString(std::string path);
// Makes the file, or replaces what is in it.
JobFuture<Status> Write(std::string path, std::string bytes);
// Contents and permissions, to a new file or over an old one; gives the number of bytes.
JobFuture<StatusOr<uint64_t>> Copy(std::string from, std::string to);

// Replaces `to`; both on the same file system.
JobFuture<Status> Rename(std::string from, std::string to);
JobFuture<Status> HardLink(std::string existing, std::string link);
JobFuture<Status> Symlink(std::string target, std::string link);
JobFuture<StatusOr<std::string>> ReadLink(std::string path);
// Absolute, without links, "." and "..".
JobFuture<StatusOr<std::string>> Canonicalize(std::string path);

JobFuture<Status> CreateDir(std::string path);
// With all that lead to it; OK if it is there.
JobFuture<Status> CreateDirAll(std::string path);
JobFuture<Status> RemoveFile(std::string path);
// An empty one.
JobFuture<Status> RemoveDir(std::string path);
// With all that is in it; links are removed, not followed. Takes an fd for each level of the tree.
JobFuture<Status> RemoveDirAll(std::string path);

// Follows links; SymlinkMetadata does not.
JobFuture<StatusOr<Metadata>> GetMetadata(std::string path);
JobFuture<StatusOr<Metadata>> SymlinkMetadata(std::string path);
JobFuture<Status> SetPermissions(std::string path, Permissions permissions);
// False if nothing is there, or a link that leads nowhere; an error if that can't be known.
JobFuture<StatusOr<bool>> TryExists(std::string path);

// CreateDir with a mode, and CreateDirAll.
class DirBuilder {
 public:
  DirBuilder& Recursive(bool on) {
    recursive_ = on;
    return *this;
  }
  // Less the umask. Default 0777.
  DirBuilder& Mode(uint32_t mode) {
    mode_ = mode;
    return *this;
  }
  JobFuture<Status> Create(std::string path) const;

 private:
  bool recursive_ = false;
  uint32_t mode_ = 0777;
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_PATHS_H_
