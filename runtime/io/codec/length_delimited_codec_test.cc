#include "kioto/runtime/io/codec/length_delimited_codec.h"

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_stream.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/codec/framed.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

using Codec = LengthDelimitedCodec;
using Builder = LengthDelimitedCodec::Builder;

// A literal with its zero bytes.
template <size_t N>
std::string Wire(const char (&bytes)[N]) {
  return std::string(bytes, N - 1);
}

// What a framed reader over these pieces says, poll after poll: items, "end", "pending", or "error": IsLimitExceeded, "cut":
// IsUnexpectedEof.
class Reads {
 public:
  explicit Reads(std::deque<ScriptedReader::Step> steps, Codec codec = Codec())
      : stream_(FramedRead(ScriptedReader(std::move(steps)), std::move(codec))) {}
  std::string Poll() {
    auto poll = stream_.Poll();
    if (poll.pending()) return "pending";
    if (!poll->has_value()) return "end";
    const StatusOr<Bytes>& item = **poll;
    if (IsUnexpectedEof(item.status())) return "cut";
    if (IsLimitExceeded(item.status())) return "too long";
    return item.ok() ? item->ToString() : item.status().ToString();
  }
  Codec& codec() { return stream_->decoder(); }

 private:
  PolledStream<FramedRead<ScriptedReader, Codec>> stream_;
};

// What `codec` makes of a payload; "refused", with nothing of it appended.
std::string Encoded(Codec codec, absl::string_view payload) {
  ByteQueue out;
  out.Append("prefix");
  const Status status = codec.Encode(payload, out);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(out.view(), "prefix");
    return "refused";
  }
  out.Consume(6);
  return std::string(out.view());
}

std::string Nine() { return Wire("\0\0\0\x09" "abcdefghi"); }
std::string Three() { return Wire("\0\0\0\x03" "123"); }
std::string Eleven() { return Wire("\0\0\0\x0b" "hello world"); }

// behaviour: tokio-util/tests/length_delimited.rs#read_empty_io_yields_nothing
TEST(LengthDelimitedCodec, NothingIsNoFrame) { EXPECT_EQ(Reads({}).Poll(), "end"); }

// behaviour: tokio-util/tests/length_delimited.rs#read_single_frame_one_packet
// behaviour: tokio-util/tests/length_delimited.rs#read_single_frame_one_packet_little_endian
// behaviour: tokio-util/tests/length_delimited.rs#read_single_frame_one_packet_native_endian
TEST(LengthDelimitedCodec, ReadsALengthOfEitherByteOrder) {
  const uint32_t nine = 9;
  const std::string native = std::string(reinterpret_cast<const char*>(&nine), 4) + "abcdefghi";
  const std::string little = Wire("\x09\0\0\0" "abcdefghi");
  for (const auto& [wire, codec] : {std::pair(Nine(), Codec()), std::pair(Nine(), Builder().BigEndian().Build()),
                                    std::pair(little, Builder().LittleEndian().Build()),
                                    std::pair(native, Builder().NativeEndian().Build())}) {
    Reads reads({wire}, codec);
    EXPECT_EQ(reads.Poll(), "abcdefghi");
    EXPECT_EQ(reads.Poll(), "end");
  }
}

