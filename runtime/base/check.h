// Checks of what must hold: KIOTO_CHECK always, KIOTO_DCHECK in debug builds.
// A failed check prints the place, the condition and a sentence, then aborts.
#ifndef KIOTO_RUNTIME_BASE_CHECK_H_
#define KIOTO_RUNTIME_BASE_CHECK_H_

#include "kioto/runtime/base/config.h"

namespace kioto::base {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition, const char* sentence);

#if KIOTO_MODEL
// Called first: the schedule explorer fails the execution instead of the process.
extern void (*check_failed_hook)(const char* file, int line, const char* condition, const char* sentence);
#endif

}  // namespace kioto::base

#define KIOTO_CHECK(condition, sentence) \
  (__builtin_expect(!!(condition), 1) ? (void)0 : ::kioto::base::CheckFailed(__FILE__, __LINE__, #condition, sentence))

#if KIOTO_DEBUG
#define KIOTO_DCHECK(condition, sentence) KIOTO_CHECK(condition, sentence)
#else
#define KIOTO_DCHECK(condition, sentence) ((void)sizeof(!!(condition)))
#endif

#endif  // KIOTO_RUNTIME_BASE_CHECK_H_
