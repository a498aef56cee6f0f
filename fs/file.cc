#include "kioto/fs/file.h"

#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kioto/fs/now.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::fs {

using internal::FileDone;
using internal::FileJob;
using internal::FileOp;
using internal::SharedFd;

namespace {

bool MovesCursor(FileOp op) {
  switch (op) {
    case FileOp::kRead:
    case FileOp::kSyncAll:
    case FileOp::kSyncData:
    case FileOp::kStat:
    case FileOp::kChmod:
      return false;
    default:
      return true;
  }
}

// Whether a failed sync says that bytes are lost, and not only that there is nothing to sync.
bool LosesBytes(int64_t error) { return error == -EIO || error == -ENOSPC || error == -EDQUOT; }

const char* NameOf(FileOp op) {
  constexpr const char* kNames[] = {"Read",    "Write",       "Seek",           "SetLen",   "SyncAll",
                                    "SyncData", "GetMetadata", "SetPermissions", "TryClone", "Close"};
  return kNames[static_cast<int>(op)];
}

}  // namespace

File::File(std::shared_ptr<SharedFd> fd, std::string path, bool reads_now, internal::MountKind mount)
    : fd_(std::move(fd)), path_(std::move(path)), reads_now_(reads_now), mount_(mount) {}

File File::FromJob(int fd, std::string path) {
  const internal::FileLook look = internal::LookAt(fd);
  const bool now = internal::MayReadNow(fd, look);
  return File(std::make_shared<SharedFd>(fd), std::move(path), now, internal::Mounts().Learn(fd, look.mount));
}

File File::FromFd(int fd) {
  const internal::FileLook look = internal::LookAt(fd);
  const bool now = internal::MayReadNow(fd, look);
  return File(std::make_shared<SharedFd>(fd), absl::StrCat("fd ", fd), now, internal::Mounts().Known(look.mount));
}

JobFuture<StatusOr<File>> File::Open(std::string path) { return OpenOptions().Read(true).Open(std::move(path)); }
JobFuture<StatusOr<File>> File::Create(std::string path) {
  return OpenOptions().Write(true).Create(true).Truncate(true).Open(std::move(path));
}
JobFuture<StatusOr<File>> File::CreateNew(std::string path) {
  return OpenOptions().Read(true).Write(true).CreateNew(true).Open(std::move(path));
}

StatusOr<int> File::TryIntoFd() {
  if (busy_) {
    if (auto done = job_.TryTake()) TakeIn(*std::move(done));
  }
  if (busy_ || begin_ != end_) {
    return absl::FailedPreconditionError("fs::File::TryIntoFd: an operation is not finished, or bytes were read ahead: Seek(0, SEEK_CUR), and try again");
  }
  if (!lost_.ok()) return lost_;
  if (fd_->get() < 0) return internal::PathError(EBADF, "fs::File::TryIntoFd", path_);
  return fd_->Release();
}

Status File::Fail(FileOp op, int64_t error) const {
  return internal::PathError(static_cast<int>(error), absl::StrCat("fs::File::", NameOf(op)), path_);
}

Poll<Unit> File::PollIdle(Context& cx) {
  if (!busy_) return Unit{};
  auto polled = job_.PollOnce(cx);
  if (polled.pending()) return kPending;
  TakeIn(*std::move(polled));
  return Unit{};
}

void File::TakeIn(StatusOr<FileDone> done) {
  busy_ = false;
  error_ = !done.ok() ? done.status() : done->n < 0 ? Fail(op_, done->n) : OkStatus();
  if (op_ == FileOp::kWrite || (done.ok() && LosesBytes(done->n))) {
    if (lost_.ok()) lost_ = error_;
  }
  if (done.ok()) {
    done_ = *std::move(done);
    buffer_ = std::move(done_.buffer);
  }
  if (op_ != FileOp::kRead) return;
  begin_ = end_ = 0;
  read_error_ = error_;
  if (!error_.ok()) return;
  end_ = static_cast<size_t>(done_.n);
  end_seen_ = end_ == 0;
}

void File::MakeRoom(size_t size) {
  if (buffer_.size() < size) buffer_ = Buffer(size);
}

