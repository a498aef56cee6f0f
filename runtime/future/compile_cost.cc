// What compile_cost.py compiles: chains of KIOTO_STEPS steps of the kinds that users write, 128 steps in all.
#include <utility>

#include "kioto/runtime/future/future.h"

namespace kioto {

inline StatusOr<int> AddOne(int n) { return n + 1; }

#define KIOTO_STEPS_4                                              \
  .AndThen([&k](int& n) { return Ready(StatusOr<int>(n + k)); })   \
      .Then([](StatusOr<int>& n) { return Ready(std::move(n)); })  \
      .OrElse([&k](Status&) { return k; })                         \
      .AndThen(AddOne)
#define KIOTO_STEPS_8 KIOTO_STEPS_4 KIOTO_STEPS_4
#define KIOTO_STEPS_16 KIOTO_STEPS_8 KIOTO_STEPS_8
#define KIOTO_STEPS_32 KIOTO_STEPS_16 KIOTO_STEPS_16
#define KIOTO_CONCAT(a, b) a##b
#define KIOTO_CHAIN_CONCAT(a, b) a##b
#define KIOTO_CHAIN_OF(n) KIOTO_CHAIN_CONCAT(KIOTO_STEPS_, n)
#define KIOTO_CHAIN                                               \
  {                                                               \
    auto chain = Ready(StatusOr<int>(1)) KIOTO_CHAIN_OF(KIOTO_STEPS); \
    static_cast<void>(internal::PollChild(chain, cx));            \
  }
#define KIOTO_CHAINS_32 KIOTO_CHAIN KIOTO_CHAIN KIOTO_CHAIN KIOTO_CHAIN
#define KIOTO_CHAINS_16 KIOTO_CHAINS_32 KIOTO_CHAINS_32
#define KIOTO_CHAINS_8 KIOTO_CHAINS_16 KIOTO_CHAINS_16
#define KIOTO_CHAINS_0
#define KIOTO_CHAINS_OF(n) KIOTO_CONCAT(KIOTO_CHAINS_, n)
#ifndef KIOTO_STEPS
#define KIOTO_STEPS 0
#endif

void Run([[maybe_unused]] Context& cx, [[maybe_unused]] int& k);
void Run([[maybe_unused]] Context& cx, [[maybe_unused]] int& k) { KIOTO_CHAINS_OF(KIOTO_STEPS) }

}  // namespace kioto
