// Waiting on a 32-bit word: Linux's futex. Only for mutex.cc and park_linux.cc; --config=portable has none.
#ifndef KIOTO_RUNTIME_BASE_FUTEX_H_
#define KIOTO_RUNTIME_BASE_FUTEX_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"

#if KIOTO_MODEL
#include "kioto/runtime/base/model/mutex.h"
#endif

namespace kioto::base {

inline constexpr int64_t kNoDeadline = INT64_MAX;

#if KIOTO_MODEL

inline bool FutexWait(Atomic<uint32_t>* word, uint32_t expected, int64_t deadline_ns = kNoDeadline) {
  return model::FutexWait(*word, expected, deadline_ns != kNoDeadline);
}
inline void FutexWake(Atomic<uint32_t>* word, int count) { model::FutexWake(*word, count); }

#else

// Sleeps while *word == expected, until woken, or until CLOCK_MONOTONIC shows `deadline_ns`. May return for no reason.
// False: the deadline has passed.
bool FutexWait(Atomic<uint32_t>* word, uint32_t expected, int64_t deadline_ns = kNoDeadline);

// Wakes up to `count` sleepers. Uses only the address: the word may be gone already.
void FutexWake(Atomic<uint32_t>* word, int count);

#endif

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_FUTEX_H_
