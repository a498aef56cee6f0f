// Text: reading what has to be UTF-8, a line or all of it, appended to a string of the caller's. The futures borrow both.
//
//   io::ReadLine(reader, line, /*limit=*/4096)      // reader: a BufReader
//
// For many lines see lines.h, which copies less, and keeps what is read when it is cancelled.
#ifndef KIOTO_RUNTIME_IO_TEXT_H_
#define KIOTO_RUNTIME_IO_TEXT_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/reader.h"

namespace kioto::io {

// How many bytes of `text` are well-formed UTF-8 (The Unicode Standard, table 3-7: no surrogates, no overlong forms): all of
// them, or up to the first character that is not.
size_t Utf8Prefix(absl::string_view text);

class [[nodiscard]] ReadLineFuture : public FutureBase<ReadLineFuture, StatusOr<size_t>> {
 public:
  static constexpr bool kLosesData = true;

  ReadLineFuture(BufReaderRef reader, std::string& into, size_t limit) : reader_(reader), into_(&into), limit_(limit) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("ReadLine", reader_); }

 private:
  BufReaderRef reader_;
  std::string* into_;
  size_t limit_;
  std::string line_;
};

class [[nodiscard]] ReadToStringFuture : public FutureBase<ReadToStringFuture, StatusOr<size_t>> {
 public:
  static constexpr bool kLosesData = true;

  ReadToStringFuture(ReaderRef reader, std::string& into, size_t limit) : read_(reader, limit), into_(&into) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { read_.Describe(trace); }

 private:
  ReadToEndFuture read_;
  std::string* into_;
};

// Appends the next line with its "\n"; the last one may have none. Gives its bytes, 0 at the end. Errors: IsInvalidUtf8,
// IsLimitExceeded when there is no "\n" in `limit` bytes, the reader's; with the latter two, `into` has got what came of the
// line before, if that is text. CANCEL SAFE: loses data.
inline ReadLineFuture ReadLine(BufReaderRef reader, std::string& into, size_t limit) {
  return ReadLineFuture(reader, into, limit);
}
// Appends all that comes until the end, and gives how many bytes that were. Errors: IsInvalidUtf8, IsLimitExceeded, the
// reader's; `into` is then as it was. CANCEL SAFE: loses data.
inline ReadToStringFuture ReadToString(ReaderRef reader, std::string& into, size_t limit) {
  return ReadToStringFuture(reader, into, limit);
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_TEXT_H_
