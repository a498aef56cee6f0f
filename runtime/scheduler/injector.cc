#include "kioto/runtime/scheduler/injector.h"

#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

void Injector::PushBatch(TaskHeader* first, TaskHeader* last, size_t count) {
  last->queue_next = nullptr;
  base::SpinLockGuard lock(lock_);
  if (tail_.Read() == nullptr) {
    head_.Write() = first;
  } else {
    tail_.Read()->queue_next = first;
  }
  tail_.Write() = last;
  // relaxed load: only changed under the lock. release: pairs with the acquire of size() (R1).
  size_.store(size_.load(std::memory_order_relaxed) + count, std::memory_order_release);
}

TaskHeader* Injector::Pop(size_t max) {
  if (empty()) return nullptr;
  base::SpinLockGuard lock(lock_);
  TaskHeader* first = head_.Read();
  if (first == nullptr) return nullptr;
  TaskHeader* last = first;
  size_t count = 1;
  while (count < max && last->queue_next != nullptr) {
    last = last->queue_next;
    ++count;
  }
  head_.Write() = last->queue_next;
  if (last->queue_next == nullptr && !KIOTO_MUTANT("injector.keep_tail")) tail_.Write() = nullptr;
  last->queue_next = nullptr;
  // relaxed load: only changed under the lock. release: keeps the order of the stores for size()'s acquire.
  size_.store(size_.load(std::memory_order_relaxed) - count, std::memory_order_release);
  return first;
}

}  // namespace kioto::internal
