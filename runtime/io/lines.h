// Lines: a reader cut into lines of text. Prefer it for chat-like protocols; parse a ByteQueue for framed ones.
//
//   With(io::Lines(s, /*max_line=*/4096), [](io::Lines& lines) {
//     return Loop([&] { return lines.Next().AndThen([](std::optional<std::string>& line) { ... }); });
//   });
//
// It reads ahead: what the reader has given and no line has taken is in buffered().
#ifndef KIOTO_RUNTIME_IO_LINES_H_
#define KIOTO_RUNTIME_IO_LINES_H_

#include <cstddef>
#include <optional>
#include <string>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/reader.h"

namespace kioto::io {

class LinesNextFuture;

// A stream of StatusOr<std::string>.
class Lines {
 public:
  using Item = StatusOr<std::string>;

  // Borrows the reader, which must not be moved from now on: a struct that holds both the stream and its Lines is made by
  // With(InPlace<Struct>(…), …), and deletes its move constructor. A line may have `max_line` bytes without its end.
  Lines(ReaderRef reader, size_t max_line) : reader_(reader), max_line_(max_line) {}

  // The next line, without its "\n" or "\r\n"; nullopt at the end of the stream, again and again. A last line without "\n"
  // counts. Errors: the reader's; IsLimitExceeded for a line that is too long, after which Next skips to the line behind it.
  // CANCEL SAFE: yes: what was read stays here.
  LinesNextFuture Next();

  // The same for one poll, as streams have it: nullopt at the end.
  Poll<std::optional<StatusOr<std::string>>> PollNext(Context& cx);

  absl::string_view buffered() const { return queue_.view(); }
  void Describe(WaitTrace& trace) const { trace.Node("Lines::Next", reader_); }

 private:
  // A line, or the error of one that is too long, if the bytes at hand decide it.
  std::optional<StatusOr<std::string>> TakeLine();
  StatusOr<std::string> TakeLast();
  StatusOr<std::string> Take(size_t length, size_t with_end);

  ReaderRef reader_;
  size_t max_line_;
  ByteQueue queue_;
  size_t scanned_ = 0;     // no "\n" in so many bytes of the queue
  bool skipping_ = false;  // inside a line that was too long
  bool ended_ = false;
};

// Output: StatusOr<std::optional<std::string>>.
class [[nodiscard]] LinesNextFuture : public FutureBase<LinesNextFuture, StatusOr<std::optional<std::string>>> {
 public:
  explicit LinesNextFuture(Lines& lines) : lines_(&lines) {}
  Poll<StatusOr<std::optional<std::string>>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Child(*lines_); }

 private:
  Lines* lines_;
};

inline LinesNextFuture Lines::Next() { return LinesNextFuture(*this); }

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_LINES_H_