void File::Start(FileOp op, size_t size, int64_t number, int whence) {
  size_t unread = 0;
  if (MovesCursor(op)) {
    unread = end_ - begin_;
    begin_ = end_ = 0;
    end_seen_ = false;
    read_error_ = OkStatus();
  }
  op_ = op;
  busy_ = true;
  seeking_ = false;
  Buffer buffer;
  if (op == FileOp::kRead || op == FileOp::kWrite) buffer = std::move(buffer_);
  FileJob job(op, fd_, std::move(buffer), size, number, whence, unread);
  job_ = op == FileOp::kWrite ? kioto::internal::SpawnMandatoryBlocking(std::move(job)) : internal::StartJob(std::move(job));
}

ssize_t File::ReadNow(MutableBytes into) {
  if (!reads_now_) return -EAGAIN;
  const ssize_t n = internal::ReadNow(fd_->get(), mount_, into, /*offset: the cursor's*/ -1);
  if (n < 0 && n != -EAGAIN) reads_now_ = false;  // this file can't: never ask again
  return n;
}

Poll<StatusOr<size_t>> File::PollRead(Context& cx, MutableBytes into) {
  if (into.empty()) return StatusOr<size_t>(0);
  while (true) {
    if (PollIdle(cx).pending()) return kPending;
    seeking_ = false;  // who reads waits for no seek: the next one is a new one, though it be to the same place
    if (!read_error_.ok()) return StatusOr<size_t>(std::exchange(read_error_, OkStatus()));
    if (end_seen_ || begin_ < end_) {
      if (!cx.ConsumeBudget()) return kPending;
      if (std::exchange(end_seen_, false)) return StatusOr<size_t>(0);
      const size_t n = std::min(into.size(), end_ - begin_);
      std::memcpy(into.data(), buffer_.data() + begin_, n);
      begin_ += n;
      return StatusOr<size_t>(n);
    }
    if (!cx.ConsumeBudget()) return kPending;
    if (const ssize_t n = ReadNow(into); n >= 0) {
      internal::SpendBytes(cx, static_cast<size_t>(n));
      return StatusOr<size_t>(static_cast<size_t>(n));
    }
    const size_t size = std::min(into.size(), max_buffer_);
    MakeRoom(size);
    Start(FileOp::kRead, size);
  }
}

Poll<StatusOr<size_t>> File::PollWriteVectored(Context& cx, io::Pieces pieces) {
  size_t total = 0;
  for (absl::string_view piece : pieces) total += piece.size();
  if (PollIdle(cx).pending()) return kPending;
  if (!lost_.ok()) return StatusOr<size_t>(lost_);
  if (total == 0) return StatusOr<size_t>(0);
  if (!cx.ConsumeBudget()) return kPending;
  const char* const refused = fd_->get() < 0 ? "the file is closed" : !writable_ ? "it was opened for reading only" : nullptr;
  if (refused != nullptr) return StatusOr<size_t>(internal::PathError(EBADF, absl::StrCat("fs::File::Write (", refused, ")"), path_));
  const size_t size = std::min(total, max_buffer_);
  const size_t unread_begin = begin_, unread_end = end_;
  MakeRoom(size);
  size_t done = 0;
  for (absl::string_view piece : pieces) {
    const size_t n = std::min(piece.size(), size - done);
    if (n > 0) std::memcpy(buffer_.data() + done, piece.data(), n);
    done += n;
  }
  begin_ = unread_begin;
  end_ = unread_end;
  Start(FileOp::kWrite, size);
  // Refused, its status is there by now. Once taken, it is done even if the runtime ends.
  if (auto done = job_.TryTake()) {
    if (!done->ok()) {
      busy_ = false;
      return StatusOr<size_t>(done->status());
    }
    TakeIn(*std::move(done));
  }
  return StatusOr<size_t>(size);
}

Poll<Status> File::PollFlush(Context& cx) {
  if (PollIdle(cx).pending()) return kPending;
  return Status(lost_);
}

Poll<StatusOr<uint64_t>> File::PollSeek(Context& cx, io::SeekFrom to) {
  if (PollIdle(cx).pending()) return kPending;
  if (!lost_.ok()) return StatusOr<uint64_t>(lost_);
  if (!seeking_ || to.base() != seek_to_.base() || to.offset() != seek_to_.offset()) {
    constexpr int kWhence[] = {SEEK_SET, SEEK_END, SEEK_CUR};
    Start(FileOp::kSeek, 0, to.offset(), kWhence[static_cast<int>(to.base())]);
    seeking_ = true;
    seek_to_ = to;
    if (PollIdle(cx).pending()) return kPending;
  }
  seeking_ = false;
  if (!error_.ok()) return StatusOr<uint64_t>(error_);
  return StatusOr<uint64_t>(static_cast<uint64_t>(done_.n));
}

