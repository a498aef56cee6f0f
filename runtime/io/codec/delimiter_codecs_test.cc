#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/io/codec/any_delimiter_codec.h"
#include "kioto/runtime/io/codec/bytes_codec.h"
#include "kioto/runtime/io/codec/delimiter_search.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

// What a decoder says: the item in quotes, "none", or "too long", "not text".
template <class T>
std::string Said(const StatusOr<std::optional<T>>& item) {
  if (IsLimitExceeded(item.status())) return "too long";
  if (IsInvalidUtf8(item.status())) return "not text";
  if (!item.ok()) return item.status().ToString();
  if (!item->has_value()) return "none";
  return "\"" + std::string(absl::string_view(**item)) + "\"";
}

// A codec and what has come for it.
template <class C>
struct Fed {
  explicit Fed(C codec) : codec(std::move(codec)) {}
  Fed& Add(absl::string_view bytes) {
    in.Append(bytes);
    return *this;
  }
  std::string Decode() { return Said(codec.Decode(in)); }
  std::string DecodeEof() { return Said(codec.DecodeEof(in)); }

  C codec;
  ByteQueue in;
};

// behaviour: tokio-util/tests/codecs.rs#bytes_decoder
TEST(BytesCodec, GivesAllThatIsThereOnce) {
  Fed fed{BytesCodec()};
  EXPECT_EQ(fed.Add("abc").Decode(), "\"abc\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.Add("a").Decode(), "\"a\"");
}

// behaviour: tokio-util/tests/codecs.rs#bytes_encoder
TEST(BytesCodec, MakesTheBufferAsLargeAsNeeded) {
  BytesCodec codec;
  ByteQueue none;
  EXPECT_TRUE(codec.Encode(std::string(32, 'x'), none).ok());
  EXPECT_EQ(none.view(), std::string(32, 'x'));
  ByteQueue some(8 * 1024);
  EXPECT_TRUE(codec.Encode(std::string(8 * 1024 + 1, 'y'), some).ok());
  EXPECT_TRUE(codec.Encode("hello", some).ok());
  EXPECT_EQ(some.view(), std::string(8 * 1024 + 1, 'y') + "hello");
}

