// Conditions of byte streams, each with a maker and a predicate (see runtime/base/status.h for the others).
//
//   condition       code                meaning
//   UnexpectedEof   kOutOfRange         the stream ended before all the bytes that were asked for
//   WriteZero       kUnavailable        a writer that takes no more bytes
//   LimitExceeded   kResourceExhausted  the peer sent more than the caller's limit
//   InvalidUtf8     kInvalidArgument    what was to be text is not UTF-8
#ifndef KIOTO_RUNTIME_IO_ERRORS_H_
#define KIOTO_RUNTIME_IO_ERRORS_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"

namespace kioto::io {

Status UnexpectedEofError(size_t got, size_t wanted);
// The same where it is not known how many bytes were to come: the stream ended inside a frame, `left` bytes of which came.
Status IncompleteFrameError(size_t left);
bool IsUnexpectedEof(const Status& status);

Status WriteZeroError(size_t left);
bool IsWriteZero(const Status& status);

// "what: longer than the limit of N bytes".
Status LimitExceededError(absl::string_view what, size_t limit);
bool IsLimitExceeded(const Status& status);

// `at`: so many bytes are text.
Status InvalidUtf8Error(size_t at);
bool IsInvalidUtf8(const Status& status);

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_ERRORS_H_
