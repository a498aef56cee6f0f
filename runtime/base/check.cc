#include "kioto/runtime/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace kioto::base {

#if KIOTO_MODEL
void (*check_failed_hook)(const char*, int, const char*, const char*) = nullptr;
#endif

void CheckFailed(const char* file, int line, const char* condition, const char* sentence) {
#if KIOTO_MODEL
  if (check_failed_hook != nullptr) check_failed_hook(file, line, condition, sentence);
#endif
  std::fprintf(stderr, "kioto: %s (check `%s` failed at %s:%d)\n", sentence, condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace kioto::base
