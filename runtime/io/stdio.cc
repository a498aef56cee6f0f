#include "kioto/runtime/io/stdio.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/io/write_fd.h"

namespace kioto::io::internal {
namespace {

// Somebody has made it non-blocking, perhaps another process: this thread may wait.
void AwaitFd(int fd, short events) {
  pollfd wait{fd, events, 0};
  ::poll(&wait, 1, -1);
}

StatusOr<std::string> ReadBlocking(int fd, size_t size) {
  std::string bytes(size, '\0');
  while (true) {
    const ssize_t n = base::sys::Read(fd, &bytes[0], size);
    if (n == -EAGAIN) {
      AwaitFd(fd, POLLIN);
    } else if (n < 0) {
      return ErrnoStatus(static_cast<int>(n), "reading a standard stream");
    } else {
      bytes.resize(static_cast<size_t>(n));
      return bytes;
    }
  }
}

Status WriteBlocking(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = WriteFd(fd, Pieces(&bytes, 1));
    if (n == -EAGAIN) {
      AwaitFd(fd, POLLOUT);
    } else if (n < 0) {
      return ErrnoStatus(static_cast<int>(n), "writing to a standard stream");
    } else {
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  return OkStatus();
}

}  // namespace

size_t WholeCharacters(absl::string_view bytes, size_t most) {
  if (bytes.size() <= most) return bytes.size();
  constexpr size_t kMostFollowing = 3;  // bytes of a character behind its first one
  for (size_t back = 0; back <= std::min(kMostFollowing, most - 1); ++back) {
    if ((static_cast<unsigned char>(bytes[most - back]) & 0xC0) != 0x80) return most - back;
  }
  return most;  // no text
}

Poll<StatusOr<size_t>> BlockingFdReader::PollRead(Context& cx, MutableBytes into) {
  if (into.empty()) return StatusOr<size_t>(0);
  if (taken_ == bytes_.size()) {
    if (!job_) {
      job_ = SpawnBlocking([fd = fd_, size = std::min(into.size(), kMostAtOnce)] { return ReadBlocking(fd, size); });
    }
    Poll<StatusOr<std::string>> read = job_->PollOnce(cx);
    if (read.pending()) return kPending;
    job_.reset();
    if (!read->ok()) return read->status();
    bytes_ = *std::move(*read);
    taken_ = 0;
  } else if (!cx.ConsumeBudget()) {
    return kPending;
  }
  const size_t n = bytes_.copy(into.data(), into.size(), taken_);
  taken_ += n;
  return StatusOr<size_t>(n);
}

Poll<StatusOr<size_t>> BlockingFdWriter::PollWrite(Context& cx, absl::string_view bytes) {
  if (bytes.empty()) return StatusOr<size_t>(0);
  if (!job_ && !cx.ConsumeBudget()) return kPending;  // a job's end consumes it too
  Poll<Status> before = PollFlush(cx);
  if (before.pending()) return kPending;
  if (!before->ok()) return StatusOr<size_t>(*std::move(before));
  const size_t n = WholeCharacters(bytes, most_);
  auto write = [fd = fd_, copy = std::string(bytes.substr(0, n))] { return WriteBlocking(fd, copy); };
  job_ = kioto::internal::SpawnMandatoryBlocking(kioto::internal::BlockingJob(std::move(write)));
  return StatusOr<size_t>(n);
}

Poll<Status> BlockingFdWriter::PollFlush(Context& cx) {
  if (!job_) return OkStatus();
  Poll<Status> written = job_->PollOnce(cx);
  if (written.ready()) job_.reset();
  return written;
}

}  // namespace kioto::io::internal
