#include "kioto/runtime/io/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace kioto::io {
namespace {

constexpr absl::string_view kUnexpectedEof = "kioto.io/unexpected_eof";
constexpr absl::string_view kWriteZero = "kioto.io/write_zero";
constexpr absl::string_view kLimitExceeded = "kioto.io/limit_exceeded";
constexpr absl::string_view kInvalidUtf8 = "kioto.io/invalid_utf8";

Status Marked(Status status, absl::string_view mark) {
  status.SetPayload(mark, absl::Cord());
  return status;
}

bool HasMark(const Status& status, absl::string_view mark) { return status.GetPayload(mark).has_value(); }

}  // namespace

Status UnexpectedEofError(size_t got, size_t wanted) {
  return Marked(absl::OutOfRangeError(absl::StrCat("the stream ended after ", got, " of ", wanted, " bytes")), kUnexpectedEof);
}
Status IncompleteFrameError(size_t left) {
  return Marked(absl::OutOfRangeError(absl::StrCat("the stream ended inside a frame: ", left, " bytes are left over")), kUnexpectedEof);
}
bool IsUnexpectedEof(const Status& status) { return HasMark(status, kUnexpectedEof); }

Status WriteZeroError(size_t left) {
  return Marked(absl::UnavailableError(absl::StrCat("the writer takes no more bytes; ", left, " are left")), kWriteZero);
}
bool IsWriteZero(const Status& status) { return HasMark(status, kWriteZero); }

Status LimitExceededError(absl::string_view what, size_t limit) {
  return Marked(absl::ResourceExhaustedError(absl::StrCat(what, ": longer than the limit of ", limit, " bytes")),
                kLimitExceeded);
}
bool IsLimitExceeded(const Status& status) { return HasMark(status, kLimitExceeded); }

Status InvalidUtf8Error(size_t at) {
  return Marked(absl::InvalidArgumentError(absl::StrCat("the text is not UTF-8: byte ", at, " begins no character")), kInvalidUtf8);
}
bool IsInvalidUtf8(const Status& status) { return HasMark(status, kInvalidUtf8); }

}  // namespace kioto::io
