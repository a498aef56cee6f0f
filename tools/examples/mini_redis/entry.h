// Entry: a key with its value and its deadline, in one piece of memory: what a table's slot points to.
//
// 20 bytes, the key, the value, and room for the value to grow. With a 16-byte key and a 32-byte value that is 68 bytes.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_ENTRY_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "absl/strings/string_view.h"

namespace mini_redis {

// Milliseconds since 1970, as EXPIREAT has them; 0: never.
using Millis = int64_t;
inline constexpr Millis kNever = 0;

class Entry {
 public:
  // The value is empty, and has room for `capacity` bytes.
  static Entry* New(absl::string_view key, size_t capacity) {
    void* memory = ::operator new(kHeader + key.size() + capacity);
    return new (memory) Entry(key, capacity);
  }
  void Delete() { ::operator delete(static_cast<void*>(this)); }

  absl::string_view key() const { return absl::string_view(bytes(), key_size_); }
  absl::string_view value() const { return absl::string_view(bytes() + key_size_, value_size_); }
  size_t capacity() const { return capacity_; }

  // value.size() <= capacity().
  void SetValue(absl::string_view value) {
    value_size_ = 0;
    Append(value);
  }
  // As much as there is room for.
  void Append(absl::string_view more) {
    if (!more.empty()) std::memcpy(bytes() + key_size_ + value_size_, more.data(), more.size());
    value_size_ += static_cast<uint32_t>(more.size());
  }

  Millis deadline() const { return (static_cast<Millis>(deadline_high_) << 32) | deadline_low_; }
  void set_deadline(Millis deadline) {
    deadline_low_ = static_cast<uint32_t>(deadline);
    deadline_high_ = static_cast<int32_t>(deadline >> 32);
  }

 private:
  static constexpr size_t kHeader = 20;

  Entry(absl::string_view key, size_t capacity)
      : key_size_(static_cast<uint32_t>(key.size())), capacity_(static_cast<uint32_t>(capacity)) {
    if (!key.empty()) std::memcpy(bytes(), key.data(), key.size());
  }
  char* bytes() { return reinterpret_cast<char*>(this) + kHeader; }
  const char* bytes() const { return reinterpret_cast<const char*>(this) + kHeader; }

  // Halves, so that the header has no padding: glibc then puts 52 bytes of key and value into 80.
  uint32_t deadline_low_ = 0;
  int32_t deadline_high_ = 0;
  const uint32_t key_size_;
  uint32_t value_size_ = 0;
  const uint32_t capacity_;
};
static_assert(sizeof(Entry) == 20, "the bytes lie right behind the header");

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_ENTRY_H_
