#include "kioto/runtime/io/splice.h"

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/sigpipe.h"

namespace kioto::io::internal {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;
using kioto::internal::IoHandle;

constexpr char kRead[] = "copying from a stream";
constexpr char kWrite[] = "copying to a stream";

// Nothing for now is given as the end is, and neither is believed: the buffered copy looks again. For splice(2) stops at urgent
// data, says one or the other, and never gets past it, while bytes behind it have come.
ssize_t SpliceIn(int from, int pipe) {
  const ssize_t n = sys::Splice(from, pipe, limits::kMostSpliced);
  return n == -EAGAIN ? 0 : n;
}

// A call is several sends: one that went in part may have met EPIPE too, and raised the signal, and says nothing of it.
ssize_t SpliceOut(int pipe, int to, size_t size) {
  SigpipeBlocked blocked;
  const ssize_t n = sys::Splice(pipe, to, size);
  if (n == -EPIPE || (n >= 0 && static_cast<size_t>(n) < size)) blocked.Take();
  return n;
}

}  // namespace

bool SplicePump::Open() {
  if (to_read_ >= 0) return true;
  int fds[2];
  refused_ = refused_ || sys::Pipe(fds) < 0;
  if (refused_) return false;
  to_read_ = fds[0];
  to_write_ = fds[1];
  return true;
}

void SplicePump::Close() {
  if (to_read_ < 0) return;
  sys::Close(std::exchange(to_read_, -1));
  sys::Close(std::exchange(to_write_, -1));
  left_ = 0;
}

bool SplicePump::Refuses(const Status& error) {
  const int number = ErrnoOf(error);
  refused_ = number == EINVAL || number == ENOSYS || number == EPERM;  // EPERM: a sandbox
  return refused_;
}

// The pipe is filled only when it is empty: then -EAGAIN speaks of `from`, and not of a pipe that has no room. It holds pieces,
// not bytes, 16 of them: where these are small, or the system has given it fewer, a buffer takes more at once.
Poll<Status> SplicePump::PollMove(Context& cx, IoHandle& from, IoHandle& to, size_t worth, uint64_t& moved) {
  if (!Open()) return OkStatus();
  Poll<Status> result = Move(cx, from, to, std::min<size_t>(worth, limits::kMostSpliced / 4), moved);
  if (result.ready() && (left_ == 0 || !result->ok())) Close();
  return result;
}

Poll<Status> SplicePump::Move(Context& cx, IoHandle& from, IoHandle& to, size_t worth, uint64_t& moved) {
  while (true) {
    while (left_ > 0) {
      Poll<StatusOr<size_t>> n = to.PollIo(cx, Direction::kWrite, 0, kWrite, [&] { return SpliceOut(to_read_, to.fd(), left_); });
      if (n.pending()) return kPending;
      if (!n->ok()) return Refuses(n->status()) ? OkStatus() : n->status();
      if (**n == 0) return WriteZeroError(left_);
      left_ -= **n;
      moved += **n;
    }
    if (std::exchange(few_, false)) return OkStatus();
    if (!cx.ConsumeBudget()) return kPending;
    StatusOr<size_t> n = from.TryIo(Direction::kRead, 0, kRead, [&] { return SpliceIn(from.fd(), to_write_); });
    if (!n.ok()) return IsEmpty(n.status()) || Refuses(n.status()) ? OkStatus() : n.status();
    if (*n == 0) return OkStatus();
    left_ = *n;
    few_ = left_ < worth;
  }
}

StatusOr<size_t> SplicePump::Read(MutableBytes into) {
  const ssize_t n = sys::Read(to_read_, into.data(), into.size());
  if (n < 0) return ErrnoStatus(static_cast<int>(n), kRead);
  left_ -= static_cast<size_t>(n);
  if (left_ == 0) Close();
  return static_cast<size_t>(n);
}

}  // namespace kioto::io::internal
