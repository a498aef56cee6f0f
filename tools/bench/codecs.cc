// The row of codecs.
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/io/codec/framed.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/pipe.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

using LinesStream = io::Framed<io::DuplexStream, io::LinesCodec>;

constexpr absl::string_view kLine = "a line of sixty-three bytes, that with its end makes sixty-four";
static_assert(kLine.size() == 63);

LinesStream LinesOf(io::DuplexStream stream) { return LinesStream(std::move(stream), io::LinesCodec(64 * 1024)); }

auto SendLines(io::DuplexStream stream, size_t lines) {
  return With(LinesOf(std::move(stream)), lines, [](LinesStream& stream, size_t& left) {
    return Loop([&] {
             return stream.Feed(kLine).AndThen(
                 [&left]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); });
           })
        .AndThen([&stream] { return stream.Close(); });
  });
}

auto ReceiveLines(io::DuplexStream stream, size_t lines) {
  return With(LinesOf(std::move(stream)), lines, [](LinesStream& stream, size_t& left) {
    return ForEach(ByRef(stream),
                   [&left](std::string& line) {
                     Check(line == kLine, "a line");
                     --left;
                   })
        .AndThen([&left] { Check(left == 0, "the number of lines"); });
  });
}

// Lines of 64 bytes with their ends, from one task to another.
void Lines(Bench& bench) {
  const size_t lines = bench.Times(2'000'000);
  io::DuplexPipe pipe = io::Duplex(64 * 1024);
  const auto start = Clock::now();
  auto sending = bench.runtime.Spawn(SendLines(std::move(pipe.first), lines));
  auto receiving = bench.runtime.Spawn(ReceiveLines(std::move(pipe.second), lines));
  Check(bench.runtime.BlockOn(TryJoin(std::move(sending), std::move(receiving))).ok(), "lines");
  bench.Report(lines, Clock::now() - start);
}

}  // namespace

const Row kCodecRows[] = {
    {"lines", Lines},
    {nullptr, nullptr},
};

}  // namespace kioto::bench
