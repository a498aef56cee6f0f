#include "kioto/runtime/io/pipe.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/future/waker_slot.h"

namespace kioto::io {
namespace internal {

// A ring of bytes between one reader and one writer. Whoever finds nothing to do leaves its waker, and looks again.
class Pipe {
 public:
  explicit Pipe(size_t capacity) : capacity_(capacity), data_(new char[capacity]) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    return PollEither(cx, reader_, writer_, [&] { return Take(into); });
  }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, Pieces pieces) {
    return PollEither(cx, writer_, reader_, [&] { return Put(pieces); });
  }
  Status CheckWritable() {
    base::MutexLock lock(mutex_);
    return write_closed_ || read_closed_ ? BrokenPipe() : OkStatus();
  }
  void CloseWriting() {
    {
      base::MutexLock lock(mutex_);
      write_closed_ = true;
    }
    reader_.Wake();
  }
  void CloseReading() {
    {
      base::MutexLock lock(mutex_);
      read_closed_ = true;
      size_ = 0;
    }
    writer_.Wake();
  }

 private:
  static Status BrokenPipe() { return ErrnoStatus(EPIPE, "writing to a pipe in memory"); }

  template <class Step>
  Poll<StatusOr<size_t>> PollEither(Context& cx, WakerSlot& own, WakerSlot& other, Step step) {
    if (cx.budget_spent()) {
      (void)cx.ConsumeBudget();  // refuses, and arranges the next poll
      return kPending;
    }
    Poll<StatusOr<size_t>> moved = step();
    if (moved.pending()) {
      own.Register(cx.waker());
      moved = step();
      if (moved.pending()) return kPending;
      own.Disarm();
    }
    (void)cx.ConsumeBudget();  // there is some, see above
    if (moved->ok() && **moved > 0) other.Wake();
    return moved;
  }

  Poll<StatusOr<size_t>> Take(MutableBytes into) {
    base::MutexLock lock(mutex_);
    if (into.empty()) return StatusOr<size_t>(0);
    if (size_ == 0) return write_closed_ ? Poll<StatusOr<size_t>>(StatusOr<size_t>(0)) : kPending;
    const size_t n = std::min(into.size(), size_);
    const size_t first = std::min(n, capacity_ - begin_);
    std::memcpy(into.data(), &data_[begin_], first);
    std::memcpy(into.data() + first, &data_[0], n - first);
    begin_ = (begin_ + n) % capacity_;
    size_ -= n;
    return StatusOr<size_t>(n);
  }

  Poll<StatusOr<size_t>> Put(Pieces pieces) {
    base::MutexLock lock(mutex_);
    if (write_closed_ || read_closed_) return StatusOr<size_t>(BrokenPipe());
    size_t taken = 0;
    bool left = false;
    for (absl::string_view piece : pieces) {
      const size_t n = PutPiece(piece);
      taken += n;
      left = n < piece.size();
      if (left) break;
    }
    if (taken == 0 && left) return kPending;
    return StatusOr<size_t>(taken);
  }
  size_t PutPiece(absl::string_view piece) {
    const size_t n = std::min(piece.size(), capacity_ - size_);
    if (n == 0) return 0;
    const size_t end = (begin_ + size_) % capacity_;
    const size_t first = std::min(n, capacity_ - end);
    std::memcpy(&data_[end], piece.data(), first);
    std::memcpy(&data_[0], piece.data() + first, n - first);
    size_ += n;
    return n;
  }

  const size_t capacity_;
  WakerSlot reader_, writer_;  // who waits
  base::Mutex mutex_;          // guards all that follows
  std::unique_ptr<char[]> data_;
  size_t begin_ = 0;  // the first byte that is there
  size_t size_ = 0;
  bool write_closed_ = false;
  bool read_closed_ = false;
};

}  // namespace internal

SimplexPipe Simplex(size_t capacity) {
  KIOTO_CHECK(capacity > 0, "io::Simplex: a pipe without room would never pass a byte");
  return SimplexPipe(std::make_shared<internal::Pipe>(capacity));
}

SimplexReader& SimplexReader::operator=(SimplexReader&& other) noexcept {
  if (this == &other) return *this;
  if (pipe_ != nullptr) pipe_->CloseReading();
  pipe_ = std::move(other.pipe_);
  return *this;
}
SimplexReader::~SimplexReader() {
  if (pipe_ != nullptr) pipe_->CloseReading();
}
Poll<StatusOr<size_t>> SimplexReader::PollRead(Context& cx, MutableBytes into) { return pipe_->PollRead(cx, into); }

SimplexWriter& SimplexWriter::operator=(SimplexWriter&& other) noexcept {
  if (this == &other) return *this;
  if (pipe_ != nullptr) pipe_->CloseWriting();
  pipe_ = std::move(other.pipe_);
  return *this;
}
SimplexWriter::~SimplexWriter() {
  if (pipe_ != nullptr) pipe_->CloseWriting();
}
Poll<StatusOr<size_t>> SimplexWriter::PollWriteVectored(Context& cx, Pieces pieces) { return pipe_->PollWrite(cx, pieces); }
Poll<Status> SimplexWriter::PollFlush(Context& cx) {
  if (!cx.ConsumeBudget()) return kPending;
  return pipe_->CheckWritable();
}
Poll<Status> SimplexWriter::PollShutdown(Context&) {
  pipe_->CloseWriting();
  return OkStatus();
}

}  // namespace kioto::io