Poll<Status> File::PollOp(Context& cx, FileOp op, int64_t number, int whence, bool& started) {
  if (PollIdle(cx).pending()) return kPending;
  if (!started) {
    const bool sync = op == FileOp::kSyncAll || op == FileOp::kSyncData;
    if (sync && !lost_.ok()) return Status(lost_);
    started = true;
    Start(op, 0, number, whence);
    if (PollIdle(cx).pending()) return kPending;
  }
  if (op == FileOp::kClose && !lost_.ok()) return Status(lost_);
  return Status(error_);
}

void File::Give(StatusOr<uint64_t>& out, const Status& status) {
  if (status.ok()) {
    out = static_cast<uint64_t>(done_.n);
  } else {
    out = status;
  }
}
void File::Give(StatusOr<Metadata>& out, const Status& status) {
  if (status.ok()) {
    out = Metadata(*done_.stat);
  } else {
    out = status;
  }
}
void File::Give(StatusOr<File>& out, const Status& status) {
  if (!status.ok()) {
    out = status;
    return;
  }
  reads_now_ = false;
  File clone(std::move(done_.clone), path_, reads_now_, mount_);
  clone.writable_ = writable_;
  clone.max_buffer_ = max_buffer_;
  out = std::move(clone);
}

StatusOr<int> OpenOptions::Flags() const {
  const bool writes = write_ || append_;
  if (!read_ && !writes) {
    return absl::InvalidArgumentError("fs::OpenOptions: neither Read, nor Write, nor Append is set");
  }
  if (!writes && (truncate_ || create_ || create_new_)) {
    return absl::InvalidArgumentError("fs::OpenOptions: Create, CreateNew and Truncate need Write or Append");
  }
  if (append_ && truncate_ && !create_new_) {
    return absl::InvalidArgumentError("fs::OpenOptions: Append and Truncate contradict each other");
  }
  int flags = !writes ? O_RDONLY : read_ ? O_RDWR : O_WRONLY;
  if (append_) flags |= O_APPEND;
  if (create_new_) {
    flags |= O_CREAT | O_EXCL;
  } else {
    flags |= (create_ ? O_CREAT : 0) | (truncate_ ? O_TRUNC : 0);
  }
  return flags | (custom_ & ~O_ACCMODE);
}

StatusOr<File> OpenOptions::Run(internal::Request& r) {
  const int fd = base::sys::Open(r.path.c_str(), static_cast<int>(r.flags), static_cast<mode_t>(r.number));
  if (fd < 0) return internal::PathError(fd, "fs::File::Open", r.path);
  File file = File::FromJob(fd, std::move(r.path));
  file.writable_ = (r.flags & O_ACCMODE) != O_RDONLY;
  return file;
}

std::optional<StatusOr<File>> OpenOptions::RunNow(internal::Request& r, Context&) {
  if (r.flags != O_RDONLY) return std::nullopt;
  internal::FileLook look;
  const int fd = internal::OpenNow(r.path.c_str(), UINT64_MAX, &look);
  if (fd < 0) return std::nullopt;
  File file(std::make_shared<SharedFd>(fd), std::move(r.path), /*reads_now=*/true, internal::Mounts().Known(look.mount));
  file.writable_ = false;
  return file;
}

JobFuture<StatusOr<File>> OpenOptions::Open(std::string path) const {
  internal::Request request;
  request.path = std::move(path);
  request.number = mode_;
  const StatusOr<int> flags = Flags();
  if (!flags.ok()) {
    request.other = std::string(flags.status().message());
    return {"fs::File::Open", +[](internal::Request& r) -> StatusOr<File> { return absl::InvalidArgumentError(r.other); },
            std::move(request)};
  }
  request.flags = *flags;
  return {"fs::File::Open", &OpenOptions::Run, std::move(request), &OpenOptions::RunNow};
}

}  // namespace kioto::fs
