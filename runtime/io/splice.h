// SplicePump: bytes from one fd to another by way of a pipe of the kernel, so that they never come into the process.
//
// It moves what is there, and nothing else: whatever else there is to do (to wait for more, to see the end, to skip urgent data,
// at which splice(2) stops, to go on where the system refuses) is left to the copy by a buffer, which knows how.
//
// SIGPIPE  splice(2) to a socket or a pipe whose reader is gone raises it, and knows no MSG_NOSIGNAL. It is blocked around the
//          calls that write, as for write(2) on a pipe. That is two more calls, 0.3 us; with them 48 KiB went through in 5 us
//          that took 8 by a buffer of 16 KiB (loopback, Linux 6.18). It pays since Copy does not splice what comes in small
//          pieces. To ignore the signal is the process's business, not ours; and to splice only into the pipe, and read that,
//          would copy as much as ever.
// FDS      A pump has two while it moves, or waits for room. While it waits for bytes it has none: idle connections are many.
#ifndef KIOTO_RUNTIME_IO_SPLICE_H_
#define KIOTO_RUNTIME_IO_SPLICE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/io/buffer.h"

namespace kioto::io::internal {

class SplicePump {
 public:
  SplicePump() = default;
  SplicePump(SplicePump&& other) noexcept { *this = std::move(other); }
  SplicePump& operator=(SplicePump&& other) noexcept {
    std::swap(to_read_, other.to_read_);
    std::swap(to_write_, other.to_write_);
    std::swap(left_, other.left_);
    std::swap(few_, other.few_);
    std::swap(refused_, other.refused_);
    return *this;
  }
  ~SplicePump() { Close(); }

  // Moves as long as at least `worth` bytes, or 16 KiB, come at once, and adds to `moved`. Pending: `to` takes nothing for now, or the
  // budget is spent. OK: fewer came (they are moved), or nothing for now, or `from` is at its end, or the system refuses.
  // Errors: those of either fd.
  Poll<Status> PollMove(Context& cx, kioto::internal::IoHandle& from, kioto::internal::IoHandle& to, size_t worth,
                        uint64_t& moved);

  // The system does not splice these fds, or had no pipe left: not to be tried again.
  bool refused() const { return refused_; }
  // Bytes that were taken and not yet given; where it is refused, Read has them.
  size_t left() const { return left_; }
  StatusOr<size_t> Read(MutableBytes into);
  // What is left is lost.
  void Close();

 private:
  Poll<Status> Move(Context& cx, kioto::internal::IoHandle& from, kioto::internal::IoHandle& to, size_t worth, uint64_t& moved);
  // Has a pipe then.
  bool Open();
  // Whether `error` says that the system refuses; remembers it.
  bool Refuses(const Status& error);

  int to_read_ = -1, to_write_ = -1;  // the pipe's ends
  size_t left_ = 0;
  bool few_ = false;  // the last time fewer came than it was worth
  bool refused_ = false;
};

}  // namespace kioto::io::internal

#endif  // KIOTO_RUNTIME_IO_SPLICE_H_
