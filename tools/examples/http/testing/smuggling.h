// Streams of bytes out of which two readers may read different requests: for what reads them, and for what answers.
#ifndef KIOTO_TOOLS_EXAMPLES_HTTP_TESTING_SMUGGLING_H_
#define KIOTO_TOOLS_EXAMPLES_HTTP_TESTING_SMUGGLING_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace http {

// A literal with its zero bytes.
template <size_t N>
std::string Raw(const char (&bytes)[N]) {
  return std::string(bytes, N - 1);
}

// In each lies a request for /first, most of them of this method, that must be refused, and behind it a good one for /second.
std::vector<std::string> StreamsThatSmuggle(absl::string_view method);

}  // namespace http

#endif  // KIOTO_TOOLS_EXAMPLES_HTTP_TESTING_SMUGGLING_H_
