// TaskHeader: what every task has in front of its future. One allocation holds header, future and output.
//
// WHO TOUCHES WHAT   queue_next: the holder of kOwned.  owned_prev, owned_next: the lock of the owned list's shard.
//                    scheduler, place, id: constant.
#ifndef KIOTO_RUNTIME_TASK_HEADER_H_
#define KIOTO_RUNTIME_TASK_HEADER_H_

#include <cstdint>
#include <string>

#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/task/state.h"

namespace kioto::internal {

class Scheduler;
struct TaskHeader;

// What the erased part of the runtime does with a task's future and output. Runs user code; never throws.
struct TaskVTable : WakeTarget::VTable {
  bool (*poll)(TaskHeader*, Context&);               // true: the future is destroyed, the output stored
  void (*cancel)(TaskHeader*, const Status& reason);  // destroys the future, stores `reason` as the output
  void (*drop_output)(TaskHeader*);
  const Status* (*failure)(TaskHeader*);  // the output's status if it is an error, else null
};

// What is kept of those tasks alone that were given a name, or whose runtime measures how long they wait for a poll.
struct TaskName {
  std::string name;
  const char* file;          // where it was spawned
  int64_t scheduled_ns = 0;  // when it was enqueued last; the holder of kOwned. 0: not measured
};

struct alignas(16) TaskHeader : TaskState {
  TaskHeader(const TaskVTable* vtable, Scheduler* scheduler, uint64_t id, base::SourceLocation place)
      : TaskState(vtable),
        named(false),
        local(false),
        line(place.line()),
        scheduler(scheduler),
        id(id),
        file(place.file()) {}

  const TaskVTable* table() const { return static_cast<const TaskVTable*>(vtable); }
  const char* place_file() const { return named ? name->file : file; }

  // In what TaskState leaves of its last word:
  bool named : 1;
  bool local : 1;      // bound to its thread
  uint16_t shard = 0;  // of the owned list
  int32_t line;

  TaskHeader* queue_next = nullptr;
  TaskHeader* owned_prev = nullptr;
  TaskHeader* owned_next = nullptr;
  Scheduler* const scheduler;
  const uint64_t id;
  union {
    const char* file;  // where Spawn was called
    TaskName* name;    // owned, when `named`
  };
};

#if !KIOTO_MODEL
static_assert(sizeof(TaskHeader) <= 80, "a million parked tasks are paid for by every byte here");
#endif

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_HEADER_H_
