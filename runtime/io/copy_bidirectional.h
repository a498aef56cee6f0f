// CopyBidirectional: everything from each of two streams to the other, as a proxy does.
//
//   io::CopyBidirectional(client, server).AndThen([](io::Copied& n) { Log(n.a_to_b, n.b_to_a); });
//
// How much it was so far, its copied() says: so a limit on silence needs no stream of one's own to count, through which the kernel
// would no longer move the bytes (tools/examples/proxy).
#ifndef KIOTO_RUNTIME_IO_COPY_BIDIRECTIONAL_H_
#define KIOTO_RUNTIME_IO_COPY_BIDIRECTIONAL_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/copy.h"

namespace kioto::io {

struct Copied {
  uint64_t a_to_b = 0;  // bytes
  uint64_t b_to_a = 0;
};

class [[nodiscard]] CopyBidirectionalFuture : public FutureBase<CopyBidirectionalFuture, StatusOr<Copied>> {
 public:
  static constexpr bool kLosesData = true;

  CopyBidirectionalFuture(ReaderRef read_a, WriterRef write_a, ReaderRef read_b, WriterRef write_b, size_t buffer_size)
      : there_(read_a, write_b, buffer_size), back_(read_b, write_a, buffer_size) {}
  Poll<StatusOr<Copied>> PollOnce(Context& cx);
  // Bytes that are written so far.
  Copied copied() const { return {there_.copy.copied(), back_.copy.copied()}; }
  // For dumps: each way that goes on, with the stream that it reads and the one that it writes.
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("CopyBidirectional");
    there_.Describe(trace);
    back_.Describe(trace);
  }

 private:
  // One direction: copies to the end, then shuts down what it wrote to.
  struct Way {
    Way(ReaderRef from, WriterRef to, size_t buffer_size) : copy(from, to, buffer_size), to(to) {}
    Poll<Status> PollOnce(Context& cx);
    void Describe(WaitTrace& trace) const {
      if (!at_end) {
        trace.Child(copy);
      } else if (!done) {
        trace.Node("Shutdown", to);
      }
    }

    CopyFuture copy;
    WriterRef to;
    bool at_end = false;  // all is copied
    bool done = false;    // and shut down
  };

  Way there_, back_;
  bool back_first_ = true;  // in turn: one that spends the budget leaves none to the other
};

// Copies both ways until both streams have ended; the end of one is passed on by shutting down the writing side of the
// other, while the opposite direction goes on. Errors: the first of either stream, at once.
// CANCEL SAFE: loses data (what was read and not yet written).
template <class A, class B>
CopyBidirectionalFuture CopyBidirectional(A& a, B& b, size_t buffer_size = 16 * 1024) {
  return CopyBidirectionalFuture(a, a, b, b, buffer_size);
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_COPY_BIDIRECTIONAL_H_
