#include "kioto/runtime/io/codec/framed.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/stream/fold.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_stream.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/codec/bytes_codec.h"
#include "kioto/runtime/io/codec/item_writer.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"
#include "kioto/runtime/io/write.h"
#include "kioto/sync/poll_sender.h"

namespace kioto::io {
namespace {

using ::testing::Eq;
using ::testing::Optional;

// Numbers of N bytes, the most significant first; counts the bytes that it has decoded.
template <size_t N>
class NumberCodec {
 public:
  using Item = uint64_t;
  explicit NumberCodec(size_t bytes = 0) : bytes(bytes) {}

  StatusOr<std::optional<uint64_t>> Decode(ByteQueue& in) {
    ++decodes;
    if (in.size() < N) return std::optional<uint64_t>();
    uint64_t value = 0;
    for (size_t i = 0; i < N; ++i) value = value << 8 | static_cast<unsigned char>(in.view()[i]);
    in.Consume(N);
    bytes += N;
    return std::optional<uint64_t>(value);
  }
  Status Encode(uint64_t item, ByteQueue& out) {
    for (size_t i = N; i > 0; --i) out.Append(std::string(1, static_cast<char>(item >> (8 * (i - 1)))));
    return OkStatus();
  }

  size_t bytes;
  int decodes = 0;
};
using U32 = NumberCodec<4>;
using U64 = NumberCodec<8>;

std::string Wire32(std::vector<uint64_t> numbers) {
  ByteQueue queue;
  U32 codec;
  for (uint64_t number : numbers) EXPECT_TRUE(codec.Encode(number, queue).ok());
  return std::string(queue.view());
}
std::string Wire64(uint64_t number) { return Wire32({number >> 32, number & 0xffffffff}); }

template <class D = U32>
auto Read(std::deque<ScriptedReader::Step> steps, D decoder = D()) {
  return PolledStream(FramedRead(ScriptedReader(std::move(steps)), std::move(decoder)));
}

// Polls `s` once.
#define EXPECT_ITEM(s, item) EXPECT_THAT((s).Poll(), IsReady(Optional(StatusOr<uint64_t>(item))))
#define EXPECT_END(s) EXPECT_THAT((s).Poll(), IsReady(Eq(std::nullopt)))
#define EXPECT_FAILURE(s, code_)                              \
  do {                                                        \
    auto poll = (s).Poll();                                   \
    ASSERT_TRUE(poll.ready() && poll->has_value());           \
    EXPECT_EQ((*poll)->status().code(), absl::StatusCode::code_); \
  } while (false)

// Waiting for anything here is a fault.
class DontRead {
 public:
  Poll<StatusOr<size_t>> PollRead(Context&, MutableBytes) {
    ADD_FAILURE() << "was read from";
    return StatusOr<size_t>(0);
  }
  Poll<StatusOr<size_t>> PollWrite(Context&, absl::string_view bytes) { return StatusOr<size_t>(bytes.size()); }
};

ByteQueue QueueOf(absl::string_view bytes) {
  ByteQueue queue(bytes.size());
  queue.Append(bytes);
  return queue;
}

// behaviour: tokio-util/tests/framed_read.rs#read_not_ready
TEST(FramedRead, WaitsForTheReader) {
  auto stream = Read({PendingOnce(), Wire32({0}), Wire32({1})});
  EXPECT_THAT(stream.Poll(), IsPending());
  EXPECT_TRUE(stream.is_woken());
  EXPECT_ITEM(stream, 0);
  EXPECT_ITEM(stream, 1);
  EXPECT_END(stream);
}

// behaviour: tokio-util/tests/framed_read.rs#read_partial_then_not_ready
TEST(FramedRead, KeepsHalfAFrameWhileItWaits) {
  auto stream = Read({Wire32({0}).substr(0, 2), PendingOnce(), Wire32({0, 1, 2}).substr(2)});
  EXPECT_THAT(stream.Poll(), IsPending());
  EXPECT_ITEM(stream, 0);
  EXPECT_ITEM(stream, 1);
  EXPECT_ITEM(stream, 2);
  EXPECT_END(stream);
}

// behaviour: tokio-util/tests/framed_read.rs#read_err
TEST(FramedRead, GivesTheReadersError) {
  auto stream = Read({absl::AbortedError("broken")});
  EXPECT_FAILURE(stream, kAborted);
}

// behaviour: tokio-util/tests/framed_read.rs#read_partial_then_err
TEST(FramedRead, GivesAnErrorBehindHalfAFrame) {
  auto stream = Read({std::string(2, '\0'), absl::AbortedError("broken")});
  EXPECT_FAILURE(stream, kAborted);
}

// behaviour: tokio-util/tests/framed_read.rs#read_partial_would_block_then_err
TEST(FramedRead, GivesAnErrorBehindAWait) {
  auto stream = Read({std::string(2, '\0'), PendingOnce(), absl::AbortedError("broken")});
  EXPECT_THAT(stream.Poll(), IsPending());
  EXPECT_FAILURE(stream, kAborted);
}

// behaviour: tokio-util/tests/framed_read.rs#read_multi_frame_in_packet_after_codec_changed
TEST(FramedRead, GoesOnWithAnotherDecoder) {
  FramedRead framed(ScriptedReader({Wire32({4}) + Wire64(8)}), U32());
  EXPECT_THAT(Finish(framed.Next()), Optional(StatusOr<uint64_t>(4)));
  auto longer = std::move(framed).MapDecoder([](U32&&) { return U64(); });
  EXPECT_THAT(Finish(longer.Next()), Optional(StatusOr<uint64_t>(8)));
  EXPECT_EQ(Finish(longer.Next()), std::nullopt);
}

class BigDecoder {
 public:
  using Item = uint64_t;
  static constexpr size_t kSize = 32 * 1024;
  StatusOr<std::optional<uint64_t>> Decode(ByteQueue& in) {
    if (in.size() < kSize) return std::optional<uint64_t>();
    in.Consume(kSize);
    return std::optional<uint64_t>(0);
  }
};

// behaviour: tokio-util/tests/framed_read.rs#huge_size
TEST(FramedRead, GrowsForALargeFrame) {
  auto stream = Read({std::string(BigDecoder::kSize, '\0')}, BigDecoder());
  EXPECT_ITEM(stream, 0);
  EXPECT_END(stream);
}

TEST(FramedRead, KeepsNoMemoryWhileItIsIdle) {
  auto stream = Read({std::string(BigDecoder::kSize, '\0'), PendingOnce()}, BigDecoder());
  EXPECT_ITEM(stream, 0);
  EXPECT_THAT(stream.Poll(), IsPending());
  EXPECT_EQ(stream->read_buffer().capacity(), 0u);
}

// behaviour: tokio-util/tests/framed_read.rs#data_remaining_is_error
TEST(FramedRead, BytesThatAreLeftAtTheEndAreAnError) {
  auto stream = Read({std::string(5, '\0')});
  EXPECT_ITEM(stream, 0);
  auto poll = stream.Poll();
  ASSERT_TRUE(poll.ready() && poll->has_value());
  EXPECT_TRUE(IsUnexpectedEof((*poll)->status())) << (*poll)->status();
}

// Has something to say at the end only.
class LastWords {
 public:
  using Item = uint64_t;
  StatusOr<std::optional<uint64_t>> Decode(ByteQueue&) { return absl::InternalError("there was nothing to decode"); }
  StatusOr<std::optional<uint64_t>> DecodeEof(ByteQueue&) {
    if (next_ == 4) return std::optional<uint64_t>();
    return std::optional<uint64_t>(next_++);
  }

