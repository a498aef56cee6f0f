// ReadRest: for tests of one read that brings all. It does, unless streams are cut (runtime/base/testing/short_io.h): then others
// bring the rest.
//
//   EXPECT_EQ(ReadRest(loop, stream, buf, *loop.Run(stream.Read(buf)), 5), 5u);
#ifndef KIOTO_RUNTIME_IO_TESTING_READ_REST_H_
#define KIOTO_RUNTIME_IO_TESTING_READ_REST_H_

#include <algorithm>
#include <cstddef>

#include "absl/types/span.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto {

// `n` bytes of `size` are in the pieces. Gives how many there are then: where nothing is cut it is n.
inline size_t ReadRest(DrivenLoop& loop, io::ReaderRef reader, absl::Span<const MutableBytes> into, size_t n, size_t size) {
  size_t before = 0;  // what the pieces hold that are full
  for (const MutableBytes piece : into) {
    const size_t end = std::min(size, before + piece.size());
    while (StreamsAreCut() && n < end) {
      const StatusOr<size_t> more = loop.Run(io::Read(reader, piece.subspan(n - before, end - n)));
      if (!more.ok() || *more == 0) return n;
      n += *more;
    }
    before += piece.size();
  }
  return n;
}
inline size_t ReadRest(DrivenLoop& loop, io::ReaderRef reader, MutableBytes into, size_t n, size_t size) {
  return ReadRest(loop, reader, absl::MakeConstSpan(&into, 1), n, size);
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_IO_TESTING_READ_REST_H_
