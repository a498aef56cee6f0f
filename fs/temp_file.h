// TempFile: a new file that is removed with its object, unless it is kept under a name.
//
//   fs::TempFile::Create("config").AndThen([](fs::TempFile& temp) {              // a file is replaced as a whole, or not at all
//     return temp.file().WriteAll("port = 80\n").AndThen([&temp] { return temp.file().SyncAll(); })
//         .AndThen([&temp] { return temp.Persist("config/server"); });
//   });
//
// For reading and writing, and for nobody but its owner (0600). Made exclusively: nothing that is there is ever opened.
// Create's file has no name where the file system can do that (O_TMPFILE), so that nothing is left if the process dies;
// elsewhere, and by CreateNamed, it has one by chance.
// Dropping it does not block a worker: a job of the blocking pool removes the name, also if the runtime ends; outside a runtime,
// or if the pool takes no more jobs, it is removed at once. That it can not be removed nobody hears.
#ifndef KIOTO_FS_TEMP_FILE_H_
#define KIOTO_FS_TEMP_FILE_H_

#include <memory>
#include <string>
#include <utility>

#include "kioto/fs/file.h"
#include "kioto/fs/job.h"
#include "kioto/fs/temp_name.h"
#include "kioto/runtime/base/status.h"

namespace kioto::fs {

class TempFile;

namespace internal {

struct Persisted {
  int error;
  TempName name;  // the old one, if it failed
};

// Gives an open file a name: moves the one it has; or, if it has none, links `fd`, which is the job's own.
class PersistJob {
 public:
  PersistJob(std::shared_ptr<SharedFd> fd, TempName name, std::string to, bool replace)
      : fd_(std::move(fd)), name_(std::move(name)), to_(std::move(to)), replace_(replace) {}
  PersistJob(PersistJob&&) = default;
  Persisted operator()() &&;
  TempName TakeName() && { return std::move(name_); }

 private:
  int MoveName();
  int GiveName();

  std::shared_ptr<SharedFd> fd_;
  TempName name_;
  std::string to_;
  bool replace_;
};

}  // namespace internal

class [[nodiscard]] PersistFuture : public FutureBase<PersistFuture, Status> {
 public:
  static constexpr bool kLosesData = true;

  PersistFuture(TempFile& temp, std::string to, bool replace) : temp_(&temp), to_(std::move(to)), replace_(replace) {}
  Poll<Status> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Leaf("fs::TempFile::Persist"); }

 private:
  TempFile* temp_;
  std::string to_;
  bool replace_;
  bool started_ = false;
  JoinHandle<internal::Persisted> job_;
};

class TempFile {
 public:
  // In `dir`, or if that is empty in $TMPDIR or /tmp.
  static JobFuture<StatusOr<TempFile>> Create(std::string dir = "");
  // `prefix`, which has no '/', and twelve letters: for those who are to open it by its name.
  static JobFuture<StatusOr<TempFile>> CreateNamed(std::string dir = "", std::string prefix = "tmp.");

  TempFile(TempFile&&) noexcept = default;
  TempFile& operator=(TempFile&&) noexcept = default;

  File& file() { return file_; }
  // Empty if it has no name.
  const std::string& path() const { return name_.path(); }

  // Once all that was written is with the system, the file is `path`, in place of what was there, and stays when this is dropped;
  // on the same file system. Before Close (EBADF). For it to be whole after a power failure, SyncAll first. Errors: of a write,
  // those of rename(2), kResourceExhausted if the blocking pool is full; then it is as before. If the runtime ends first, the
  // file is removed (IsShutdown). CANCEL SAFE: loses data: dropped, the file gets its name or is removed.
  // Again, elsewhere: one more name.
  PersistFuture Persist(std::string path) { return {*this, std::move(path), /*replace=*/true}; }
  // The same, and EEXIST if anything is there.
  PersistFuture PersistNew(std::string path) { return {*this, std::move(path), /*replace=*/false}; }

 private:
  friend class PersistFuture;
  TempFile(int fd, const std::string& dir, internal::TempName name);
  static StatusOr<TempFile> Make(internal::Request& request, const char* what);

  File file_;
  internal::TempName name_;
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_TEMP_FILE_H_
