#include "kioto/runtime/io/read.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

// The first piece of a ReadToEnd; it doubles from there.
constexpr size_t kFirstRoom = 1024;

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

}  // namespace kioto::io
