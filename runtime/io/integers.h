// Numbers on the wire: integers and floating-point numbers of one to eight bytes, the most significant byte first unless
// Endian::kLittle is said.
//
//   io::ReadNumber<uint32_t>(stream).AndThen([](uint32_t& length) { ... });
//   io::WriteNumber<uint16_t>(stream, 443)
//   std::optional<uint32_t> length = io::TakeNumber<uint32_t>(queue);   // in memory: for codecs and parsers
//   std::optional<uint64_t> id = io::TakeUint(queue, 3);                // of as many bytes as are said
#ifndef KIOTO_RUNTIME_IO_INTEGERS_H_
#define KIOTO_RUNTIME_IO_INTEGERS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

enum class Endian { kBig, kLittle };

namespace internal {

template <class T>
struct BitsOf {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "kioto: ReadNumber and WriteNumber need a number of at most eight bytes");
  using Type = std::conditional_t<sizeof(T) == 1, uint8_t,
                                  std::conditional_t<sizeof(T) == 2, uint16_t,
                                                     std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;
};

// Where byte i of a number lies, counted from the least significant one.
inline size_t PlaceOf(size_t i, size_t size, Endian endian) { return endian == Endian::kLittle ? i : size - 1 - i; }

}  // namespace internal

// --- In memory. ---

// The number that stands in the sizeof(T) bytes at `bytes`.
template <class T>
T LoadNumber(const char* bytes, Endian endian = Endian::kBig) {
  using Bits = typename internal::BitsOf<T>::Type;
  Bits bits = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[internal::PlaceOf(i, sizeof(T), endian)]);
    bits = static_cast<Bits>(bits | static_cast<Bits>(static_cast<Bits>(byte) << (8 * i)));
  }
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
// Writes sizeof(T) bytes. T is to be said, so that it is not the compiler's guess how many those are; so in what follows.
template <class T>
void StoreNumber(char* bytes, std::common_type_t<T> value, Endian endian = Endian::kBig) {
  typename internal::BitsOf<T>::Type bits;
  std::memcpy(&bits, &value, sizeof(T));
  for (size_t i = 0; i < sizeof(T); ++i) bytes[internal::PlaceOf(i, sizeof(T), endian)] = static_cast<char>(bits >> (8 * i));
}

// The same of n bytes, 1 to 8 (checked): of a length in three, say.
inline uint64_t LoadUint(const char* bytes, size_t n, Endian endian = Endian::kBig) {
  KIOTO_CHECK(n >= 1 && n <= 8, "LoadUint, StoreUint and their kin: a number has 1 to 8 bytes");
  uint64_t value = 0;
  for (size_t i = 0; i < n; ++i) {
    value |= uint64_t{static_cast<unsigned char>(bytes[internal::PlaceOf(i, n, endian)])} << (8 * i);
  }
  return value;
}
// The highest bit is the sign.
inline int64_t LoadInt(const char* bytes, size_t n, Endian endian = Endian::kBig) {
  const uint64_t value = LoadUint(bytes, n, endian), sign = uint64_t{1} << (8 * n - 1);
  return static_cast<int64_t>((value ^ sign) - sign);
}
// Writes the lowest n bytes of `value`, which may be a signed one: what does not fit is lost.
inline void StoreUint(char* bytes, uint64_t value, size_t n, Endian endian = Endian::kBig) {
  KIOTO_CHECK(n >= 1 && n <= 8, "LoadUint, StoreUint and their kin: a number has 1 to 8 bytes");
  for (size_t i = 0; i < n; ++i) bytes[internal::PlaceOf(i, n, endian)] = static_cast<char>(value >> (8 * i));
}

// Takes one off the front; nullopt, and nothing is taken, while there are fewer bytes.
template <class T>
std::optional<T> TakeNumber(ByteQueue& queue, Endian endian = Endian::kBig) {
  if (queue.size() < sizeof(T)) return std::nullopt;
  const T value = LoadNumber<T>(queue.view().data(), endian);
  queue.Consume(sizeof(T));
  return value;
}
template <class T>
void AppendNumber(ByteQueue& queue, std::common_type_t<T> value, Endian endian = Endian::kBig) {
  char bytes[sizeof(T)];
  StoreNumber<T>(bytes, value, endian);
  queue.Append(absl::string_view(bytes, sizeof(T)));
}

