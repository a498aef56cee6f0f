// Random bytes for codecs, against what the plainest code makes of all of them at once: K4 (README.md).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/bytes.h"
#include "kioto/runtime/io/codec/any_delimiter_codec.h"
#include "kioto/runtime/io/codec/length_delimited_codec.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/tests/stress/stress.h"

namespace kioto::io {
namespace {

using base::FastRandom;

// Up to 60 bytes, most of them of `alphabet`, others ASCII, or 0xff, which is part of no text.
std::string Garbage(FastRandom& random, absl::string_view alphabet) {
  std::string bytes(random.Below(61), '\0');
  for (char& byte : bytes) {
    byte = random.Below(20) == 0 ? static_cast<char>(static_cast<int>(random.Below(129)) - 1)
                                 : alphabet[random.Below(static_cast<uint32_t>(alphabet.size()))];
  }
  return bytes;
}

std::string TextOf(const std::string& item) { return item; }
std::string TextOf(const Bytes& item) { return item.ToString(); }
// An item, or what is wrong.
template <class T>
std::string Shown(const StatusOr<std::optional<T>>& item) {
  if (item.ok()) return "<" + TextOf(**item) + ">";
  if (IsLimitExceeded(item.status())) return "too long";
  if (IsInvalidUtf8(item.status())) return "no text";
  return IsUnexpectedEof(item.status()) ? "cut" : "wrong";
}

// What `codec` makes of `stream`, which comes in pieces of up to `piece` bytes. Ends where an error takes nothing.
template <class Codec>
std::vector<std::string> Decoded(Codec codec, absl::string_view stream, uint32_t piece, FastRandom& random) {
  std::vector<std::string> items;
  ByteQueue in;
  bool ended = false;
  while (true) {
    const size_t before = in.size();
    auto item = ended ? codec.DecodeEof(in) : codec.Decode(in);
    if (!item.ok() || item->has_value()) {
      items.push_back(Shown(item));
      if (!item.ok() && in.size() == before) return items;
    } else if (ended) {
      return items;
    } else if (stream.empty()) {
      ended = true;
    } else {
      const size_t n = std::min<size_t>(stream.size(), 1 + random.Below(piece));
      in.Append(stream.substr(0, n));
      stream.remove_prefix(n);
    }
  }
}

// model(stream) says the same as the codec, however the stream is cut.
template <class Codec, class Model>
void ExpectAgree(absl::string_view alphabet, Codec codec, Model model) {
  const int inputs = Scaled(300'000);
  FastRandom random(23);
  int64_t items = 0;
  for (int i = 0; i < inputs; ++i) {
    const std::string stream = Garbage(random, alphabet);
    const std::vector<std::string> expected = model(stream);
    ASSERT_EQ(absl::StrJoin(Decoded(codec, stream, 1 + random.Below(20), random), " "), absl::StrJoin(expected, " ")) << stream;
    items += static_cast<int64_t>(expected.size());
  }
  std::printf("%d inputs, %lld items and errors\n", inputs, static_cast<long long>(items));
  EXPECT_GT(items, inputs / 2);
}

constexpr size_t kLongest = 8;

// check: K4
TEST(NetGarbageChecks, ChunksAgreeWithAModel) {
  constexpr absl::string_view kDelimiters = ",;";
  ExpectAgree("ab,;", AnyDelimiterCodec(std::string(kDelimiters), ",", kLongest), [&](absl::string_view stream) {
    std::vector<std::string> items;
    while (!stream.empty()) {
      const size_t end = stream.find_first_of(kDelimiters);
      const absl::string_view chunk = stream.substr(0, end);
      items.push_back(chunk.size() > kLongest ? "too long" : "<" + std::string(chunk) + ">");
      stream.remove_prefix(std::min(stream.size(), chunk.size() + 1));
    }
    return items;
  });
}

// check: K4
TEST(NetGarbageChecks, LinesAgreeWithAModel) {
  ExpectAgree("ab\n\r", LinesCodec(kLongest), [](absl::string_view stream) {
    std::vector<std::string> items;
    while (!stream.empty()) {
      const size_t end = stream.find('\n');
      absl::string_view line = stream.substr(0, end);
      const bool last = end == absl::string_view::npos, is_too_long = line.size() > kLongest;
      stream.remove_prefix(std::min(stream.size(), line.size() + 1));
      if (last && line == "\r") break;  // half of an end
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      const bool is_text = std::all_of(line.begin(), line.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
      items.push_back(is_too_long ? "too long" : is_text ? "<" + std::string(line) + ">" : "no text");
    }
    return items;
  });
}

// check: K4
TEST(NetGarbageChecks, FramesAgreeWithAModel) {
  const std::string alphabet("\0\0\1\2\3\7\x08\x09" "a", 9);
  const LengthDelimitedCodec codec = LengthDelimitedCodec::Builder().FieldLength(2).MaxFrameLength(kLongest).Build();
  ExpectAgree(alphabet, codec, [](absl::string_view stream) {
    std::vector<std::string> items;
    while (stream.size() >= 2) {
      const size_t length = static_cast<size_t>(static_cast<uint8_t>(stream[0])) << 8 | static_cast<uint8_t>(stream[1]);
      if (length > kLongest) {
        items.push_back("too long");
        return items;
      }
      stream.remove_prefix(2);
      if (stream.size() < length) {
        items.push_back("cut");
        return items;
      }
      items.push_back("<" + std::string(stream.substr(0, length)) + ">");
      stream.remove_prefix(length);
    }
    if (!stream.empty()) items.push_back("cut");
    return items;
  });
}

// A queue beside a string, to both of which the same is done; parts that were split off stay what they were.
// check: K4
TEST(NetGarbageChecks, AQueueOfBytesAgreesWithAString) {
  const int steps = Scaled(2'000'000);
  FastRandom random(24);
  ByteQueue queue;
  std::string model;
  std::vector<std::pair<Bytes, std::string>> parts;
  for (int i = 0; i < steps; ++i) {
    const std::string some(random.Below(40), static_cast<char>('a' + i % 26));
    const size_t front = random.Below(static_cast<uint32_t>(model.size()) + 1);
    switch (random.Below(6)) {
      case 0:
        queue.Append(some);
        model += some;
        break;
      case 1: {
        const MutableBytes room = queue.Room(some.size());
        std::copy(some.begin(), some.end(), room.begin());
        queue.Commit(some.size());
        model += some;
        break;
      }
      case 2:
        queue.Consume(front);
        model.erase(0, front);
        break;
      case 3:
        parts.emplace_back(queue.Split(front), model.substr(0, front));
        model.erase(0, front);
        break;
      case 4:
        queue.Release(random.Below(100));
        break;
      default:
        if (!parts.empty()) {
          std::swap(parts.back(), parts[random.Below(static_cast<uint32_t>(parts.size()))]);
          ASSERT_EQ(parts.back().first.ToString(), parts.back().second);
          parts.pop_back();
        }
    }
    ASSERT_EQ(queue.view(), model);
    ASSERT_LE(queue.size(), queue.capacity());
  }
  std::printf("%d steps\n", steps);
  EXPECT_GT(steps, 0);
}

}  // namespace
}  // namespace kioto::io
