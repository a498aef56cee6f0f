#include "kioto/runtime/io/integers.h"

#include <limits>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

template <class T>
void ThereAndBack(T value, const std::string& big) {
  std::string bytes;
  StringWriter writer(bytes);
  EXPECT_EQ(Finish(WriteNumber<T>(writer, value)), OkStatus());
  EXPECT_EQ(bytes, big);
  EXPECT_EQ(Finish(WriteNumber<T>(writer, value, Endian::kLittle)), OkStatus());
  EXPECT_EQ(bytes, big + std::string(big.rbegin(), big.rend()));
  BytesReader reader(bytes);
  EXPECT_EQ(*Finish(ReadNumber<T>(reader)), value);
  EXPECT_EQ(*Finish(ReadNumber<T>(reader, Endian::kLittle)), value);
  EXPECT_EQ(reader.left(), "");
  char memory[sizeof(T)];
  StoreNumber<T>(memory, value);
  EXPECT_EQ(std::string(memory, sizeof(T)), big);
  EXPECT_EQ(LoadNumber<T>(memory), value);
  ByteQueue queue;
  AppendNumber<T>(queue, value);
  AppendNumber<T>(queue, value, Endian::kLittle);
  EXPECT_EQ(queue.view(), bytes);
  EXPECT_EQ(TakeNumber<T>(queue), value);
  EXPECT_EQ(TakeNumber<T>(queue, Endian::kLittle), value);
  EXPECT_EQ(TakeNumber<T>(queue), std::nullopt);
}

TEST(Numbers, GoThereAndBackInBothOrders) {
  ThereAndBack<uint8_t>(0xfe, "\xfe");
  ThereAndBack<int8_t>(-2, "\xfe");
  ThereAndBack<uint16_t>(0x0102, std::string("\x01\x02", 2));
  ThereAndBack<int16_t>(-2, "\xff\xfe");
  ThereAndBack<uint32_t>(0x01020304, "\x01\x02\x03\x04");
  ThereAndBack<int32_t>(-2, "\xff\xff\xff\xfe");
  ThereAndBack<uint64_t>(0x0102030405060708, "\x01\x02\x03\x04\x05\x06\x07\x08");
  ThereAndBack<int64_t>(std::numeric_limits<int64_t>::min(), std::string("\x80\0\0\0\0\0\0\0", 8));
  ThereAndBack<float>(1.5f, std::string("\x3f\xc0\0\0", 4));
  ThereAndBack<double>(-2.0, std::string("\xc0\0\0\0\0\0\0\0", 8));
}

// behaviour: kioto/runtime/io/integers.h#numbers_of_n_bytes
TEST(Numbers, HaveAnyNumberOfBytesFromOneToEight) {
  const std::string big = "\x81\x02\x03\x04\x05\x06\x07\x08";
  uint64_t value = 0;
  for (size_t n = 1; n <= 8; ++n) {
    value = value << 8 | static_cast<unsigned char>(big[n - 1]);
    const int64_t negative = n == 8 ? static_cast<int64_t>(value) : static_cast<int64_t>(value) - (int64_t{1} << (8 * n));
    for (const Endian endian : {Endian::kBig, Endian::kLittle}) {
      const std::string bytes = endian == Endian::kBig ? big.substr(0, n) : std::string(big.rend() - n, big.rend());
      EXPECT_EQ(LoadUint(bytes.data(), n, endian), value);
      EXPECT_EQ(LoadInt(bytes.data(), n, endian), negative);
      ByteQueue queue;
      AppendUint(queue, value, n, endian);
      AppendUint(queue, static_cast<uint64_t>(negative), n, endian);
      EXPECT_EQ(queue.view(), bytes + bytes) << n;
      EXPECT_EQ(TakeUint(queue, n, endian), value);
      EXPECT_EQ(TakeInt(queue, n, endian), negative);
      EXPECT_EQ(TakeUint(queue, n), std::nullopt);
      EXPECT_EQ(TakeInt(queue, n), std::nullopt);
    }
  }
  EXPECT_EQ(LoadInt("\x7f\xff\xff", 3), 0x7fffff);
}

TEST(NumbersDeathTest, OfNoBytesOrOfNine) {
  char bytes[9] = {};
  for (const size_t n : {size_t{0}, size_t{9}}) {
    EXPECT_DEATH((void)LoadUint(bytes, n), "a number has 1 to 8 bytes");
    EXPECT_DEATH(StoreUint(bytes, 1, n), "a number has 1 to 8 bytes");
  }
}

TEST(Numbers, ComeInPieces) {
  ScriptedReader reader({std::string("\x01", 1), PendingOnce{}, std::string("\x02\x03", 2), "\x04"});
  EXPECT_EQ(*Finish(ReadNumber<uint32_t>(reader)), 0x01020304u);
  std::string bytes;
  ScriptedWriter writer({size_t{1}, PendingOnce{}, size_t{2}});
  EXPECT_EQ(Finish(WriteNumber<uint32_t>(writer, 0x01020304)), OkStatus());
  EXPECT_EQ(writer.data(), "\x01\x02\x03\x04");
}

TEST(Numbers, StayInTheQueueUntilTheyAreWhole) {
  ByteQueue queue;
  for (const char* byte : {"\x01", "\x02", "\x03"}) {
    queue.Append(byte);
    EXPECT_EQ(TakeNumber<uint32_t>(queue), std::nullopt);
  }
  queue.Append("\x04\x05");
  EXPECT_EQ(TakeNumber<uint32_t>(queue), 0x01020304u);
  EXPECT_EQ(queue.view(), "\x05");
}

TEST(Numbers, NeedAllTheirBytes) {
  BytesReader reader("\x01\x02\x03");
  const Status status = Finish(ReadNumber<uint32_t>(reader)).status();
  EXPECT_TRUE(IsUnexpectedEof(status)) << status;
}

// behaviour: tokio/tests/io_write_int.rs#write_int_should_err_if_write_count_0
TEST(Numbers, AWriterThatTakesNothingIsAnError) {
  ScriptedWriter writer({size_t{0}});
  const Status status = Finish(WriteNumber<int8_t>(writer, 1));
  EXPECT_TRUE(IsWriteZero(status)) << status;
}

}  // namespace
}  // namespace kioto::io
