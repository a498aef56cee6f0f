// ByteQueue: bytes in at the back, out at the front, always in one piece. What a protocol parses from.
//
//   s.Read(queue).AndThen([&](size_t& n) {
//     while (auto frame = Parse(queue.view())) queue.Consume(frame->size);   // parse it dry, then write once
//   });
//
// Room is found by moving the bytes down when at least half of the block is used up, else by doubling it: each byte is
// moved a constant number of times. A block of which a part was split off (Bytes) and is still held is not written to again
// from its front: the queue goes on behind that part, and then in a new block. Not thread safe.
#ifndef KIOTO_RUNTIME_IO_BYTE_QUEUE_H_
#define KIOTO_RUNTIME_IO_BYTE_QUEUE_H_

#include <algorithm>
#include <cstddef>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/bytes.h"

namespace kioto {

class ByteQueue {
 public:
  ByteQueue() = default;
  // Room for `capacity` bytes from the start.
  explicit ByteQueue(size_t capacity);
  ByteQueue(ByteQueue&& other) noexcept;
  ByteQueue& operator=(ByteQueue&& other) noexcept;

  // What is in it. Good until the next call that is not const; Consume and Truncate only take bytes from its ends.
  absl::string_view view() const { return absl::string_view(block_.data() + begin_, end_ - begin_); }
  // The same, to be changed where it is: a length, once what it counts stands behind it.
  MutableBytes span() { return MutableBytes(block_.data() + begin_, size()); }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  size_t capacity() const { return capacity_; }

  // Drops the first n bytes; n <= size().
  void Consume(size_t n) {
    KIOTO_CHECK(n <= size(), "ByteQueue::Consume: more bytes than there are");
    begin_ += n;
    if (begin_ == end_ && block_.unique()) begin_ = end_ = 0;
  }
  void Clear() { Consume(size()); }
  // Drops all but the first n bytes; n <= size(). For an encoder that fails halfway.
  void Truncate(size_t n) {
    KIOTO_CHECK(n <= size(), "ByteQueue::Truncate: more bytes than there are");
    end_ = begin_ + n;
    Consume(0);  // empty, it begins at the front again
  }
  // Takes the first n bytes off, without copying them; n <= size().
  Bytes Split(size_t n);

  // Free memory behind the last byte, at least so much (and at least one byte). Then Commit what was written there.
  MutableBytes Room(size_t at_least) {
    at_least = std::max<size_t>(at_least, 1);
    if (capacity_ - end_ < at_least) MakeRoom(at_least);
    return MutableBytes(block_.data() + end_, capacity_ - end_);
  }
  void Commit(size_t n) {
    KIOTO_CHECK(n <= capacity_ - end_, "ByteQueue::Commit: more bytes than Room gave");
    end_ += n;
  }
  // They may be bytes of this queue.
  void Append(absl::string_view bytes);

  // Gives the memory back if the queue is empty and holds more than `keep` bytes: for connections that idle after a
  // large message. Not while a part that was split off is held: that keeps the block anyway, and the rest of it is used.
  void Release(size_t keep = 0);

 private:
  void MakeRoom(size_t at_least);  // there is less

  internal::BlockRef block_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_IO_BYTE_QUEUE_H_
