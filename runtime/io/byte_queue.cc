#include "kioto/runtime/io/byte_queue.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>

#include "kioto/runtime/base/check.h"

namespace kioto {

ByteQueue::ByteQueue(size_t capacity) : block_(capacity), capacity_(capacity) {}

ByteQueue::ByteQueue(ByteQueue&& other) noexcept
    : block_(std::move(other.block_)),
      capacity_(std::exchange(other.capacity_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)) {}

ByteQueue& ByteQueue::operator=(ByteQueue&& other) noexcept {
  block_ = std::move(other.block_);
  capacity_ = std::exchange(other.capacity_, 0);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  return *this;
}

Bytes ByteQueue::Split(size_t n) {
  KIOTO_CHECK(n <= size(), "ByteQueue::Split: more bytes than there are");
  if (n == 0) return Bytes();
  Bytes bytes(view().substr(0, n), block_);
  begin_ += n;
  return bytes;
}

void ByteQueue::MakeRoom(size_t at_least) {
  const size_t live = size();
  KIOTO_CHECK(at_least <= SIZE_MAX / 2 - capacity_, "ByteQueue::Room: the size does not fit in memory");
  const bool large_enough = (begin_ >= capacity_ / 2 || live == 0) && capacity_ - live >= at_least;
  if (large_enough && block_.unique()) {
    if (live != 0) std::memmove(block_.data(), block_.data() + begin_, live);
  } else {
    const size_t capacity = large_enough ? capacity_ : std::max(capacity_ * 2, live + at_least);
    internal::BlockRef block(capacity);
    if (live != 0) std::memcpy(block.data(), block_.data() + begin_, live);
    block_ = std::move(block);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = live;
}

void ByteQueue::Append(absl::string_view bytes) {
  if (bytes.empty()) return;
  const std::less<> before;
  const bool own = !before(bytes.data(), block_.data()) && before(bytes.data(), block_.data() + capacity_);
  const internal::BlockRef kept = own ? block_ : internal::BlockRef();  // while Room moves on, to another block then
  std::memcpy(Room(bytes.size()).data(), bytes.data(), bytes.size());
  Commit(bytes.size());
}

void ByteQueue::Release(size_t keep) {
  if (!empty() || capacity_ <= keep || !block_.unique()) return;
  block_ = internal::BlockRef();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace kioto
