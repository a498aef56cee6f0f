#include "kioto/runtime/io/read.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

// What a ReadToEnd's own string has room for at first.
constexpr size_t kFirstRoom = 1024;
// What one read of a string's free capacity asks for at most: so much is filled with zeroes before it, while it is in the cache. No
// more than the string has by then, but always the least, so that a stream that comes in drops costs little.
constexpr size_t kLeastRoom = 16 * 1024;
constexpr size_t kMostRoom = 128 * 1024;
// What a full string is asked for before it grows: most often the stream is at its end.
constexpr size_t kProbe = 32;
// A string doubles when it grows. From this size on it grows more: what is not touched costs address space alone, but each growth a
// copy, and the system's work for each page of it.
constexpr size_t kLarge = 256 * 1024;
constexpr size_t kLargeGrowth = 4;

// Reads once, to the end of `into`, which is to have `most` bytes at most.
Poll<StatusOr<size_t>> Append(ReaderRef reader, Context& cx, std::string& into, size_t most) {
  const size_t size = into.size();
  if (size == into.capacity()) {
    char probe[kProbe];
    Poll<StatusOr<size_t>> n = reader.PollRead(cx, MutableBytes(probe).first(std::min(kProbe, most - size)));
    if (n.pending() || !n->ok() || **n == 0) return n;
    if (size >= kLarge) into.reserve(std::min(most, kLargeGrowth * size));
    into.append(probe, **n);
    return n;
  }
  if (cx.budget_spent()) {
    (void)cx.ConsumeBudget();  // refuses, as the read would, before the room is filled
    return kPending;
  }
  const size_t room = std::min({into.capacity() - size, most - size, std::clamp(size, kLeastRoom, kMostRoom)});
  into.resize(size + room);
  Poll<StatusOr<size_t>> n = reader.PollRead(cx, MutableBytes(&into[size], room));
  into.resize(n.ready() && n->ok() ? size + **n : size);
  return n;
}

// One byte above the limit tells "too long" from "just fits".
size_t OneMore(size_t limit) { return limit == SIZE_MAX ? limit : limit + 1; }

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
  if (data_.empty()) data_.reserve(std::min(kFirstRoom, OneMore(limit_)));
  while (true) {
    Poll<StatusOr<size_t>> n = Append(reader_, cx, data_, OneMore(limit_));
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    if (**n == 0) return StatusOr<std::string>(std::move(data_));
    if (data_.size() > limit_) return LimitExceededError("ReadToEnd", limit_);
  }
}

Poll<StatusOr<size_t>> AppendToEndFuture::PollOnce(Context& cx) {
  const size_t before = into_->size() - done_;
  while (true) {
    const size_t most = limit_ < SIZE_MAX - before ? before + limit_ + 1 : SIZE_MAX;
    Poll<StatusOr<size_t>> n = Append(reader_, cx, *into_, most);
    if (n.pending() || !n->ok()) return n;
    if (**n == 0) return StatusOr<size_t>(done_);
    done_ += **n;
    if (done_ > limit_) return StatusOr<size_t>(LimitExceededError("ReadToEnd", limit_));
  }
}

}  // namespace kioto::io
