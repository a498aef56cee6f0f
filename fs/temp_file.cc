#include "kioto/fs/temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/path.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/blocking/spawn_blocking.h"

namespace kioto::fs {
namespace internal {
namespace {

constexpr mode_t kMode = 0600;

int Result(int result) { return result == 0 ? 0 : errno; }

std::string DirOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Persisted PersistJob::operator()() && {
  Persisted done{name_.path().empty() ? GiveName() : MoveName(), TempName()};
  if (done.error == 0) {
    name_.Keep();
  } else {
    done.name = std::move(name_);
  }
  fd_.reset();
  return done;
}

int PersistJob::MoveName() {
  if (replace_) return Result(::rename(name_.path().c_str(), to_.c_str()));
  if (const int error = Result(::link(name_.path().c_str(), to_.c_str()))) return error;
  ::unlink(name_.path().c_str());
  return 0;
}

int PersistJob::GiveName() {
  const std::string file = absl::StrCat("/proc/self/fd/", fd_->get());
  const auto link_to = [&](const char* path) {
    return Result(::linkat(AT_FDCWD, file.c_str(), AT_FDCWD, path, AT_SYMLINK_FOLLOW));
  };
  const int error = link_to(to_.c_str());
  if (error != EEXIST || !replace_) return error;
  // A link does not replace: beside it, and over it.
  int failed = 0;
  StatusOr<TempName> beside = TempName::Make("", DirOf(to_), ".tmp.", [&](const char* path) { return -(failed = link_to(path)); });
  if (!beside.ok()) return failed;
  const int renamed = Result(::rename(beside->path().c_str(), to_.c_str()));
  // Still there if `to_` was a name of this file already: then a rename does nothing.
  if (renamed == 0) ::unlink(beside->Keep().c_str());
  return renamed;
}

}  // namespace internal

TempFile::TempFile(int fd, const std::string& dir, internal::TempName name)
    : file_(File::FromJob(fd, absl::StrCat("a temporary file in ", dir))), name_(std::move(name)) {}

StatusOr<TempFile> TempFile::Make(internal::Request& r, const char* what) {
  r.path = internal::TempName::DirOr(std::move(r.path));
  int fd = -1;
  auto name = internal::TempName::Make(what, r.path, r.other, [&fd](const char* path) {
    return fd = base::sys::Open(path, O_RDWR | O_CREAT | O_EXCL, internal::kMode);
  });
  if (!name.ok()) return name.status();
  return TempFile(fd, r.path, *std::move(name));
}

JobFuture<StatusOr<TempFile>> TempFile::Create(std::string dir) {
  const auto run = +[](internal::Request& r) -> StatusOr<TempFile> {
#if defined(O_TMPFILE)
    r.path = internal::TempName::DirOr(std::move(r.path));
    const int fd = base::sys::Open(r.path.c_str(), O_RDWR | O_TMPFILE, internal::kMode);
    if (fd >= 0) return TempFile(fd, r.path, internal::TempName());
    // Not this file system, or not this kernel, which says EISDIR.
    if (fd != -EOPNOTSUPP && fd != -EISDIR) return internal::PathError(fd, "fs::TempFile::Create", r.path);
#endif
    return Make(r, "fs::TempFile::Create");
  };
  internal::Request request;
  request.path = std::move(dir);
  request.other = ".tmp.";
  return {"fs::TempFile::Create", run, std::move(request)};
}

JobFuture<StatusOr<TempFile>> TempFile::CreateNamed(std::string dir, std::string prefix) {
  internal::Request request;
  request.path = std::move(dir);
  request.other = std::move(prefix);
  return {"fs::TempFile::CreateNamed", +[](internal::Request& r) { return Make(r, "fs::TempFile::CreateNamed"); },
          std::move(request)};
}

Poll<Status> PersistFuture::PollOnce(Context& cx) {
  if (!started_) {
    if (Status status = base::CheckPath("fs::TempFile::Persist", to_); !status.ok()) {
      if (!cx.ConsumeBudget()) return kPending;
      return status;
    }
    auto flushed = temp_->file_.PollFlush(cx);
    if (flushed.pending()) return kPending;
    if (!flushed->ok()) return *std::move(flushed);
    std::shared_ptr<internal::SharedFd> fd;
    if (temp_->path().empty()) {  // one of the job's own: the file may be closed while it waits for a thread
      const int own = ::fcntl(temp_->file_.fd(), F_DUPFD_CLOEXEC, 0);
      if (own < 0) return internal::PathError(errno, "fs::TempFile::Persist", to_);
      fd = std::make_shared<internal::SharedFd>(own);
    }
    internal::PersistJob job(std::move(fd), std::move(temp_->name_), to_, replace_);
    StatusOr<JoinHandle<internal::Persisted>> accepted = TrySpawnBlocking(std::move(job));
    if (!accepted.ok()) {
      temp_->name_ = std::move(job).TakeName();
      return accepted.status();
    }
    job_ = *std::move(accepted);
    started_ = true;
  }
  auto polled = job_.PollOnce(cx);
  if (polled.pending()) return kPending;
  if (!polled->ok()) return Status(polled->status());
  internal::Persisted done = **std::move(polled);
  temp_->name_ = std::move(done.name);
  if (done.error == 0) return OkStatus();
  return internal::PathError(done.error, "fs::TempFile::Persist", to_);
}

}  // namespace kioto::fs
