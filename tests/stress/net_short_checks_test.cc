// Every read and write moves 1 to 7 bytes, or the peer has hung up while all bytes lie there still: what is made of streams is
// the same: C5 (README.md).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/io/buf_writer.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/bytes.h"
#include "kioto/runtime/io/codec/any_delimiter_codec.h"
#include "kioto/runtime/io/codec/framed.h"
#include "kioto/runtime/io/codec/length_delimited_codec.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/copy_bidirectional.h"
#include "kioto/runtime/io/lines.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

using net::TcpStream;
using net::UnixStream;

// A stream that is asked for 1 to 7 bytes at a time, and given so many.
template <class S>
class Short {
 public:
  Short(S stream, uint64_t seed) : stream_(std::move(stream)), random_(seed) {}
  // For who writes all before it is read: of small writes a Unix socket has room for a few.
  void WritesWhole() { whole_ = true; }

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return stream_.PollRead(cx, into.first(Cut(into.size()))); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    return stream_.PollWrite(cx, bytes.substr(0, whole_ ? bytes.size() : Cut(bytes.size())));
  }
  Poll<Status> PollShutdown(Context& cx) { return stream_.PollShutdown(cx); }

 private:
  size_t Cut(size_t size) { return std::min<size_t>(size, 1 + random_.Below(7)); }

  S stream_;
  base::FastRandom random_;
  bool whole_ = false;
};

template <class S>
struct Ends {
  Short<S> a, b;
};
Ends<TcpStream> TcpEnds(uint64_t seed) {
  const Connection made = Connect();
  return {{*TcpStream::FromFd(made.server), seed}, {*TcpStream::FromFd(made.client), seed + 1}};
}
Ends<UnixStream> UnixEnds(uint64_t seed) {
  UnixStream::Ends ends = *UnixStream::Pair();
  return {{std::move(ends.first), seed}, {std::move(ends.second), seed + 1}};
}

// Lines of all lengths up to 90, the empty one included.
std::vector<std::string> Items() {
  std::vector<std::string> items;
  for (size_t i = 0; i < 200; ++i) items.push_back(std::string(i * 7 % 91, static_cast<char>('a' + i % 26)));
  return items;
}

std::string TextOf(const std::string& item) { return item; }
std::string TextOf(const Bytes& item) { return item.ToString(); }

class NetShortChecks : public testing::Test {
 protected:
  // program(ends), with new ends of either kind each time.
  template <class Program>
  void OnEachKind(Program program) {
    const int rounds = Scaled(20);
    for (int round = 0; round < rounds && !HasFailure(); ++round) {
      program(TcpEnds(static_cast<uint64_t>(round)));
      program(UnixEnds(static_cast<uint64_t>(round)));
    }
  }
  template <class F>
  auto Run(F future) {
    return runtime_.BlockOn(std::move(future));
  }
  // The items go through `codec`; their sender has hung up before they are read, or goes on meanwhile.
  template <class Codec>
  void ExpectItems(Codec codec) {
    for (const bool hung_up : {true, false}) {
      OnEachKind([&](auto ends) {
        if (hung_up) ends.a.WritesWhole();
        io::FramedWrite to(std::move(ends.a), codec);
        auto sends = With(std::move(to), Items(), size_t{0}, [](auto& sink, auto& items, size_t& next) {
          return Loop([&] {
            return sink.Send(absl::string_view(items[next])).AndThen([&] { return If(++next == items.size(), Break, Continue); });
          }).AndThen([&sink] { return sink.Close(); });
        });
        auto reads = With(io::FramedRead(std::move(ends.b), codec), std::vector<std::string>(), [](auto& source, auto& got) {
          return ForEach(ByRef(source), [&got](auto& item) { got.push_back(TextOf(item)); }).AndThen([&got] { return got; });
        });
        if (hung_up) {
          EXPECT_EQ(Run(std::move(sends)), OkStatus());
          EXPECT_EQ(*Run(std::move(reads)), Items());
        } else {
          auto both = *Run(Join(std::move(sends), std::move(reads)));
          EXPECT_EQ(std::get<0>(both), OkStatus());
          EXPECT_EQ(*std::get<1>(both), Items());
        }
      });
    }
  }

  Runtime runtime_ = *Runtime::CurrentThread();
};

// check: C5
TEST_F(NetShortChecks, LinesOfText) { ExpectItems(io::LinesCodec()); }

// check: C5
TEST_F(NetShortChecks, FramesWithTheirLength) { ExpectItems(io::LengthDelimitedCodec()); }

// check: C5
TEST_F(NetShortChecks, ChunksWithDelimiters) { ExpectItems(io::AnyDelimiterCodec(";", ";")); }

// check: C5
TEST_F(NetShortChecks, WhatWasWrittenIsReadToTheEndAfterAHangUp) {
  const std::string text = absl::StrJoin(Items(), "\n");
  OnEachKind([&](auto ends) {
    ends.a.WritesWhole();
    EXPECT_EQ(Run(With(io::BufWriter(std::move(ends.a)), [&text](auto& out) {
      return io::WriteAll(out, absl::string_view(text)).AndThen([&out] { return out.Flush(); });
    })), OkStatus());
    EXPECT_EQ(*Run(With(std::move(ends.b), [&text](auto& in) { return io::ReadToEnd(in, text.size()); })), text);
  });
}

// check: C5
TEST_F(NetShortChecks, LinesThatAreReadOneByOne) {
  const std::vector<std::string> items = Items();
  const std::string text = absl::StrJoin(items, "\n");
  OnEachKind([&](auto ends) {
    ends.a.WritesWhole();
    EXPECT_EQ(Run(With(std::move(ends.a), [&text](auto& out) { return io::WriteAll(out, absl::string_view(text)); })), OkStatus());
    io::Lines lines(ends.b, 100);
    for (const std::string& item : items) ASSERT_EQ(*Run(lines.Next()), item);
    ASSERT_EQ(*Run(lines.Next()), std::nullopt);
  });
}

// check: C5
TEST_F(NetShortChecks, CopiesOfBothWays) {
  const std::string there = absl::StrJoin(Items(), ","), back(10'000, '-');
  OnEachKind([&](auto near) {
    auto far = TcpEnds(7);
    const auto says = [](auto& end, const std::string& text) {
      return io::WriteAll(end, absl::string_view(text)).AndThen([&end] { return io::Shutdown(end); }).AndThen([&end] {
        return io::ReadToEnd(end, 100'000);
      });
    };
    auto all = *Run(Join(says(near.a, there), io::CopyBidirectional(near.b, far.a), says(far.b, back)));
    EXPECT_EQ(*std::get<0>(all), back);
    EXPECT_EQ(std::get<1>(all)->a_to_b, there.size());
    EXPECT_EQ(std::get<1>(all)->b_to_a, back.size());
    EXPECT_EQ(*std::get<2>(all), there);
  });
}

}  // namespace
}  // namespace kioto
