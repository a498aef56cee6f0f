// DelimiterSearch: finds where the chunks of a stream end that are cut by delimiters of one byte. What LinesCodec and
// AnyDelimiterCodec share.
//
// STATE       searching: `scanned` bytes at the front have no delimiter. skipping: inside a chunk that was too long, all of
//             which is forgotten, up to and with its delimiter.
#ifndef KIOTO_RUNTIME_IO_CODEC_DELIMITER_SEARCH_H_
#define KIOTO_RUNTIME_IO_CODEC_DELIMITER_SEARCH_H_

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/byte_queue.h"

namespace kioto::io::internal {

// The place of the first byte in `text` that is one of `delimiters`; npos: there is none.
size_t FindAny(absl::string_view delimiters, absl::string_view text);

class DelimiterSearch {
 public:
  // Chunks have at most `max_length` bytes without their delimiter. `what` is one, for the error: "a line".
  DelimiterSearch(const char* what, size_t max_length) : what_(what), max_length_(max_length) {}

  // The length of the chunk that `in` begins with: its delimiter comes right behind. nullopt: it has not come yet.
  // IsLimitExceeded: the chunk is too long, and what has come of it is gone; the next call is about the one behind it.
  StatusOr<std::optional<size_t>> Find(absl::string_view delimiters, ByteQueue& in);
  // For who has taken the bytes at the end of the stream.
  void Taken() { scanned_ = 0; }
  // What comes next does not belong to what came before.
  void Reset() {
    scanned_ = 0;
    skipping_ = false;
  }

  size_t max_length() const { return max_length_; }

 private:
  // Whether the rest of the chunk is gone.
  bool Skip(absl::string_view delimiters, ByteQueue& in);

  const char* what_;
  size_t max_length_;
  size_t scanned_ = 0;
  bool skipping_ = false;
};

}  // namespace kioto::io::internal

#endif  // KIOTO_RUNTIME_IO_CODEC_DELIMITER_SEARCH_H_
