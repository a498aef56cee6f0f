// Sequences: runs sequences of operations by chance on one thread, each against what a few lines of plain C++ say must come of
// it: G5 of the checks (README.md).
#ifndef KIOTO_TESTS_STRESS_SEQUENCE_H_
#define KIOTO_TESTS_STRESS_SEQUENCE_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/random.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {

// So many, scaled; each is a fresh `Machine(random)`, whose Step(operation) does the operation on both, and compares them.
template <class Machine>
void Sequences(int count) {
  constexpr int kSteps = 16;
  for (int i = 0; i < Scaled(count); ++i) {
    base::FastRandom random(static_cast<uint64_t>(i) + 1);
    Machine machine(random);
    for (int step = 0; step < kSteps; ++step) machine.Step(random.Below(Machine::kOperations));
    ASSERT_FALSE(testing::Test::HasFailure()) << "in the sequence with seed " << i + 1;
  }
}

template <class T>
T TakeFrom(std::vector<T>& from, size_t index) {
  T taken = std::move(from[index]);
  from.erase(from.begin() + static_cast<std::ptrdiff_t>(index));
  return taken;
}

}  // namespace kioto

#endif  // KIOTO_TESTS_STRESS_SEQUENCE_H_
