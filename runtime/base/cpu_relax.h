// CpuRelax: what a loop that waits for another thread does in each round.
#ifndef KIOTO_RUNTIME_BASE_CPU_RELAX_H_
#define KIOTO_RUNTIME_BASE_CPU_RELAX_H_

#include "kioto/runtime/base/config.h"

#if KIOTO_MODEL
#include "kioto/runtime/base/model/thread.h"
#endif

namespace kioto::base {

// The processor's hint; under the explorer, the point where another thread must run.
inline void CpuRelax() {
#if KIOTO_MODEL
  model::SpinHint();
#elif defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// Gives the core away: the one that is waited for may be without one.
void YieldThread();

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_CPU_RELAX_H_
