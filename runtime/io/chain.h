// Chain: one reader to its end, and then another.
//
//   auto all = io::Chain(io::BytesReader(head), io::ReaderRef(stream));
//
// It owns its readers, or borrows them by ReaderRef. Any thread, one reading task at a time.
#ifndef KIOTO_RUNTIME_IO_CHAIN_H_
#define KIOTO_RUNTIME_IO_CHAIN_H_

#include <cstddef>
#include <utility>

#include "kioto/runtime/io/reader.h"

namespace kioto::io {

template <class First, class Second>
class ChainReader {
 public:
  static_assert(IsReader<First> && IsReader<Second>, "kioto: Chain needs readers by std::move, or ReaderRef(x)");

  ChainReader(First first, Second second) : first_(std::move(first)), second_(std::move(second)) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    if (!first_ended_) {
      Poll<StatusOr<size_t>> n = first_.PollRead(cx, into);
      if (n.pending() || !n->ok() || **n != 0 || into.empty()) return n;  // nothing into nothing is not the end
      first_ended_ = true;
    }
    return second_.PollRead(cx, into);
  }
  void Describe(WaitTrace& trace) const {
    if (first_ended_) {
      trace.Node("Chain", second_);
    } else {
      trace.Node("Chain", first_);
    }
  }

  First& first() { return first_; }
  Second& second() { return second_; }
  std::pair<First, Second> Into() && { return {std::move(first_), std::move(second_)}; }

 private:
  First first_;
  Second second_;
  bool first_ended_ = false;
};

template <class First, class Second>
ChainReader<First, Second> Chain(First first, Second second) {
  return ChainReader<First, Second>(std::move(first), std::move(second));
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CHAIN_H_
