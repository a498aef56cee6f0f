// DelimiterSearch: finds where the chunks of a stream end that are cut by delimiters of one byte. What LinesCodec and
// AnyDelimiterCodec share.
//
// STATE       searching: `scanned` bytes at the front have no delimiter. skipping: inside a chunk that was too long, all of
//             which is forgotten, up to and with its delimiter.
#ifndef KIOTO_RUNTIME_IO_CODEC_DELIMITER_SEARCH_H_
#define KIOTO_RUNTIME_IO_CODEC_DELIMITER_SEARCH_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/byte_queue.h"

namespace kioto::io::internal {

// The place of the first byte in `text` that is one of `delimiters`; npos: there is none.
inline size_t FindAny(absl::string_view delimiters, absl::string_view text) {
  return delimiters.size() == 1 ? text.find(delimiters[0]) : text.find_first_of(delimiters);
}

class DelimiterSearch {
 public:
  // Each byte of `delimiters` ends a chunk, which has at most `max_length` bytes before it. `what` is one, for the error: "a line".
  DelimiterSearch(const char* what, std::string delimiters, size_t max_length)
      : what_(what), delimiters_(std::move(delimiters)), max_length_(max_length) {}

  // The length of the chunk that `in` begins with: its delimiter comes right behind. nullopt: it has not come yet.
  // IsLimitExceeded: the chunk is too long, and what has come of it is gone; the next call is about the one behind it.
  StatusOr<std::optional<size_t>> Find(ByteQueue& in);
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
  bool Skip(ByteQueue& in);
  // What Find gives after a look at the first `scanned` bytes, which have no delimiter.
  StatusOr<std::optional<size_t>> NotFound(size_t scanned, ByteQueue& in);

  const char* what_;
  std::string delimiters_;
  size_t max_length_;
  size_t scanned_ = 0;
  bool skipping_ = false;
};

}  // namespace kioto::io::internal

#endif  // KIOTO_RUNTIME_IO_CODEC_DELIMITER_SEARCH_H_
