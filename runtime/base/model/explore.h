// The schedule explorer: runs the body of a model under all its schedules, or many.
//
//   Report report = Explore(Options().Preemptions(2), [] {
//     Atomic<int> x(0);
//     Thread t([&] { x.store(1, std::memory_order_release); });
//     ...
//     t.Join();
//     Assert(x.load() == 1, "the store was lost");
//   });
//
// The body runs as thread 0 of each execution and must do the same whenever the same choices are
// made: no clocks, no random numbers, no addresses in conditions, nothing kept from one execution
// to the next. One OS thread explores at a time.
#ifndef KIOTO_RUNTIME_BASE_MODEL_EXPLORE_H_
#define KIOTO_RUNTIME_BASE_MODEL_EXPLORE_H_

#include <type_traits>

#include "kioto/runtime/base/model/options.h"

namespace kioto::model {
namespace internal {

Report ExploreBody(const Options& options, void (*run)(void*), void* body);

}  // namespace internal

template <class Body>
Report Explore(const Options& options, Body&& body) {
  using B = std::remove_reference_t<Body>;
  return internal::ExploreBody(
      options, [](void* b) { (*static_cast<B*>(b))(); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace kioto::model

#endif  // KIOTO_RUNTIME_BASE_MODEL_EXPLORE_H_