// behaviour: tokio-util/tests/codecs.rs#lines_decoder
TEST(LinesCodec, CutsAtBothKindsOfLineEnds) {
  Fed fed{LinesCodec()};
  fed.Add("line 1\nline 2\r\nline 3\n\r\n\r");
  EXPECT_EQ(fed.Decode(), "\"line 1\"");
  EXPECT_EQ(fed.Decode(), "\"line 2\"");
  EXPECT_EQ(fed.Decode(), "\"line 3\"");
  EXPECT_EQ(fed.Decode(), "\"\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "none");
  EXPECT_EQ(fed.Add("k").Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "\"\rk\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "none");
}

// behaviour: tokio-util/tests/codecs.rs#lines_decoder_invalid_utf8
TEST(LinesCodec, ALineThatIsNotTextIsAnErrorAndGone) {
  Fed fed{LinesCodec()};
  EXPECT_EQ(fed.Add("line 1\xc3\x28").Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "not text");
  EXPECT_EQ(fed.DecodeEof(), "none");
  EXPECT_EQ(fed.Add("line 22222222222222\n").Decode(), "\"line 22222222222222\"");
}

// behaviour: tokio-util/tests/codecs.rs#lines_decoder_max_length
TEST(LinesCodec, ALineThatIsTooLongIsSkipped) {
  Fed fed{LinesCodec(6)};
  fed.Add("line 1 is too long\nline 2\nline 3\r\nline 4\n\r\n\r");
  EXPECT_EQ(fed.Decode(), "too long");
  EXPECT_EQ(fed.Decode(), "\"line 2\"");
  EXPECT_EQ(fed.Decode(), "too long");  // with its "\r"
  EXPECT_EQ(fed.Decode(), "\"line 4\"");
  EXPECT_EQ(fed.Decode(), "\"\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "none");
  EXPECT_EQ(fed.Add("k").Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "\"\rk\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "none");
  EXPECT_EQ(fed.Add("aaabbbc").Decode(), "too long");  // one byte too much, and no end
}

// behaviour: tokio-util/tests/codecs.rs#lines_decoder_max_length_underrun
TEST(LinesCodec, TheRestOfALineThatIsTooLongMayComeLater) {
  Fed fed{LinesCodec(6)};
  EXPECT_EQ(fed.Add("line ").Decode(), "none");
  EXPECT_EQ(fed.Add("too l").Decode(), "too long");
  EXPECT_EQ(fed.Add("ong\n").Decode(), "none");
  EXPECT_EQ(fed.Add("line 2").Decode(), "none");
  EXPECT_EQ(fed.Add("\n").Decode(), "\"line 2\"");
}

// behaviour: tokio-util/tests/codecs.rs#lines_decoder_max_length_big_burst
TEST(LinesCodec, ALineMayBecomeTooLongWithItsEnd) {
  Fed fed{LinesCodec(10)};
  EXPECT_EQ(fed.Add("line ").Decode(), "none");
  EXPECT_EQ(fed.Add("too long!\n").Decode(), "too long");
}

// behaviour: tokio-util/tests/codecs.rs#lines_decoder_max_length_newline_between_decodes
TEST(LinesCodec, ALineOfTheLongestLengthWaitsForItsEnd) {
  Fed fed{LinesCodec(5)};
  EXPECT_EQ(fed.Add("hello").Decode(), "none");
  EXPECT_EQ(fed.Add("\nworld").Decode(), "\"hello\"");
}

// behaviour: tokio-util/tests/codecs.rs#lines_decoder_max_length_underrun_twice
TEST(LinesCodec, TheRestOfALineMayComeInPieces) {
  Fed fed{LinesCodec(11)};
  EXPECT_EQ(fed.Add("line ").Decode(), "none");
  EXPECT_EQ(fed.Add("too very l").Decode(), "too long");
  EXPECT_EQ(fed.Add("aaaaaaaaaaaaaaaaaaaaaaa").Decode(), "none");
  EXPECT_TRUE(fed.in.empty());
  EXPECT_EQ(fed.Add("ong\nshort\n").Decode(), "\"short\"");
}

// behaviour: tokio-util/tests/codecs.rs#lines_encoder
TEST(LinesCodec, EndsEachLine) {
  LinesCodec codec;
  ByteQueue out;
  EXPECT_TRUE(codec.Encode("line 1", out).ok());
  EXPECT_EQ(out.view(), "line 1\n");
  EXPECT_TRUE(codec.Encode("line 2", out).ok());
  EXPECT_EQ(out.view(), "line 1\nline 2\n");
}

TEST(LinesCodec, ResetForgetsTheLineThatIsSkipped) {
  Fed fed{LinesCodec(3)};
  EXPECT_EQ(fed.Add("long").Decode(), "too long");
  EXPECT_TRUE(fed.in.empty());  // what is too long is not kept
  fed.codec.Reset();
  EXPECT_EQ(fed.Add("ab").Decode(), "none");
  fed.in.Clear();
  fed.codec.Reset();
  EXPECT_EQ(fed.Add("a\n").Decode(), "\"a\"");
}

TEST(LinesCodec, HasALimitUnlessItSaysThatThereIsNone) {
  EXPECT_EQ(LinesCodec().max_length(), 64u * 1024);
  Fed limited{LinesCodec()};
  EXPECT_EQ(limited.Add(std::string(64 * 1024 + 1, 'x')).Decode(), "too long");
  Fed unbounded{LinesCodec::Unbounded()};
  EXPECT_EQ(unbounded.Add(std::string(64 * 1024 + 1, 'x')).Decode(), "none");
  EXPECT_EQ(unbounded.Add("\n").Decode().size(), 64u * 1024 + 3);
}

AnyDelimiterCodec Chunks(size_t max_length) { return AnyDelimiterCodec(",;\n\r", ",", max_length); }

// behaviour: tokio-util/tests/codecs.rs#any_delimiters_decoder_any_character
TEST(AnyDelimiterCodec, CutsAtEachOfItsDelimiters) {
  Fed fed{AnyDelimiterCodec()};
  fed.Add("chunk 1,chunk 2;chunk 3\n\r");
  EXPECT_EQ(fed.Decode(), "\"chunk 1\"");
  EXPECT_EQ(fed.Decode(), "\"chunk 2\"");
  EXPECT_EQ(fed.Decode(), "\"chunk 3\"");
  EXPECT_EQ(fed.Decode(), "\"\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "none");
  EXPECT_EQ(fed.Add("k").Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "\"k\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "none");
}

// behaviour: tokio-util/tests/codecs.rs#any_delimiters_decoder_max_length
TEST(AnyDelimiterCodec, AChunkThatIsTooLongIsSkipped) {
  Fed fed{Chunks(7)};
  fed.Add("chunk 1 is too long\nchunk 2\nchunk 3\r\nchunk 4\n\r\n");
  EXPECT_EQ(fed.Decode(), "too long");
  EXPECT_EQ(fed.Decode(), "\"chunk 2\"");
  EXPECT_EQ(fed.Decode(), "\"chunk 3\"");
  EXPECT_EQ(fed.Decode(), "\"\"");  // between "\r" and "\n"
  EXPECT_EQ(fed.Decode(), "\"chunk 4\"");
  EXPECT_EQ(fed.Decode(), "\"\"");
  EXPECT_EQ(fed.Decode(), "\"\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "none");
  EXPECT_EQ(fed.Add("k").Decode(), "none");
  EXPECT_EQ(fed.DecodeEof(), "\"k\"");
  EXPECT_EQ(fed.Decode(), "none");
  EXPECT_EQ(fed.Add("aaabbbcc").Decode(), "too long");
}

// behaviour: tokio-util/tests/codecs.rs#any_delimiter_decoder_max_length_underrun
TEST(AnyDelimiterCodec, TheRestOfAChunkThatIsTooLongMayComeLater) {
  Fed fed{Chunks(7)};
  EXPECT_EQ(fed.Add("chunk ").Decode(), "none");
  EXPECT_EQ(fed.Add("too l").Decode(), "too long");
  EXPECT_EQ(fed.Add("ong\n").Decode(), "none");
  EXPECT_EQ(fed.Add("chunk 2").Decode(), "none");
  EXPECT_EQ(fed.Add(",").Decode(), "\"chunk 2\"");
}

// behaviour: tokio-util/tests/codecs.rs#any_delimiter_decoder_max_length_bursts
TEST(AnyDelimiterCodec, AChunkMayBecomeTooLongBitByBit) {
  Fed fed{Chunks(11)};
  EXPECT_EQ(fed.Add("chunk ").Decode(), "none");
  EXPECT_EQ(fed.Add("too l").Decode(), "none");
  EXPECT_EQ(fed.Add("ong\n").Decode(), "too long");
}

// behaviour: tokio-util/tests/codecs.rs#any_delimiter_decoder_max_length_big_burst
TEST(AnyDelimiterCodec, AChunkMayBecomeTooLongWithItsEnd) {
  Fed fed{Chunks(11)};
  EXPECT_EQ(fed.Add("chunk ").Decode(), "none");
  EXPECT_EQ(fed.Add("too long!\n").Decode(), "too long");
}

// behaviour: tokio-util/tests/codecs.rs#any_delimiter_decoder_max_length_delimiter_between_decodes
TEST(AnyDelimiterCodec, AChunkOfTheLongestLengthWaitsForItsEnd) {
  Fed fed{Chunks(5)};
  EXPECT_EQ(fed.Add("hello").Decode(), "none");
  EXPECT_EQ(fed.Add(",world").Decode(), "\"hello\"");
}

// behaviour: tokio-util/tests/codecs.rs#any_delimiter_decoder_discard_repeat
TEST(AnyDelimiterCodec, WhatIsSkippedIsNoErrorAgain) {
  Fed fed{Chunks(1)};
  EXPECT_EQ(fed.Add("aa").Decode(), "too long");
  EXPECT_EQ(fed.Add("a").Decode(), "none");
}

// behaviour: tokio-util/tests/codecs.rs#any_delimiter_encoder
TEST(AnyDelimiterCodec, WritesItsSeparatorBehindEachChunk) {
  AnyDelimiterCodec codec(",", ";--;");
  ByteQueue out;
  EXPECT_TRUE(codec.Encode("chunk 1", out).ok());
  EXPECT_EQ(out.view(), "chunk 1;--;");
  EXPECT_TRUE(codec.Encode("chunk 2", out).ok());
  EXPECT_EQ(out.view(), "chunk 1;--;chunk 2;--;");
}

constexpr size_t kNowhere = absl::string_view::npos;

std::string AllBytes() {
  std::string all;
  for (int b = 0; b < 256; ++b) all.push_back(static_cast<char>(b));
  return all;
}

// behaviour: tokio-util/src/util/memchr.rs#memchr_test
TEST(FindAny, FindsTheFirst) {
  const absl::string_view text("123abc456\0\xff" "abc\n", 15);
  const auto find = [&](char c) { return internal::FindAny(absl::string_view(&c, 1), text); };
  EXPECT_EQ(find('1'), 0u);
  EXPECT_EQ(find('3'), 2u);
  EXPECT_EQ(find('4'), 6u);
  EXPECT_EQ(find('a'), 3u);
  EXPECT_EQ(find('\0'), 9u);
  EXPECT_EQ(find('\xff'), 10u);
  EXPECT_EQ(find('\n'), 14u);
  for (char c : {'7', 'd', 'A', '\xfe', '\x01', '\r'}) EXPECT_EQ(find(c), kNowhere);
  EXPECT_EQ(internal::FindAny("c4", text), 5u);
  EXPECT_EQ(internal::FindAny("xyz", text), kNowhere);
}

// behaviour: tokio-util/src/util/memchr.rs#memchr_all
TEST(FindAny, KnowsEveryByte) {
  const std::string up = AllBytes();
  const std::string down(up.rbegin(), up.rend());
  for (size_t b = 0; b < 256; ++b) {
    const absl::string_view byte = absl::string_view(up).substr(b, 1);
    EXPECT_EQ(internal::FindAny(byte, up), b);
    EXPECT_EQ(internal::FindAny(byte, down), 255 - b);
  }
}

// behaviour: tokio-util/src/util/memchr.rs#memchr_empty
TEST(FindAny, FindsNothingInNothing) {
  for (char b : AllBytes()) EXPECT_EQ(internal::FindAny(absl::string_view(&b, 1), ""), kNowhere);
  EXPECT_EQ(internal::FindAny("abc", absl::string_view()), kNowhere);
}

}  // namespace
}  // namespace kioto::io
