// Mutants: places where a model test breaks the product on purpose, to see that the schedule
// explorer notices.
//
//   if (!KIOTO_MUTANT("waker_slot.no_rmw")) Line();                        // the mutant drops a
//   line word_.store(1, KIOTO_ORDER("waker_slot.order", std::memory_order_release));  // the mutant
//   makes it relaxed
//
// In the product they are `false` and the order itself. Names are "file.what", and each is caught
// by a test in tests/model.
#ifndef KIOTO_RUNTIME_BASE_MUTANT_H_
#define KIOTO_RUNTIME_BASE_MUTANT_H_

#include "kioto/runtime/base/config.h"

#if KIOTO_MODEL

#include "kioto/runtime/base/model/mutant.h"

#define KIOTO_MUTANT(name)                        \
  ([]() -> bool {                                 \
    static ::kioto::model::MutantSite site(name); \
    return site.on();                             \
  }())
#define KIOTO_ORDER(name, order) (KIOTO_MUTANT(name) ? std::memory_order_relaxed : (order))

#else

#define KIOTO_MUTANT(name) false
#define KIOTO_ORDER(name, order) (order)

#endif

#endif  // KIOTO_RUNTIME_BASE_MUTANT_H_
