// Injector: the queue that every worker of a runtime shares, for tasks that come from outside and for what overflows a
// worker's own queue. FIFO, unbounded: what is in it is bounded by the live tasks.
//
// STATE       a singly linked list through TaskHeader::queue_next under a lock; size_, its length, readable without it.
// RACES       R1 Push against a worker that is about to park: size_ is raised inside Push; the pusher then looks for a
//                parked worker by an RMW of the idle word, the worker looks at size_ after its own RMW of that word. One of
//                the two comes second and sees the other (idle.h).
#ifndef KIOTO_RUNTIME_SCHEDULER_INJECTOR_H_
#define KIOTO_RUNTIME_SCHEDULER_INJECTOR_H_

#include <cstddef>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/task/header.h"

namespace kioto::internal {

class Injector {
 public:
  // Any thread.
  void Push(TaskHeader* task) { PushBatch(task, task, 1); }
  // `first` … `last`, already linked by queue_next.
  void PushBatch(TaskHeader* first, TaskHeader* last, size_t count);

  // Up to `max` tasks, in order, linked by queue_next and ended by null; null if there are none.
  TaskHeader* Pop(size_t max);

  size_t size() const {
    return size_.load(std::memory_order_acquire);  // acquire: pairs with PushBatch's release (R1)
  }
  bool empty() const { return size() == 0; }

 private:
  base::SpinLock lock_;
  base::Cell<TaskHeader*> head_{nullptr};
  base::Cell<TaskHeader*> tail_{nullptr};
  base::Atomic<size_t> size_{0};
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_INJECTOR_H_
