#include "kioto/runtime/io/bytes.h"

#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/io/byte_queue.h"

namespace kioto {
namespace {

TEST(Bytes, SharesItsMemoryWithItsCopiesAndSlices) {
  Bytes bytes = Bytes::Copy("header and body");
  const Bytes copy = bytes;
  EXPECT_EQ(copy.data(), bytes.data());
  const Bytes body = bytes.Slice(11, 4);
  EXPECT_EQ(body, "body");
  EXPECT_EQ(body.data(), bytes.data() + 11);
  bytes.RemovePrefix(7);
  EXPECT_EQ(bytes, "and body");
  Bytes moved = std::move(bytes);
  EXPECT_TRUE(bytes.empty());  // NOLINT: what was moved from is empty
  moved = Bytes::Static("literal");
  EXPECT_EQ(moved.ToString(), "literal");
  EXPECT_EQ(copy, "header and body");
  EXPECT_NE(copy, moved);
  EXPECT_EQ(copy.Slice(3, 0), Bytes());
}

TEST(Bytes, OwnCopiesNothing) {
  std::string large(1000, 'x');
  const char* at = large.data();
  const Bytes bytes = Bytes::Own(std::move(large));
  EXPECT_EQ(bytes, std::string(1000, 'x'));
  EXPECT_EQ(bytes.data(), at);
  EXPECT_EQ(Bytes::Own(std::string("short")), "short");  // its bytes lie inside the string
  EXPECT_TRUE(Bytes::Own(std::string()).empty());
}

// Says when it goes.
struct MappedFile {
  explicit MappedFile(int& ends) : ends(&ends) {}
  MappedFile(MappedFile&& other) noexcept : ends(std::exchange(other.ends, nullptr)) {}
  ~MappedFile() {
    if (ends != nullptr) ++*ends;
  }
  operator absl::string_view() const { return "all of the file"; }  // NOLINT: what Own wants
  int* ends;
};

TEST(Bytes, TheOwnerGoesWithTheLastPart) {
  int ends = 0;
  Bytes bytes = Bytes::Own(MappedFile(ends));
  Bytes part = bytes.Slice(11, 4);
  const Bytes empty = bytes.Slice(0, 0);
  bytes = Bytes();
  EXPECT_EQ(part, "file");
  EXPECT_EQ(ends, 0);
  std::thread([part = std::move(part)] {}).join();
  EXPECT_EQ(ends, 1);
}

TEST(Bytes, AreSlicedByAViewOfAPart) {
  const Bytes bytes = Bytes::Copy("key: value");
  const absl::string_view value = bytes.view().substr(5);
  const Bytes slice = bytes.Slice(value);
  EXPECT_EQ(slice, "value");
  EXPECT_EQ(slice.data(), value.data());
  EXPECT_TRUE(bytes.Slice(value.substr(5)).empty());
  EXPECT_TRUE(Bytes().Slice("").empty());
}

TEST(Bytes, GetShorterAtEitherEnd) {
  Bytes bytes = Bytes::Copy("<tag>");
  bytes.RemovePrefix(1);
  bytes.RemoveSuffix(1);
  EXPECT_EQ(bytes, "tag");
  bytes.RemoveSuffix(3);
  EXPECT_TRUE(bytes.empty());
}

TEST(Bytes, AreText) { EXPECT_EQ(absl::StrCat("a ", Bytes::Static("word"), "."), "a word."); }

TEST(BytesDeathTest, RefusesMoreThanThereIs) {
  const Bytes bytes = Bytes::Static("abc");
  EXPECT_DEATH((void)bytes.Slice(1, 3), "beyond the end of the bytes");
  EXPECT_DEATH((void)bytes.Slice("abc of somebody else"), "a view of other bytes");
  EXPECT_DEATH((void)bytes.Slice(absl::string_view(bytes.data() + 1, 3)), "beyond the end of the bytes");
  EXPECT_DEATH(Bytes(bytes).RemovePrefix(4), "more bytes than there are");
  EXPECT_DEATH(Bytes(bytes).RemoveSuffix(4), "more bytes than there are");
  EXPECT_DEATH(ByteQueue().Split(1), "more bytes than there are");
}

TEST(Bytes, SplitCopiesNothing) {
  ByteQueue queue(16);
  queue.Append("onetwo");
  const char* at = queue.view().data();
  const Bytes one = queue.Split(3);
  const Bytes two = queue.Split(3);
  EXPECT_EQ(one, "one");
  EXPECT_EQ(one.data(), at);
  EXPECT_EQ(two, "two");
  EXPECT_EQ(two.data(), at + 3);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Split(0), "");
}

// What was split off stays as it is, whatever the queue does behind it; without holders the block is used again.
TEST(Bytes, OutliveWhatTheQueueDoes) {
  ByteQueue queue(32);
  std::vector<std::pair<Bytes, std::string>> kept;
  std::string model;
  std::minstd_rand random(3);
  for (int i = 0; i < 5000; ++i) {
    const std::string piece(random() % 20, static_cast<char>('a' + i % 26));
    queue.Append(piece);
    model += piece;
    const size_t n = random() % (model.size() + 1);
    if (random() % 2 == 0) {
      queue.Consume(n);
    } else {
      kept.emplace_back(queue.Split(n), model.substr(0, n));
    }
    model.erase(0, n);
    ASSERT_EQ(queue.view(), model);
    if (kept.size() > 10) kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(random() % 10));
    for (const auto& [bytes, text] : kept) ASSERT_EQ(bytes, text);
  }
}

TEST(Bytes, TheBlockIsUsedAgainOnceNobodyHoldsAPart) {
  ByteQueue queue(16);
  for (int i = 0; i < 100; ++i) {
    queue.Append("0123456789");
    EXPECT_EQ(queue.Split(10), "0123456789");
  }
  EXPECT_EQ(queue.capacity(), 16u);
  queue.Append("0123456789");
  const Bytes held = queue.Split(10);
  queue.Append("abcdefghij");  // does not fit behind what is held: another block of the same size
  EXPECT_EQ(queue.capacity(), 16u);
  EXPECT_EQ(held, "0123456789");
}

TEST(Bytes, AreFollowedByOthersInTheSameBlock) {
  ByteQueue queue(64);
  queue.Append("small");
  Bytes held = queue.Split(5);
  queue.Release();  // would free nothing
  EXPECT_EQ(queue.capacity(), 64u);
  queue.Append("next");
  EXPECT_EQ(queue.view().data(), held.data() + 5);
  queue.Consume(4);
  held = Bytes();
  queue.Release();
  EXPECT_EQ(queue.capacity(), 0u);
}

TEST(Bytes, GoToOtherThreads) {
  ByteQueue queue(64);
  for (int i = 0; i < 200; ++i) {
    queue.Append("0123456789abcdef");
    std::thread reader([bytes = queue.Split(16)] { EXPECT_EQ(bytes, "0123456789abcdef"); });
    queue.Append("next");
    queue.Consume(4);
    reader.join();
  }
}

}  // namespace
}  // namespace kioto
