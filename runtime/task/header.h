// TaskHeader: what every task has in front of its future. One allocation holds header, future and output.
//
// WHO TOUCHES WHAT   queue_next: the holder of kOwned.  owned_prev, owned_next: the lock of the owned list's shard.
//                    scheduler, place, id: constant.  details->polls: written by the holder of kOwned, read by anyone.
#ifndef KIOTO_RUNTIME_TASK_HEADER_H_
#define KIOTO_RUNTIME_TASK_HEADER_H_

#include <cstdint>
#include <string>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/task/state.h"

namespace kioto {
class WaitTrace;
}  // namespace kioto

namespace kioto::internal {

class Scheduler;
struct TaskHeader;

// What the erased part of the runtime does with a task's future and output. Runs user code; never throws.
struct TaskVTable : WakeTarget::VTable {
  bool (*poll)(TaskHeader*, Context&);               // true: the future is destroyed, the output stored
  void (*cancel)(TaskHeader*, const Status& reason);  // destroys the future, stores `reason` as the output
  void (*drop_output)(TaskHeader*);
  const Status* (*failure)(TaskHeader*);  // the output's status if it is an error, else null
  void (*describe)(const TaskHeader*, WaitTrace&);  // what the future waits for; the holder of kOwned
};

// What is kept of tasks that were given a name, and of all tasks of a runtime with RuntimeBuilder::TaskDetails, or one that
// measures how long they wait for a poll: beside the header, so that others pay nothing for it.
struct TaskDetails {
  TaskDetails(std::string name, const char* file, int64_t spawned_ns)
      : name(std::move(name)), file(file), spawned_ns(spawned_ns) {}
  void CountPoll() {
    polls.store(polls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // relaxed: a statistic, one writer
  }

  const std::string name;  // "" if it has none
  const char* const file;
  const int64_t spawned_ns;  // of the real clock
  base::Atomic<uint64_t> polls{0};
  int64_t scheduled_ns = 0;  // when it was enqueued last; the holder of kOwned. 0: not measured
};

struct alignas(16) TaskHeader : TaskState {
  TaskHeader(const TaskVTable* vtable, Scheduler* scheduler, uint64_t id, base::SourceLocation place)
      : TaskState(vtable),
        detailed(false),
        local(false),
        mandatory(false),
        has_place(false),
        line(place.line()),
        scheduler(scheduler),
        id(id),
        file(place.file()) {}

  const TaskVTable* table() const { return static_cast<const TaskVTable*>(vtable); }
  const char* place_file() const { return detailed ? details->file : file; }
  const char* name() const { return detailed ? details->name.c_str() : ""; }

  // In what TaskState leaves of its last word:
  bool detailed : 1;
  bool local : 1;      // bound to its thread
  bool mandatory : 1;  // a blocking job that the end of its runtime does not drop once it is accepted; fixed before StartTask
  bool has_place : 1;  // a blocking job for which a place in the queue was taken before; fixed before StartTask
  uint16_t shard = 0;  // of the owned list
  int32_t line;

  TaskHeader* queue_next = nullptr;
  TaskHeader* owned_prev = nullptr;
  TaskHeader* owned_next = nullptr;
  Scheduler* const scheduler;
  const uint64_t id;
  union {
    const char* file;  // where Spawn was called
    TaskDetails* details;  // owned, when `detailed`
  };
};

#if !KIOTO_MODEL
static_assert(sizeof(TaskHeader) <= 80, "a million parked tasks are paid for by every byte here");
#endif

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_HEADER_H_
