// TempDir: a new directory that is removed with its object, and all that is in it.
//
//   fs::TempDir::Create().AndThen([](fs::TempDir& dir) { return Build(dir.path()).Then([&dir](Status& built) { return dir.Remove(); }); });
//
// For nobody but its owner (0700), with a name by chance that nothing had. Links in it are removed, not followed. Removing it takes
// an fd for each level of the tree in it.
// Dropping it does not block a worker: a job of the blocking pool removes it, also if the runtime ends; outside a runtime, or
// if the pool takes no more jobs, it is removed at once. Who wants to hear of it, or to wait for it, ends with Remove.
#ifndef KIOTO_FS_TEMP_DIR_H_
#define KIOTO_FS_TEMP_DIR_H_

#include <string>
#include <utility>

#include "kioto/fs/job.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/temp_name.h"
#include "kioto/runtime/base/status.h"

namespace kioto::fs {

class TempDir {
 public:
  // `in` this directory, or if that is empty in $TMPDIR or /tmp: `prefix`, which has no '/', and twelve letters.
  static JobFuture<StatusOr<TempDir>> Create(std::string in = "", std::string prefix = "tmp.");

  TempDir(TempDir&&) noexcept = default;
  TempDir& operator=(TempDir&&) noexcept = default;

  const std::string& path() const { return name_.path(); }
  // Says whether all of it is gone; what is left is tried once more when this is dropped.
  JobFuture<Status> Remove() { return RemoveDirAll(path()); }
  // It stays; gives its path.
  std::string Keep() && { return name_.Keep(); }

 private:
  explicit TempDir(internal::TempName name) : name_(std::move(name)) {}

  internal::TempName name_;
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_TEMP_DIR_H_
