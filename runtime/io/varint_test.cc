#include "kioto/runtime/io/varint.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

TEST(Varint, GoesThereAndBack) {
  const struct {
    uint64_t value;
    std::string bytes;
  } cases[] = {{0, std::string(1, '\0')},
               {1, "\x01"},
               {127, "\x7f"},
               {128, "\x80\x01"},
               {300, "\xac\x02"},
               {uint64_t{1} << 32, "\x80\x80\x80\x80\x10"},
               {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}};
  for (const auto& c : cases) {
    ByteQueue queue;
    AppendVarint(queue, c.value);
    EXPECT_EQ(queue.view(), c.bytes);
    queue.Append("rest");
    EXPECT_EQ(*TakeVarint(queue), std::optional<uint64_t>(c.value));
    EXPECT_EQ(queue.view(), "rest");
  }
}

TEST(Varint, IsWaitedForUntilItIsWhole) {
  const absl::string_view bytes = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  ByteQueue queue;
  for (char byte : bytes) {
    EXPECT_EQ(*TakeVarint(queue), std::nullopt);
    queue.Append(absl::string_view(&byte, 1));
  }
  EXPECT_EQ(*TakeVarint(queue), std::optional<uint64_t>(UINT64_MAX));
}

TEST(Varint, HasALimit) {
  ByteQueue queue;
  AppendVarint(queue, 1001);
  const Status status = TakeVarint(queue, 1000).status();
  EXPECT_TRUE(IsLimitExceeded(status)) << status;
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(*TakeVarint(queue, 1001), std::optional<uint64_t>(1001));
}

TEST(Varint, HasNoMoreThan64Bits) {
  for (const char* last : {"\x02", "\x81", "\xff"}) {
    ByteQueue queue;
    queue.Append("\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    queue.Append(last);
    EXPECT_EQ(TakeVarint(queue).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(queue.size(), 10u);
  }
}

}  // namespace
}  // namespace kioto::io
