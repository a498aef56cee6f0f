// AllocationCounter: how often this thread has called operator new. Linking it replaces the global operators.
//
//   AllocationCounter counter;
//   Poll(something);
//   EXPECT_EQ(counter.count(), 0);
#ifndef KIOTO_RUNTIME_BASE_TESTING_ALLOCATION_COUNTER_H_
#define KIOTO_RUNTIME_BASE_TESTING_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace kioto::base {

// Calls of operator new by this thread since it began.
int64_t AllocationsOfThisThread();

class AllocationCounter {
 public:
  AllocationCounter() : start_(AllocationsOfThisThread()) {}
  // Calls of operator new by this thread since the counter was made.
  int64_t count() const { return AllocationsOfThisThread() - start_; }

 private:
  int64_t start_;
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_TESTING_ALLOCATION_COUNTER_H_