// behaviour: tokio-util/tests/length_delimited.rs#read_single_multi_frame_one_packet
TEST(LengthDelimitedCodec, ReadsManyFramesOfOneRead) {
  Reads reads({Nine() + Three() + Eleven()});
  EXPECT_EQ(reads.Poll(), "abcdefghi");
  EXPECT_EQ(reads.Poll(), "123");
  EXPECT_EQ(reads.Poll(), "hello world");
  EXPECT_EQ(reads.Poll(), "end");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_single_frame_multi_packet
TEST(LengthDelimitedCodec, ReadsAFrameOfManyReads) {
  Reads reads({Wire("\0\0"), Wire("\0\x09" "abc"), "defghi"});
  EXPECT_EQ(reads.Poll(), "abcdefghi");
  EXPECT_EQ(reads.Poll(), "end");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_multi_frame_multi_packet
TEST(LengthDelimitedCodec, ReadsFramesCutAnywhere) {
  Reads reads({Wire("\0\0"), Wire("\0\x09" "abc"), "defghi", Wire("\0\0\0\x03" "12"), Wire("3\0\0\0\x0b" "hello world")});
  EXPECT_EQ(reads.Poll(), "abcdefghi");
  EXPECT_EQ(reads.Poll(), "123");
  EXPECT_EQ(reads.Poll(), "hello world");
  EXPECT_EQ(reads.Poll(), "end");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_single_frame_multi_packet_wait
TEST(LengthDelimitedCodec, WaitsInsideAFrame) {
  Reads reads({Wire("\0\0"), PendingOnce(), Wire("\0\x09" "abc"), PendingOnce(), "defghi", PendingOnce()});
  EXPECT_EQ(reads.Poll(), "pending");
  EXPECT_EQ(reads.Poll(), "pending");
  EXPECT_EQ(reads.Poll(), "abcdefghi");
  EXPECT_EQ(reads.Poll(), "pending");
  EXPECT_EQ(reads.Poll(), "end");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_incomplete_head
TEST(LengthDelimitedCodec, AnEndInsideAHeaderIsAnError) { EXPECT_EQ(Reads({Wire("\0\0")}).Poll(), "cut"); }

// behaviour: tokio-util/tests/length_delimited.rs#read_incomplete_head_multi
TEST(LengthDelimitedCodec, AnEndInsideAHeaderBehindWaitsIsAnError) {
  Reads reads({PendingOnce(), Wire("\0"), PendingOnce()});
  EXPECT_EQ(reads.Poll(), "pending");
  EXPECT_EQ(reads.Poll(), "pending");
  EXPECT_EQ(reads.Poll(), "cut");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_incomplete_payload
TEST(LengthDelimitedCodec, AnEndInsideAPayloadIsAnError) {
  Reads reads({Wire("\0\0\0\x09" "ab"), PendingOnce(), "cd", PendingOnce()});
  EXPECT_EQ(reads.Poll(), "pending");
  EXPECT_EQ(reads.Poll(), "pending");
  EXPECT_EQ(reads.Poll(), "cut");
}

TEST(LengthDelimitedCodec, AnEndRightBehindAHeaderIsAnErrorToo) {
  EXPECT_EQ(Reads({Wire("\0\0\0\x09")}).Poll(), "cut");
  Reads empty({Wire("\0\0\0\0")});
  EXPECT_EQ(empty.Poll(), "");
  EXPECT_EQ(empty.Poll(), "end");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_max_frame_len
TEST(LengthDelimitedCodec, RefusesAFrameThatIsTooLongByItsHeader) {
  EXPECT_EQ(Reads({Nine()}, Builder().MaxFrameLength(5).Build()).Poll(), "too long");
  EXPECT_EQ(Reads({Wire("\0\x80\0\x01")}).Poll(), "too long");  // more than 8 MiB: the limit of who says nothing
}

// behaviour: tokio-util/tests/length_delimited.rs#read_update_max_frame_len_at_rest
TEST(LengthDelimitedCodec, ANewLimitHoldsFromTheNextHeaderOn) {
  Reads reads({Nine(), Nine()});
  EXPECT_EQ(reads.Poll(), "abcdefghi");
  reads.codec().set_max_frame_length(5);
  EXPECT_EQ(reads.Poll(), "too long");
  Reads within({Wire("\0\0\0\x09" "abcd"), PendingOnce(), "efghi", Nine()});
  EXPECT_EQ(within.Poll(), "pending");
  within.codec().set_max_frame_length(5);
  EXPECT_EQ(within.Poll(), "abcdefghi");
  EXPECT_EQ(within.Poll(), "too long");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_one_byte_length_field
TEST(LengthDelimitedCodec, ReadsALengthOfOneByte) {
  Reads reads({"\x09" "abcdefghi"}, Builder().FieldLength(1).Build());
  EXPECT_EQ(reads.Poll(), "abcdefghi");
  EXPECT_EQ(reads.Poll(), "end");
}

TEST(LengthDelimitedCodec, TheLengthMayStandBehindOtherBytes) {
  Reads skips({Wire("zzzz\0\x09" "abcdefghi")}, Builder().FieldLength(2).Offset(4).Build());
  EXPECT_EQ(skips.Poll(), "abcdefghi");
  EXPECT_EQ(skips.Poll(), "end");
  Reads keeps({Wire("xx\0\x09" "abcdefghi") + Wire("yy\0\x03" "123")},
              Builder().FieldLength(2).Offset(2).Skip(0).Adjustment(4).Build());
  EXPECT_EQ(keeps.Poll(), Wire("xx\0\x09" "abcdefghi"));
  EXPECT_EQ(keeps.Poll(), Wire("yy\0\x03" "123"));
  EXPECT_EQ(keeps.Poll(), "end");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_single_frame_length_adjusted
TEST(LengthDelimitedCodec, ThePayloadMayBeginLater) {
  Reads reads({Wire("\0\0\x0b\x0c" "Hello world")}, Builder().Offset(0).FieldLength(3).Adjustment(0).Skip(4).Build());
  EXPECT_EQ(reads.Poll(), "Hello world");
  EXPECT_EQ(reads.Poll(), "end");
}

// behaviour: tokio-util/tests/length_delimited.rs#read_single_multi_frame_one_packet_length_includes_head
TEST(LengthDelimitedCodec, TheLengthMayCountTheHeader) {
  Reads reads({Wire("\0\x0b" "abcdefghi") + Wire("\0\x05" "123") + Wire("\0\x0d" "hello world")},
              Builder().FieldLength(2).Adjustment(-2).Build());
  EXPECT_EQ(reads.Poll(), "abcdefghi");
  EXPECT_EQ(reads.Poll(), "123");
  EXPECT_EQ(reads.Poll(), "hello world");
  EXPECT_EQ(reads.Poll(), "end");
  Reads nonsense({Wire("\0\x01" "abcdefghi")}, Builder().FieldLength(2).Adjustment(-2).Build());
  EXPECT_EQ(nonsense.Poll().substr(0, 16), "INVALID_ARGUMENT");
}

auto Writes(std::deque<ScriptedWriter::Step> steps = {}, Codec codec = Codec()) {
  return FramedWrite(ScriptedWriter(std::move(steps)), std::move(codec));
}

// behaviour: tokio-util/tests/length_delimited.rs#write_single_frame_length_adjusted
TEST(LengthDelimitedCodec, WritesALengthThatCountsMore) {
  auto framed = Writes({size_t{4}}, Builder().Adjustment(-2).Build());
  EXPECT_TRUE(Finish(framed.Send("abcdefghi")).ok());
  EXPECT_EQ(framed.writer().data(), Wire("\0\0\0\x0b" "abcdefghi"));
  EXPECT_EQ(framed.writer().flushed(), 13u);
}

// behaviour: tokio-util/tests/length_delimited.rs#write_nothing_yields_nothing
TEST(LengthDelimitedCodec, NothingIsWrittenOfNothing) {
  auto framed = Writes();
  EXPECT_TRUE(Finish(framed.Flush()).ok());
  EXPECT_EQ(framed.writer().writes(), 0);
}

// behaviour: tokio-util/tests/length_delimited.rs#write_single_frame_one_packet
// behaviour: tokio-util/tests/length_delimited.rs#write_single_frame_from_slice
TEST(LengthDelimitedCodec, WritesAFrameAndFlushes) {
  for (const bool slice : {false, true}) {
    auto framed = Writes();
    const std::string text = "-abcdefghi-";
    EXPECT_TRUE(Finish(slice ? framed.Send(absl::string_view(text).substr(1, 9)).Boxed() : framed.Send(Bytes::Copy("abcdefghi")).Boxed()).ok());
    EXPECT_EQ(framed.writer().data(), Nine());
    EXPECT_EQ(framed.writer().flushed(), 13u);
  }
}

// behaviour: tokio-util/tests/length_delimited.rs#write_single_multi_frame_one_packet
TEST(LengthDelimitedCodec, WritesManyFramesWithOneFlush) {
  auto framed = Writes();
  for (const char* item : {"abcdefghi", "123", "hello world"}) EXPECT_TRUE(Finish(framed.Feed(item)).ok());
  EXPECT_EQ(framed.writer().data(), "");
  EXPECT_TRUE(Finish(framed.Flush()).ok());
  EXPECT_EQ(framed.writer().data(), Nine() + Three() + Eleven());
  EXPECT_EQ(framed.writer().writes(), 1);
}

// behaviour: tokio-util/tests/length_delimited.rs#write_single_multi_frame_multi_packet
TEST(LengthDelimitedCodec, WritesEachFrameThatIsFlushed) {
  auto framed = Writes();
  std::string all;
  for (const auto& [item, wire] : {std::pair("abcdefghi", Nine()), std::pair("123", Three()), std::pair("hello world", Eleven())}) {
    EXPECT_TRUE(Finish(framed.Send(item)).ok());
    all += wire;
    EXPECT_EQ(framed.writer().data(), all);
    EXPECT_EQ(framed.writer().flushed(), all.size());
  }
}

// behaviour: tokio-util/tests/length_delimited.rs#write_single_frame_would_block
TEST(LengthDelimitedCodec, AFlushGoesOnWhereTheWriterWaited) {
  auto framed = Writes({PendingOnce(), size_t{2}, PendingOnce(), size_t{2}, size_t{9}});
  PolledTask send(framed.Send("abcdefghi"));
  ASSERT_THAT(send.Poll(), IsPending());
  ASSERT_THAT(send.Poll(), IsPending());
  EXPECT_EQ(framed.writer().data(), Wire("\0\0"));
  EXPECT_THAT(send.Poll(), IsReadyOk());
  EXPECT_EQ(framed.writer().data(), Nine());
}

// behaviour: tokio-util/tests/length_delimited.rs#write_single_frame_little_endian
TEST(LengthDelimitedCodec, WritesTheLeastSignificantByteFirst) {
  EXPECT_EQ(Encoded(Builder().LittleEndian().Build(), "abcdefghi"), Wire("\x09\0\0\0" "abcdefghi"));
}

// behaviour: tokio-util/tests/length_delimited.rs#write_single_frame_with_short_length_field
TEST(LengthDelimitedCodec, WritesALengthOfOneByte) {
  EXPECT_EQ(Encoded(Builder().FieldLength(1).Build(), "abcdefghi"), "\x09" "abcdefghi");
}

// behaviour: tokio-util/tests/length_delimited.rs#write_max_frame_len
TEST(LengthDelimitedCodec, RefusesToWriteAFrameThatIsTooLong) {
  auto framed = Writes({}, Builder().MaxFrameLength(5).Build());
  EXPECT_EQ(Finish(framed.Send("abcdef")).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(framed.writer().writes(), 0);
  EXPECT_TRUE(Finish(framed.Send("abcde")).ok());  // the sink is as it was
  EXPECT_EQ(framed.writer().data(), Wire("\0\0\0\x05" "abcde"));
}

// behaviour: tokio-util/tests/length_delimited.rs#write_update_max_frame_len_at_rest
TEST(LengthDelimitedCodec, ANewLimitHoldsForTheNextFrame) {
  auto framed = Writes();
  EXPECT_TRUE(Finish(framed.Send("abcdef")).ok());
  framed.encoder().set_max_frame_length(5);
  EXPECT_FALSE(Finish(framed.Send("abcdef")).ok());
  EXPECT_EQ(framed.writer().data(), Wire("\0\0\0\x06" "abcdef"));
}

// behaviour: tokio-util/tests/length_delimited.rs#write_update_max_frame_len_in_flight
TEST(LengthDelimitedCodec, AFrameThatIsOnItsWayIsNotHeldByANewLimit) {
  auto framed = Writes({size_t{4}, size_t{2}, PendingOnce()});
  {
    PolledTask send(framed.Send("abcdef"));
    ASSERT_THAT(send.Poll(), IsPending());
    EXPECT_EQ(framed.writer().data(), Wire("\0\0\0\x06" "ab"));
    framed.encoder().set_max_frame_length(5);
    EXPECT_THAT(send.Poll(), IsReadyOk());
  }
  EXPECT_EQ(framed.writer().data(), Wire("\0\0\0\x06" "abcdef"));
  EXPECT_FALSE(Finish(framed.Send("abcdef")).ok());
}

// behaviour: tokio-util/tests/length_delimited.rs#encode_overflow
TEST(LengthDelimitedCodec, AFullBufferGrows) {
  ByteQueue out(1024);
  out.Append(std::string(1024, 'a'));
  EXPECT_TRUE(Codec().Encode("hello", out).ok());
  EXPECT_EQ(out.view(), std::string(1024, 'a') + Wire("\0\0\0\x05" "hello"));
}

// behaviour: tokio-util/tests/length_delimited.rs#frame_does_not_fit
TEST(LengthDelimitedCodec, TheLimitIsNotMoreThanTheFieldCanSay) {
  EXPECT_EQ(Builder().FieldLength(1).MaxFrameLength(256).Build().max_frame_length(), 255u);
}

// behaviour: tokio-util/tests/length_delimited.rs#runtime_max_frame_len_respects_length_field
TEST(LengthDelimitedCodec, ALaterLimitIsNotMoreThanTheFieldCanSay) {
  for (const auto& [adjustment, longest] : {std::pair(-1, 254u), std::pair(0, 255u), std::pair(1, 256u)}) {
    Codec codec = Builder().FieldLength(1).Adjustment(adjustment).Build();
    codec.set_max_frame_length(1000);
    EXPECT_EQ(codec.max_frame_length(), longest);
    EXPECT_EQ(Encoded(codec, std::string(longest, 'x')), '\xff' + std::string(longest, 'x'));
    EXPECT_EQ(Reads({'\xff' + std::string(longest, 'x')}, codec).Poll(), std::string(longest, 'x'));
    EXPECT_EQ(Encoded(codec, std::string(longest + 1, 'x')), "refused");
  }
}

// behaviour: tokio-util/tests/length_delimited.rs#neg_adjusted_frame_does_not_fit
TEST(LengthDelimitedCodec, ALengthThatCountsMoreSaysLess) {
  EXPECT_EQ(Builder().FieldLength(1).Adjustment(-1).Build().max_frame_length(), 254u);
  EXPECT_EQ(Builder().FieldLength(1).Adjustment(-1000).Build().max_frame_length(), 0u);
  EXPECT_EQ(Encoded(Builder().FieldLength(1).Adjustment(-1000).Build(), ""), "refused");
}

// behaviour: tokio-util/tests/length_delimited.rs#pos_adjusted_frame_does_not_fit
TEST(LengthDelimitedCodec, ALengthThatCountsLessSaysMore) {
  const Codec codec = Builder().FieldLength(1).Adjustment(1).Build();
  EXPECT_EQ(codec.max_frame_length(), 256u);
  EXPECT_EQ(Encoded(codec, ""), "refused");  // it would have a length of -1
}

TEST(LengthDelimitedCodec, RefusesAPayloadThatEndsInsideItsHeader) {
  const auto reads = [](absl::string_view wire) { return Reads({std::string(wire)}, Builder().FieldLength(2).Skip(0).Build()).Poll(); };
  EXPECT_THAT(reads(absl::string_view("\0\1rest", 6)), testing::HasSubstr("no frame has the length that its header says"));
  EXPECT_EQ(reads(absl::string_view("\0\2rest", 6)), absl::string_view("\0\2", 2));
}

// behaviour: tokio-util/tests/length_delimited.rs#max_allowed_frame_fits
// behaviour: tokio-util/tests/length_delimited.rs#max_allowed_length_field
TEST(LengthDelimitedCodec, AFieldOfEightBytesSaysEverything) {
  EXPECT_EQ(Builder().FieldLength(sizeof(size_t)).MaxFrameLength(SIZE_MAX).Build().max_frame_length(), SIZE_MAX);
  EXPECT_EQ(Builder().FieldLength(8).MaxFrameLength(SIZE_MAX).Adjustment(5).Build().max_frame_length(), SIZE_MAX);
}

TEST(LengthDelimitedCodecDeathTest, AFieldHasOneToEightBytes) {
  EXPECT_DEATH(Builder().FieldLength(0), "1 to 8 bytes");
  EXPECT_DEATH(Builder().FieldLength(9), "1 to 8 bytes");
}

}  // namespace
}  // namespace kioto::io
