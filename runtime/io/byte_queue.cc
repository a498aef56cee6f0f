#include "kioto/runtime/io/byte_queue.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "kioto/runtime/base/check.h"

namespace kioto {

ByteQueue::ByteQueue(size_t capacity) : data_(new char[capacity]), capacity_(capacity) {}

ByteQueue::ByteQueue(ByteQueue&& other) noexcept
    : data_(std::move(other.data_)),
      capacity_(std::exchange(other.capacity_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)) {}

ByteQueue& ByteQueue::operator=(ByteQueue&& other) noexcept {
  data_ = std::move(other.data_);
  capacity_ = std::exchange(other.capacity_, 0);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  return *this;
}

void ByteQueue::Consume(size_t n) {
  KIOTO_CHECK(n <= size(), "ByteQueue::Consume: more bytes than there are");
  begin_ += n;
  if (begin_ == end_) begin_ = end_ = 0;
}

MutableBytes ByteQueue::Room(size_t at_least) {
  at_least = std::max<size_t>(at_least, 1);
  if (capacity_ - end_ < at_least) {
    const size_t live = size();
    KIOTO_CHECK(at_least <= SIZE_MAX / 2 - capacity_, "ByteQueue::Room: the size does not fit in memory");
    if (begin_ >= capacity_ / 2 && capacity_ - live >= at_least) {
      if (live != 0) std::memmove(data_.get(), data_.get() + begin_, live);
    } else {
      const size_t capacity = std::max(capacity_ * 2, live + at_least);
      std::unique_ptr<char[]> data(new char[capacity]);
      if (live != 0) std::memcpy(data.get(), data_.get() + begin_, live);
      data_ = std::move(data);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = live;
  }
  return MutableBytes(data_.get() + end_, capacity_ - end_);
}

void ByteQueue::Commit(size_t n) {
  KIOTO_CHECK(n <= capacity_ - end_, "ByteQueue::Commit: more bytes than Room gave");
  end_ += n;
}

void ByteQueue::Append(absl::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(Room(bytes.size()).data(), bytes.data(), bytes.size());
  Commit(bytes.size());
}

void ByteQueue::Release(size_t keep) {
  if (!empty() || capacity_ <= keep) return;
  data_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace kioto
