// Buffer: a fixed piece of memory to read into. Owned, movable, not initialized.
//
//   Buffer buf(16 * 1024);
//   s.Read(buf).AndThen([&](size_t& n) { return s.WriteAll(buf.first(n)); });
//
// For bytes that come in at one end and are parsed from the other, see ByteQueue.
#ifndef KIOTO_RUNTIME_IO_BUFFER_H_
#define KIOTO_RUNTIME_IO_BUFFER_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kioto/runtime/base/check.h"

namespace kioto {

// Bytes that may be written to; borrowed. Bytes to be read are an absl::string_view.
using MutableBytes = absl::Span<char>;

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t size) : data_(new char[size]), size_(size) {}
  Buffer(Buffer&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  char* data() { return data_.get(); }
  const char* data() const { return data_.get(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The first n bytes, as they are now; n <= size().
  absl::string_view first(size_t n) const {
    KIOTO_CHECK(n <= size_, "Buffer::first: more bytes than the buffer has");
    return absl::string_view(data_.get(), n);
  }
  absl::string_view view(size_t offset, size_t n) const {
    KIOTO_CHECK(offset <= size_ && n <= size_ - offset, "Buffer::view: beyond the end of the buffer");
    return absl::string_view(data_.get() + offset, n);
  }

  // All of it, or what lies behind `offset`, to be written to. Borrowed.
  MutableBytes span() & { return MutableBytes(data_.get(), size_); }
  MutableBytes from(size_t offset) & {
    KIOTO_CHECK(offset <= size_, "Buffer::from: beyond the end of the buffer");
    return MutableBytes(data_.get() + offset, size_ - offset);
  }
  operator MutableBytes() & { return span(); }  // NOLINT: what Read wants

 private:
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_IO_BUFFER_H_
