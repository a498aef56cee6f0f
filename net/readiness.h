// Readiness: what a socket is ready for, as the kernel last said. A hint: only the next Try... knows.
#ifndef KIOTO_NET_READINESS_H_
#define KIOTO_NET_READINESS_H_

#include <cstdint>
#include <string>

#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::net {

class Readiness {
 public:
  constexpr explicit Readiness(uint32_t bits) : bits_(bits) {}

  // Something to read: bytes, the end, or an error.
  bool readable() const { return Has(Bits::kReadable | Bits::kReadClosed | Bits::kError); }
  // Room to write, or an error that a write would give.
  bool writable() const { return Has(Bits::kWritable | Bits::kWriteClosed | Bits::kError); }
  // The peer will send nothing more (what it has sent may still be there).
  bool read_closed() const { return Has(Bits::kReadClosed); }
  // Nothing can be written any more.
  bool write_closed() const { return Has(Bits::kWriteClosed); }
  bool error() const { return Has(Bits::kError); }

 private:
  using Bits = kioto::internal::Ready;
  bool Has(uint32_t any_of) const { return (bits_ & any_of) != 0; }

  uint32_t bits_;
};

// Output: StatusOr<Readiness>.
class [[nodiscard]] ReadinessFuture : public FutureBase<ReadinessFuture, StatusOr<Readiness>> {
 public:
  ReadinessFuture(kioto::internal::IoHandle& handle, kioto::internal::Direction direction)
      : handle_(&handle), direction_(direction) {}

  Poll<StatusOr<Readiness>> PollOnce(Context& cx) {
    Poll<StatusOr<uint32_t>> bits = handle_->PollReady(cx, direction_, "waiting for a socket's readiness");
    if (bits.pending()) return kPending;
    if (!bits->ok()) return bits->status();
    return StatusOr<Readiness>(Readiness(**bits));
  }
  void Describe(WaitTrace& trace) const {
    const bool reading = direction_ == kioto::internal::Direction::kRead;
    trace.Leaf((reading ? "Readable fd " : "Writable fd ") + std::to_string(handle_->fd()));
  }

 private:
  kioto::internal::IoHandle* handle_;
  kioto::internal::Direction direction_;
};

}  // namespace kioto::net

#endif  // KIOTO_NET_READINESS_H_
