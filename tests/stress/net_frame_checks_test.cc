// What a peer may send to a codec: bytes one by one, lengths that lie, frames of nothing, lines without end: D10 to D13
// (README.md).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/bytes.h"
#include "kioto/runtime/io/codec/any_delimiter_codec.h"
#include "kioto/runtime/io/codec/framed.h"
#include "kioto/runtime/io/codec/length_delimited_codec.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/tests/stress/stress.h"

namespace kioto::io {
namespace {

// Gives `bytes` over and over, `piece` at a time, `total` in all, and after every 100 pieces nothing for one poll: a gap.
class Repeats {
 public:
  Repeats(absl::string_view bytes, size_t piece, size_t total) : bytes_(bytes), piece_(piece), left_(total) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    if (++reads_ % 101 == 0) {
      cx.waker().Wake();
      return kPending;
    }
    if (!cx.ConsumeBudget()) return kPending;
    const size_t n = std::min({piece_, left_, into.size(), bytes_.size() - at_});
    std::memcpy(into.data(), bytes_.data() + at_, n);
    at_ = (at_ + n) % bytes_.size();
    left_ -= n;
    return StatusOr<size_t>(n);
  }

 private:
  absl::string_view bytes_;
  size_t piece_;
  size_t left_;
  size_t at_ = 0;
  uint64_t reads_ = 0;
};

struct Tally {
  int64_t items = 0;
  int64_t errors = 0;
  int64_t turns = 0;    // polls that found it pending
  size_t capacity = 0;  // the most that its buffer held
};

// All that comes of it, to the end of the stream.
template <class D>
Tally Drain(Repeats reader, D decoder) {
  FramedRead stream(std::move(reader), std::move(decoder));
  Tally tally;
  PolledTask task(PollFn([&, failed = false](Context& cx) mutable -> Poll<Unit> {
    while (true) {
      auto item = stream.PollNext(cx);
      tally.capacity = std::max(tally.capacity, stream.read_buffer().capacity());
      if (item.pending()) return kPending;
      if (!item->has_value()) {
        if (!std::exchange(failed, false)) return Unit{};
      } else if ((**item).ok()) {
        ++tally.items;
      } else {
        EXPECT_TRUE(IsLimitExceeded((**item).status())) << (**item).status();
        ++tally.errors;
        failed = true;
      }
    }
  }));
  while (task.Poll().pending()) {
    EXPECT_TRUE(task.is_woken() || task.yielded());
    ++tally.turns;
  }
  return tally;
}

// `bytes` twice and half as often, a byte at a time: what it takes is linear, mostly.
template <class D>
void ExpectLinear(const char* what, absl::string_view bytes, int half, D decoder) {
  EXPECT_TRUE(MostlyWithinItsBound([&] {
    const double ratio = TimesAsLong(half, [&](int total) {
      (void)Drain(Repeats(bytes, /*piece=*/1, static_cast<size_t>(total)), decoder);
    });
    std::printf("%d bytes of %s take %.2f times as long as %d\n", 2 * half, what, ratio, half);
    return ratio <= kTwiceAsLong;
  }));
}

constexpr size_t kMiB = 1 << 20;
constexpr int kWire = 64 * 1024;     // of a frame
constexpr size_t kFrame = kWire - 4;  // without its header

std::string LongFrame() { return std::string("\0\0\xff\xfc", 4) + std::string(kFrame, 'x'); }

// check: D10
TEST(NetFrameChecks, BytesThatComeOneByOneCostNoMoreMemoryThanTwoFrames) {
  const std::string frame = LongFrame();
  const size_t total = static_cast<size_t>(Scaled(10)) * kMiB;
  const Tally tally = Drain(Repeats(frame, 1, total), LengthDelimitedCodec::Builder().MaxFrameLength(kFrame).Build());
  std::printf("%lld frames of %zu bytes one by one, at most %zu bytes of buffer\n", static_cast<long long>(tally.items),
              frame.size(), tally.capacity);
  EXPECT_EQ(static_cast<size_t>(tally.items), total / frame.size());
  EXPECT_LE(tally.capacity, 2 * frame.size());
}

// check: D10
TEST(NetFrameChecks, TwiceAsManyBytesOneByOneTakeTwiceAsLong) {
  const std::string frame = LongFrame();
  ExpectLinear("frames", frame, Scaled(80 / kGoesAtLeast) * kWire, LengthDelimitedCodec::Builder().MaxFrameLength(kFrame).Build());
}

// `value` in so many bytes, the least significant first or last.
std::string Field(uint64_t value, size_t bytes, bool big_endian) {
  std::string field;
  for (size_t i = 0; i < bytes; ++i) field.push_back(static_cast<char>(value >> (8 * i)));
  if (big_endian) std::reverse(field.begin(), field.end());
  return field;
}

// Every length of a field; numbers at and beside the powers of two; what is added to them leads below nothing, and over the end.
// check: D11
TEST(NetFrameChecks, ALengthThatLiesIsRefusedBeforeThereIsMemoryForIt) {
  constexpr size_t kMost = 1024;
  int cases = 0, refused = 0;
  for (size_t bytes = 1; bytes <= 8; ++bytes) {
    for (const bool big_endian : {false, true}) {
      for (const int64_t adjustment : {int64_t{0}, int64_t{-1}, int64_t{7}, INT64_MAX, INT64_MIN}) {
        for (int bit = 0; bit <= 64; ++bit) {
          for (const int beside : {-1, 0, 1}) {
            const uint64_t power = bit == 64 ? 0 : uint64_t{1} << bit;  // 2^64 - 1 is what lies below 2^64
            const uint64_t value = power + static_cast<uint64_t>(static_cast<int64_t>(beside));
            if (bytes < 8 && value >> (8 * bytes) != 0) continue;
            auto builder = LengthDelimitedCodec::Builder().FieldLength(bytes).Adjustment(adjustment).MaxFrameLength(kMost);
            LengthDelimitedCodec codec = (big_endian ? builder.BigEndian() : builder.LittleEndian()).Build();
            ByteQueue in;
            in.Append(Field(value, bytes, big_endian));
            in.Append("abc");
            const StatusOr<std::optional<Bytes>> frame = codec.Decode(in);
            const absl::int128 payload = absl::int128(value) + adjustment;
            const bool is_good = payload >= 0 && payload <= codec.max_frame_length();
            ASSERT_EQ(frame.ok(), is_good) << bytes << " bytes of " << value << " and " << adjustment << ": " << frame.status();
            if (is_good) {
              ASSERT_EQ(frame->has_value(), payload <= 3);
            } else {
              ASSERT_EQ(IsLimitExceeded(frame.status()), payload > 0) << frame.status();
            }
            ASSERT_LE(in.capacity(), kMost) << "memory for what is not there";
            ++cases;
            refused += !is_good;
          }
        }
      }
    }
  }
  std::printf("%d lengths, %d of them refused\n", cases, refused);
  EXPECT_GE(refused, 200);
}

// Frames of a header alone, and lines of an end alone, as many as come: other tasks have their turns, and no memory is taken.
// check: D12
TEST(NetFrameChecks, AFloodOfEmptyFramesTakesNoMemory) {
  const auto frames = static_cast<size_t>(Scaled(5'000'000));
  const size_t before = ResidentBytes();
  const std::string headers(4'000, '\0'), ends(4'000, '\n');
  const Tally framed = Drain(Repeats(headers, headers.size(), 4 * frames), LengthDelimitedCodec());
  const Tally lines = Drain(Repeats(ends, ends.size(), frames), LinesCodec());
  const size_t after = ResidentBytes();
  std::printf("%lld frames and %lld lines, at most %zu bytes of buffer\n", static_cast<long long>(framed.items),
              static_cast<long long>(lines.items), std::max(framed.capacity, lines.capacity));
  for (const Tally& tally : {framed, lines}) {
    EXPECT_EQ(static_cast<size_t>(tally.items), frames);
    EXPECT_LE(tally.capacity, 2 * kFrameBuffer);
    EXPECT_GE(tally.turns, tally.items / (limits::kPollBudget * limits::kPartsOfUnit)) << "others had no turn";
  }
  if (!kSanitized) {
    EXPECT_LE(after, before + kMiB);
  }
}

// check: D13
TEST(NetFrameChecks, ALineThatDripsIsLookedAtOnce) {
  const std::string dots(4'096, '.');
  ExpectLinear("a line", dots, Scaled(512) * 1024, LinesCodec::Unbounded());
  ExpectLinear("a chunk", dots, Scaled(512) * 1024, AnyDelimiterCodec::Unbounded(",;", ","));
}

// Whoever says nothing of a limit has one of 64 KiB.
// check: D13
TEST(NetFrameChecks, ALineWithoutEndIsRefusedAfterSixtyFourKibibytes) {
  const std::string dots(4'096, '.');
  for (const size_t piece : {size_t{1}, size_t{1'000}, dots.size()}) {
    const Tally line = Drain(Repeats(dots, piece, kMiB), LinesCodec());
    const Tally chunk = Drain(Repeats(dots, piece, kMiB), AnyDelimiterCodec());
    for (const Tally& tally : {line, chunk}) {
      EXPECT_EQ(tally.items, 0);
      EXPECT_EQ(tally.errors, 1);
      EXPECT_LE(tally.capacity, 4 * LinesCodec::kMaxLength);
    }
  }
}

}  // namespace
}  // namespace kioto::io
