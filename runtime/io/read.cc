#include "kioto/runtime/io/read.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

// The first piece of a ReadToEnd; it doubles from there.
constexpr size_t kFirstRoom = 1024;
// What one read of a string's free capacity asks for at most: so much is filled with zeroes before it.
constexpr size_t kMostRoom = 16 * 1024;
// What a full string is asked for before it grows: most often the stream is at its end.
constexpr size_t kProbe = 32;

}  // namespace

Poll<StatusOr<size_t>> ReadQueueFuture::PollOnce(Context& cx) {
  Poll<StatusOr<size_t>> n = reader_.PollRead(cx, queue_->Room(room_));
  if (n.ready() && n->ok()) queue_->Commit(**n);
  return n;
}

Poll<Status> ReadExactFuture::PollOnce(Context& cx) {
  while (done_ < into_.size()) {
    Poll<StatusOr<size_t>> n = reader_.PollRead(cx, into_.subspan(done_));
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    if (**n == 0) return UnexpectedEofError(done_, into_.size());
    done_ += **n;
  }
  return OkStatus();
}

Poll<StatusOr<std::string>> ReadToEndFuture::PollOnce(Context& cx) {
  while (true) {
    if (done_ == data_.size()) {
      // One byte above the limit tells "too long" from "just fits".
      const size_t most = limit_ == SIZE_MAX ? limit_ : limit_ + 1;
      data_.resize(std::min(most, std::max(kFirstRoom, done_ * 2)));
    }
    Poll<StatusOr<size_t>> n = reader_.PollRead(cx, MutableBytes(&data_[0], data_.size()).subspan(done_));
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    if (**n == 0) break;
    done_ += **n;
    if (done_ > limit_) return LimitExceededError("ReadToEnd", limit_);
  }
  data_.resize(done_);
  return StatusOr<std::string>(std::move(data_));
}

Poll<StatusOr<size_t>> AppendToEndFuture::ReadSome(Context& cx) {
  const size_t size = into_->size();
  if (size == into_->capacity()) {
    char probe[kProbe];
    Poll<StatusOr<size_t>> n = reader_.PollRead(cx, probe);
    if (n.ready() && n->ok()) into_->append(probe, **n);
    return n;
  }
  const size_t room = std::min(into_->capacity() - size, kMostRoom);
  into_->resize(size + room);
  Poll<StatusOr<size_t>> n = reader_.PollRead(cx, MutableBytes(&(*into_)[size], room));
  into_->resize(n.ready() && n->ok() ? size + **n : size);
  return n;
}

Poll<StatusOr<size_t>> AppendToEndFuture::PollOnce(Context& cx) {
  while (true) {
    Poll<StatusOr<size_t>> n = ReadSome(cx);
    if (n.pending() || !n->ok()) return n;
    if (**n == 0) return StatusOr<size_t>(done_);
    done_ += **n;
    if (done_ > limit_) return StatusOr<size_t>(LimitExceededError("ReadToEnd", limit_));
  }
}

}  // namespace kioto::io
