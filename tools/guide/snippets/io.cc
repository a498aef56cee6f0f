// The snippets of tools/guide/io.md and status.md, compiled and run.
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/copy.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/pipe.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/testing/kioto_test.h"

namespace kioto {
namespace {

// [region errno]
// Whether another attempt is worth while.
bool MayGetBetter(const Status& status) {
  // Not: this runtime does not come back, and a writer that takes nothing will not take more.
  return absl::IsUnavailable(status) && !IsShutdown(status) && !io::IsWriteZero(status);
}

std::string Explain(const Status& status) {
  if (ErrnoOf(status) == ECONNREFUSED) return "nobody listens there";
  if (IsElapsed(status)) return "it took too long";
  return std::string(status.message());
}
// [end errno]

TEST(IoPageTest, Statuses) {
  EXPECT_TRUE(MayGetBetter(ErrnoStatus(ECONNREFUSED, "connect")));
  EXPECT_FALSE(MayGetBetter(ErrnoStatus(EINVAL, "connect")));
  EXPECT_FALSE(MayGetBetter(ShutdownError("Sleep")));
  EXPECT_FALSE(MayGetBetter(io::WriteZeroError(1)));
  EXPECT_EQ(Explain(ErrnoStatus(ECONNREFUSED, "connect")), "nobody listens there");
  EXPECT_EQ(Explain(ElapsedError("it")), "it took too long");
  EXPECT_EQ(Explain(absl::NotFoundError("gone")), "gone");
}

// [region frames]
// Messages with their length before them, in one byte.
template <class Stream>
Future<Status> ForEachMessage(Stream& s, void (*handle)(absl::string_view)) {
  return With(ByteQueue(), [&s, handle](ByteQueue& in) {
    return Loop([&s, &in, handle] {
      return io::Read(s, in).AndThen([&in, handle](size_t& n) -> StatusOr<Flow<>> {
        if (n == 0) return Break();
        while (!in.empty()) {  // all that has come
          const size_t length = static_cast<uint8_t>(in.view()[0]);
          if (length > 100) return absl::ResourceExhaustedError("a message of more than 100 bytes");
          if (in.size() < 1 + length) break;  // the rest comes later
          handle(in.view().substr(1, length));
          in.Consume(1 + length);
        }
        return Continue();
      });
    });
  });
}
// [end frames]

std::string heard;
void Hear(absl::string_view message) { heard += std::string(message) + "."; }

KIOTO_TEST(IoPageTest, Frames) {
  heard.clear();
  return With(io::BytesReader(absl::string_view("\3one\0\3two", 9)), [](io::BytesReader& bytes) {
           return ForEachMessage(bytes, Hear);
         })
      .AndThen([] { EXPECT_EQ(heard, "one..two."); });
}

KIOTO_TEST(IoPageTest, AFrameThatIsTooLong) {
  return With(io::BytesReader("\xff..."), [](io::BytesReader& bytes) { return ForEachMessage(bytes, Hear); })
      .Then([](Status& status) { EXPECT_TRUE(absl::IsResourceExhausted(status)); });
}

// [region counting]
// Counts what goes through it.
struct Counting {
  io::ReaderRef reader;
  size_t bytes = 0;

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    Poll<StatusOr<size_t>> n = reader.PollRead(cx, into);
    if (n.ready() && n->ok()) bytes += **n;
    return n;
  }
};
// [end counting]

// [region upload]
template <class From, class To>
Future<StatusOr<uint64_t>> Upload(From& from, To& to) {
  return io::Copy(from, to).AndThen([&to](uint64_t& bytes) {
    return io::Shutdown(to).AndThen([&bytes] { return bytes; });
  });
}
// [end upload]

KIOTO_TEST(IoPageTest, Copying) {
  return With(io::BytesReader("there"), io::Simplex(2), std::string(), [](auto& bytes, auto& way, std::string& got) {
    return With(Counting{bytes}, [&](Counting& counting) {
      return TryJoin(Upload(counting, way.writer), io::ReadToEnd(way.reader, got, 100)).AndThen([&](uint64_t& sent, size_t& read) {
        EXPECT_EQ(sent, 5u);
        EXPECT_EQ(read, 5u);
        EXPECT_EQ(counting.bytes, 5u);
        EXPECT_EQ(got, "there");
      });
    });
  });
}

}  // namespace
}  // namespace kioto
