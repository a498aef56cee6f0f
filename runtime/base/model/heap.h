// The heap of an execution: what model code takes with `new` while it is explored.
//
// Nothing is given out twice within one execution and freed memory is filled with kFreedByte, so
// that a use after free is met every time instead of by luck. When the execution has ended, what
// was not freed is a leak; then all is taken back at once, which is also how executions are
// abandoned in the middle.
//
// This library replaces operator new and delete of the whole binary; outside an execution they are
// malloc and free.
#ifndef KIOTO_RUNTIME_BASE_MODEL_HEAP_H_
#define KIOTO_RUNTIME_BASE_MODEL_HEAP_H_

#include <cstddef>

namespace kioto::model::internal {

inline constexpr unsigned char kFreedByte = 0xdd;

// Whether `new` belongs to the execution now: code of the model runs, not the explorer's.
extern thread_local bool heap_on;

class HeapOff {
 public:
  HeapOff() : saved_(heap_on) { heap_on = false; }
  ~HeapOff() { heap_on = saved_; }
  HeapOff(const HeapOff&) = delete;
  HeapOff& operator=(const HeapOff&) = delete;

 private:
  const bool saved_;
};

// Forgets everything: the next execution begins.
void ResetHeap();

// What was taken and not given back since ResetHeap: the number of blocks, the size of the first.
struct Leak {
  int blocks = 0;
  size_t first_size = 0;
  int first_number = 0;  // it was the n-th block taken
};
Leak FindLeaks();

}  // namespace kioto::model::internal

#endif  // KIOTO_RUNTIME_BASE_MODEL_HEAP_H_