 private:
  uint64_t next_ = 0;
};

// behaviour: tokio-util/tests/framed_read.rs#multi_frames_on_eof
TEST(FramedRead, TheDecoderHasTheLastWord) {
  auto stream = Read({}, LastWords());
  for (uint64_t i = 0; i < 4; ++i) EXPECT_ITEM(stream, i);
  EXPECT_END(stream);
  EXPECT_END(stream);
}

// behaviour: tokio-util/tests/framed_read.rs#read_eof_then_resume
TEST(FramedRead, ReadsOnBehindTheEnd) {
  auto stream = Read({Wire32({1}), "", Wire32({2}), "", Wire32({3})});
  EXPECT_ITEM(stream, 1);
  EXPECT_END(stream);
  EXPECT_ITEM(stream, 2);
  EXPECT_END(stream);
  EXPECT_ITEM(stream, 3);
  EXPECT_END(stream);
  EXPECT_END(stream);
}

// behaviour: tokio-util/tests/framed_stream.rs#return_none_after_error
TEST(FramedRead, ReadsOnBehindAnErrorAfterOneEnd) {
  FramedRead framed(ScriptedReader({"abcdef", absl::AbortedError("broken"), "more data"}), BytesCodec());
  EXPECT_EQ(*Finish(framed.Next()).value(), "abcdef");
  EXPECT_EQ(Finish(framed.Next()).value().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Finish(framed.Next()), std::nullopt);
  EXPECT_EQ(*Finish(framed.Next()).value(), "more data");
}

TEST(FramedRead, ADecodersErrorIsFollowedByOneEnd) {
  auto stream = Read({"x"}, LastWords());
  EXPECT_FAILURE(stream, kInternal);
  EXPECT_END(stream);
  EXPECT_ITEM(stream, 0);
}

TEST(FramedRead, ItemsBehindADecodersErrorAreGivenWithoutAnotherRead) {
  FramedRead framed(ScriptedReader({"\xff\nnext\n", PendingForever()}), LinesCodec());
  EXPECT_EQ(Finish(framed.Next()).value().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Finish(framed.Next()), std::nullopt);
  EXPECT_EQ(*Finish(framed.Next()).value(), "next");
}

TEST(FramedRead, ItemsAtHandConsumeBudget) {
  constexpr int kItems = 3 * limits::kPollBudget * limits::kPartsOfUnit;
  int items = 0;
  PolledTask all(FramedRead(ScriptedReader({std::string(4 * kItems, '\0')}), U32(), /*capacity=*/4 * kItems).Fold(0, [&](int, auto&&) {
    return ++items;
  }));
  EXPECT_THAT(all.Poll(), IsPending());
  EXPECT_TRUE(all.yielded());
  EXPECT_GT(items, limits::kPollBudget);  // more than reads
  EXPECT_LE(items, limits::kPollBudget * limits::kPartsOfUnit);
  EXPECT_THAT(all.PollWhileWoken(), IsReady(kItems));
}

TEST(FramedWrite, ItemsThatThereIsRoomForConsumeBudget) {
  FramedWrite framed{ScriptedWriter(), U32()};
  framed.set_backpressure_boundary(1 << 20);
  int items = 0;
  PolledTask all(Loop([&] { return framed.Feed(uint64_t{7}).AndThen([&] { ++items; }); }));
  EXPECT_THAT(all.Poll(), IsPending());
  EXPECT_TRUE(all.yielded());
  EXPECT_EQ(items, limits::kPollBudget * limits::kPartsOfUnit);
  EXPECT_THAT(all.Poll(), IsPending());
  EXPECT_EQ(items, 2 * limits::kPollBudget * limits::kPartsOfUnit);
  EXPECT_EQ(framed.write_buffer().size(), 4u * items);  // the one that was refused is there, once
}

// behaviour: tokio-util/tests/framed.rs#can_read_from_existing_buf_after_codec_changed
TEST(Framed, GoesOnWithBytesThatWereRead) {
  Framed framed(FramedParts<DontRead, U32>(DontRead(), U32(), QueueOf(Wire32({42}) + Wire64(84))));
  EXPECT_THAT(Finish(framed.Next()), Optional(StatusOr<uint64_t>(42)));
  EXPECT_EQ(framed.codec().bytes, 4u);
  auto longer = std::move(framed).MapCodec([](U32&& codec) { return U64(codec.bytes); });
  EXPECT_THAT(Finish(longer.Next()), Optional(StatusOr<uint64_t>(84)));
  EXPECT_EQ(longer.codec().bytes, 12u);
}

// behaviour: tokio-util/tests/framed.rs#external_buf_grows_to_init
TEST(Framed, GivesASmallBufferMoreRoom) {
  Framed framed(FramedParts<DontRead, U32>(DontRead(), U32(), QueueOf(Wire32({42}))));
  const auto parts = std::move(framed).IntoParts();
  EXPECT_EQ(parts.read_buffer.capacity(), 8192u);
  EXPECT_EQ(parts.read_buffer.view(), Wire32({42}));
}

// behaviour: tokio-util/tests/framed.rs#external_buf_does_not_shrink
TEST(Framed, KeepsALargeBuffer) {
  Framed framed(FramedParts<DontRead, U32>(DontRead(), U32(), QueueOf(std::string(16384, '\0'))));
  EXPECT_EQ(std::move(framed).IntoParts().read_buffer.capacity(), 16384u);
}

// behaviour: tokio-util/tests/framed.rs#from_parts_empty_read_buf_does_not_spuriously_decode
TEST(Framed, AsksTheDecoderOnlyWhenThereAreBytes) {
  FramedRead framed(FramedParts<ScriptedReader, U32>(ScriptedReader({Wire32({42})}), U32(), ByteQueue(8192)));
  EXPECT_THAT(Finish(framed.Next()), Optional(StatusOr<uint64_t>(42)));
  EXPECT_EQ(framed.decoder().decodes, 1);
}

// behaviour: tokio-util/tests/framed_write.rs#write_multi_frame_in_packet
TEST(FramedWrite, WritesManyItemsAtOnce) {
  FramedWrite framed{ScriptedWriter(), U32()};
  for (uint64_t i = 0; i < 3; ++i) EXPECT_TRUE(Finish(framed.Feed(i)).ok());
  EXPECT_EQ(framed.writer().writes(), 0);
  EXPECT_TRUE(Finish(framed.Flush()).ok());
  EXPECT_EQ(framed.writer().writes(), 1);
  EXPECT_EQ(framed.writer().data(), Wire32({0, 1, 2}));
  EXPECT_EQ(framed.writer().flushed(), 12u);
}

// behaviour: tokio-util/tests/framed_write.rs#write_hits_backpressure
TEST(FramedWrite, WritesBeforeAnItemWhenTheBufferIsFull) {
  std::deque<ScriptedWriter::Step> steps = {PendingOnce()};
  for (int i = 0; i < 8; ++i) steps.push_back(size_t{2048});
  FramedWrite framed(ScriptedWriter(std::move(steps)), U32());
  framed.set_backpressure_boundary(16 * 1024);
  std::vector<uint64_t> sent;
  for (uint64_t i = 0; i < 4096; ++i) {
    PolledTask feed(framed.Feed(i));
    ASSERT_THAT(feed.Poll(), IsReadyOk());
    sent.push_back(i);
  }
  EXPECT_EQ(framed.writer().writes(), 0);
  PolledTask feed(framed.Feed(uint64_t{4096}));
  ASSERT_THAT(feed.Poll(), IsPending());
  EXPECT_EQ(framed.write_buffer().size(), 16u * 1024);
  EXPECT_THAT(feed.Poll(), IsReadyOk());
  EXPECT_EQ(framed.writer().data(), Wire32(sent));
  sent.push_back(4096);
  EXPECT_THAT(PolledTask(framed.Flush()).Poll(), IsReadyOk());
  EXPECT_EQ(framed.writer().data(), Wire32(sent));
  EXPECT_EQ(framed.writer().writes(), 10);
}

// check: H1
TEST(FramedWrite, DroppedAtAnyPointASendOrAFeedLosesItsItemAlone) {
  for (int polls = 0; polls <= 3; ++polls) {
    for (bool flush : {false, true}) {
      for (bool room : {false, true}) {
        FramedWrite framed(ScriptedWriter({PendingOnce(), PendingOnce(), PendingOnce(), PendingOnce()}), U32());
        if (!room) framed.set_backpressure_boundary(4);
        EXPECT_TRUE(Finish(framed.Feed(uint64_t{7})).ok());
        PolledTask dropped(flush ? framed.Send(uint64_t{8}) : framed.Feed(uint64_t{8}));
        for (int i = 0; i < polls && !dropped.done(); ++i) EXPECT_EQ(dropped.Poll().ready(), room && !flush);
        dropped.Drop();
        EXPECT_EQ(dropped.held(), 0);
        EXPECT_TRUE(Finish(framed.Send(uint64_t{9})).ok());
        EXPECT_EQ(framed.writer().data(), room && polls > 0 ? Wire32({7, 8, 9}) : Wire32({7, 9}));
      }
    }
  }
}

TEST(FramedWrite, ASendThatIsDroppedInItsFlushHasGivenItsItem) {
  FramedWrite framed(ScriptedWriter({PendingOnce()}), U32());
  {
    PolledTask send(framed.Send(uint64_t{7}));
    EXPECT_THAT(send.Poll(), IsPending());
  }
  EXPECT_TRUE(Finish(framed.Send(uint64_t{8})).ok());
  EXPECT_EQ(framed.writer().data(), Wire32({7, 8}));
}

TEST(FramedWrite, ASendThatIsDroppedWhileItWaitsForRoomLosesItsItem) {
  FramedWrite framed(ScriptedWriter({PendingOnce()}), U32());
  framed.set_backpressure_boundary(4);
  EXPECT_TRUE(Finish(framed.Feed(uint64_t{7})).ok());
  {
    PolledTask send(framed.Send(uint64_t{8}));
    EXPECT_THAT(send.Poll(), IsPending());
  }
  EXPECT_TRUE(Finish(framed.Close()).ok());
  EXPECT_EQ(framed.writer().data(), Wire32({7}));
  EXPECT_TRUE(framed.writer().shut());
}

// check: H1
TEST(Framed, DroppedAtAnyPointANextAndAFlushLoseNothing) {
  for (int polls = 0; polls <= 2; ++polls) {
    FramedRead read(ScriptedReader({Wire32({7}).substr(0, 3), PendingOnce(), PendingOnce(), Wire32({7, 8}).substr(3)}), U32());
    FramedWrite write(ScriptedWriter({size_t{3}, PendingOnce(), PendingOnce()}), U32());
    FramedWrite closed(ScriptedWriter({size_t{3}, PendingOnce(), PendingOnce()}), U32());
    for (FramedWrite<ScriptedWriter, U32>* sink : {&write, &closed}) EXPECT_TRUE(Finish(sink->Feed(uint64_t{7})).ok());
    {
      PolledTask next(read.Next());
      PolledTask flush(write.Flush());
      PolledTask close(closed.Close());
      for (int i = 0; i < polls; ++i) {
        EXPECT_THAT(next.Poll(), IsPending());
        EXPECT_THAT(flush.Poll(), IsPending());
        EXPECT_THAT(close.Poll(), IsPending());
      }
    }
    EXPECT_EQ(**Finish(read.Next()), 7u);
    EXPECT_EQ(**Finish(read.Next()), 8u);
    EXPECT_TRUE(Finish(write.Send(uint64_t{8})).ok());
    EXPECT_EQ(write.writer().data(), Wire32({7, 8}));
    EXPECT_TRUE(!closed.writer().shut() && Finish(closed.Close()).ok());
    EXPECT_EQ(closed.writer().data(), Wire32({7}));
    EXPECT_TRUE(closed.writer().shut());
  }
}

TEST(FramedWrite, AWriterThatTakesNothingIsAnError) {
  FramedWrite framed(ScriptedWriter({size_t{0}}), U32());
  const Status status = Finish(framed.Send(uint64_t{7}));
  EXPECT_TRUE(IsWriteZero(status)) << status;
}

// behaviour: tokio-util/tests/io_sink_writer.rs#test_copied_sink_writer
TEST(ItemWriter, SendsACopyOfEachWrite) {
  auto channel = sync::Mpsc<Bytes>(1);
  ItemWriter writer(CopyToBytes(sync::MpscPollSender(std::move(channel.sender))));
  std::string data = "\1\2\3\4";
  EXPECT_EQ(*Finish(Write(writer, data)), 4u);
  data = "over";
  EXPECT_EQ(Finish(channel.receiver.Recv()), Bytes::Static("\1\2\3\4"));
  EXPECT_EQ(*Finish(Write(writer, "")), 0u);
  EXPECT_TRUE(Finish(Shutdown(writer)).ok());
  EXPECT_EQ(Finish(channel.receiver.Recv()), std::nullopt);
}

TEST(ItemWriter, WaitsForRoomAndSaysWhenItIsClosed) {
  auto channel = sync::Mpsc<Bytes>(1);
  ItemWriter writer(CopyToBytes(sync::MpscPollSender(std::move(channel.sender))));
  EXPECT_TRUE(Finish(WriteAll(writer, "first")).ok());
  PolledTask second(WriteAll(writer, "second"));
  EXPECT_THAT(second.Poll(), IsPending());
  EXPECT_EQ(Finish(channel.receiver.Recv()), Bytes::Static("first"));
  EXPECT_TRUE(second.is_woken());
  EXPECT_THAT(second.Poll(), IsReadyOk());
  channel.receiver.Close();
  EXPECT_THAT(PolledTask(WriteAll(writer, "third")).Poll(), IsReadyError(IsClosed));
}

// behaviour: tokio-util/tests/io_sink_writer.rs#test_direct_sink_writer
TEST(ItemWriter, FillsTheBufferOfAFramedWrite) {
  ItemWriter writer(FramedWrite{ScriptedWriter(), BytesCodec()});
  EXPECT_EQ(*Finish(Write(writer, "\1\2\3")), 3u);
  EXPECT_EQ(*Finish(Write(writer, "\4\5\6")), 3u);
  EXPECT_EQ(writer.inner().write_buffer().view(), "\1\2\3\4\5\6");
  EXPECT_TRUE(Finish(Flush(writer)).ok());
  EXPECT_EQ(writer.inner().writer().data(), "\1\2\3\4\5\6");
}

}  // namespace
}  // namespace kioto::io
