// For tests of streams, which run once more with streams that are cut: each read and write moves a few bytes (short_io.cc). They hold
// in both runs; what only one call can show is asked of the run that is not cut.
#ifndef KIOTO_RUNTIME_BASE_TESTING_SHORT_IO_H_
#define KIOTO_RUNTIME_BASE_TESTING_SHORT_IO_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace kioto {

// Whether this is that run.
bool StreamsAreCut();

// As many bytes as a test wants; where streams are cut a part of them, else they would take long.
inline size_t Much(size_t bytes) { return StreamsAreCut() ? bytes / 64 : bytes; }

// Whether `moved`, by one call, is all of `bytes`, or, where streams are cut, how they begin.
inline bool IsAllOrCut(absl::string_view moved, absl::string_view bytes) {
  return moved == bytes || (StreamsAreCut() && !moved.empty() && moved == bytes.substr(0, moved.size()));
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_BASE_TESTING_SHORT_IO_H_