inline std::optional<uint64_t> TakeUint(ByteQueue& queue, size_t n, Endian endian = Endian::kBig) {
  if (queue.size() < n) return std::nullopt;
  const uint64_t value = LoadUint(queue.view().data(), n, endian);
  queue.Consume(n);
  return value;
}
inline std::optional<int64_t> TakeInt(ByteQueue& queue, size_t n, Endian endian = Endian::kBig) {
  if (queue.size() < n) return std::nullopt;
  const int64_t value = LoadInt(queue.view().data(), n, endian);
  queue.Consume(n);
  return value;
}
inline void AppendUint(ByteQueue& queue, uint64_t value, size_t n, Endian endian = Endian::kBig) {
  char bytes[8];
  StoreUint(bytes, value, n, endian);
  queue.Append(absl::string_view(bytes, n));
}

// --- In a stream. ---

template <class T>
class [[nodiscard]] ReadNumberFuture : public FutureBase<ReadNumberFuture<T>, StatusOr<T>> {
 public:
  static constexpr bool kLosesData = sizeof(T) > 1;

  ReadNumberFuture(ReaderRef reader, Endian endian) : reader_(reader), endian_(endian) {}
  Poll<StatusOr<T>> PollOnce(Context& cx) {
    while (done_ < sizeof(T)) {
      Poll<StatusOr<size_t>> n = reader_.PollRead(cx, MutableBytes(bytes_, sizeof(T)).subspan(done_));
      if (n.pending()) return kPending;
      if (!n->ok()) return StatusOr<T>(n->status());
      if (**n == 0) return StatusOr<T>(UnexpectedEofError(done_, sizeof(T)));
      done_ += **n;
    }
    return StatusOr<T>(LoadNumber<T>(bytes_, endian_));
  }
  void Describe(WaitTrace& trace) const { trace.Node("ReadNumber", reader_); }

 private:
  ReaderRef reader_;
  Endian endian_;
  uint8_t done_ = 0;
  char bytes_[sizeof(T)];
};

class [[nodiscard]] WriteNumberFuture : public FutureBase<WriteNumberFuture, Status> {
 public:
  template <class T>
  WriteNumberFuture(WriterRef writer, T value, Endian endian) : writer_(writer), size_(sizeof(T)) {
    StoreNumber<T>(bytes_, value, endian);
  }
  Poll<Status> PollOnce(Context& cx) {
    while (done_ < size_) {
      Poll<StatusOr<size_t>> n = writer_.PollWrite(cx, absl::string_view(bytes_, size_).substr(done_));
      if (n.pending()) return kPending;
      if (!n->ok()) return n->status();
      if (**n == 0) return WriteZeroError(size_ - done_);
      done_ = static_cast<uint8_t>(done_ + **n);
    }
    return OkStatus();
  }
  void Describe(WaitTrace& trace) const { trace.Node("WriteNumber", writer_); }

 private:
  WriterRef writer_;
  uint8_t size_;
  uint8_t done_ = 0;
  char bytes_[8];
};

// Errors: the reader's; IsUnexpectedEof when the stream ends before. CANCEL SAFE: loses data; yes for one byte.
template <class T>
ReadNumberFuture<T> ReadNumber(ReaderRef reader, Endian endian = Endian::kBig) {
  return ReadNumberFuture<T>(reader, endian);
}
// Errors: the writer's; IsWriteZero. CANCEL SAFE: loses place.
template <class T>
WriteNumberFuture WriteNumber(WriterRef writer, std::common_type_t<T> value, Endian endian = Endian::kBig) {
  return WriteNumberFuture(writer, static_cast<T>(value), endian);
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_INTEGERS_H_
