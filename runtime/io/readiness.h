// Readiness: what an fd is ready for, as the kernel last said. A hint: only the next operation knows.
// Interest: what of it to wait for.
#ifndef KIOTO_RUNTIME_IO_READINESS_H_
#define KIOTO_RUNTIME_IO_READINESS_H_

#include <cstdint>
#include <string>

#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::io {

class Readiness {
 public:
  constexpr explicit Readiness(uint32_t bits) : bits_(bits) {}

  // Something to read: bytes, the end, or an error.
  constexpr bool readable() const { return Has(Bits::kReadable | Bits::kReadClosed | Bits::kError); }
  // Room to write, or an error that a write would give.
  constexpr bool writable() const { return Has(Bits::kWritable | Bits::kWriteClosed | Bits::kError); }
  // The peer will send nothing more (what it has sent may still be there).
  constexpr bool read_closed() const { return Has(Bits::kReadClosed); }
  // Nothing can be written any more.
  constexpr bool write_closed() const { return Has(Bits::kWriteClosed); }
  constexpr bool error() const { return Has(Bits::kError); }
  constexpr bool priority() const { return Has(Bits::kPriority); }
  constexpr bool none() const { return bits_ == 0; }

  friend constexpr bool operator==(Readiness a, Readiness b) { return a.bits_ == b.bits_; }
  friend constexpr bool operator!=(Readiness a, Readiness b) { return a.bits_ != b.bits_; }

 private:
  using Bits = kioto::internal::Ready;
  constexpr bool Has(uint32_t any_of) const { return (bits_ & any_of) != 0; }

  uint32_t bits_;
};

// Joined by |: any of them.
class Interest {
 public:
  static const Interest kReadable;  // bytes, the end, an error
  static const Interest kWritable;  // room, nobody who reads any more, an error
  static const Interest kPriority;  // urgent data of TCP, and what else poll() calls POLLPRI
  static const Interest kError;     // an error alone, as of a socket's error queue

  // What it waits for; what an operation that finds nothing has used up.
  constexpr uint32_t bits() const { return bits_; }
  constexpr uint32_t taken() const { return taken_; }

  friend constexpr Interest operator|(Interest a, Interest b) { return Interest(a.bits_ | b.bits_, a.taken_ | b.taken_); }

 private:
  using Bits = kioto::internal::Ready;
  constexpr Interest(uint32_t bits, uint32_t taken) : bits_(bits), taken_(taken) {}

  uint32_t bits_;
  uint32_t taken_;
};

inline constexpr Interest Interest::kReadable(Bits::kReadable | Bits::kReadClosed | Bits::kError,
                                              Bits::kReadable | Bits::kError);
inline constexpr Interest Interest::kWritable(Bits::kWritable | Bits::kWriteClosed | Bits::kError,
                                              Bits::kWritable | Bits::kError);
inline constexpr Interest Interest::kPriority(Bits::kPriority | Bits::kReadClosed | Bits::kError,
                                              Bits::kPriority | Bits::kError);
inline constexpr Interest Interest::kError(Bits::kError, Bits::kError);

// Output: StatusOr<Readiness>. CANCEL SAFE: yes.
class [[nodiscard]] ReadinessFuture : public FutureBase<ReadinessFuture, StatusOr<Readiness>> {
 public:
  ReadinessFuture(kioto::internal::IoHandle& handle, kioto::internal::Direction direction)
      : handle_(&handle), direction_(direction) {}

  Poll<StatusOr<Readiness>> PollOnce(Context& cx) {
    Poll<StatusOr<uint32_t>> bits = handle_->PollReady(cx, direction_, "waiting for readiness");
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

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_READINESS_H_
