#include "kioto/runtime/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace kioto::base {

void CheckFailed(const char* file, int line, const char* condition, const char* sentence) {
  std::fprintf(stderr, "kioto: %s (check `%s` failed at %s:%d)\n", sentence, condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace kioto::base
