// TaskHooks: what a runtime tells of its tasks, to whom its builder named. Blocking jobs are none. Those of a LocalSet are told to
// the runtime that drives it: of one that was spawned while none did, when the next one begins to; of one that is destroyed while none
// does, with its set, the end is told to nobody.
//
// Without hooks a poll pays one test of a pointer.
#ifndef KIOTO_RUNTIME_TASK_TASK_HOOKS_H_
#define KIOTO_RUNTIME_TASK_TASK_HOOKS_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "kioto/runtime/base/hook.h"
#include "kioto/runtime/base/status.h"

namespace kioto {

// What a hook is told. Valid during its call.
struct TaskMeta {
  uint64_t id;
  const char* name;  // "" if it has none
  const char* file;  // where it was spawned
  int line;
  // Around a poll: how long the task was ready and waited for it, with RuntimeBuilder::MeasureScheduleLatency. Else none, and
  // for the tasks of a LocalSet.
  std::optional<std::chrono::nanoseconds> schedule_latency = std::nullopt;
};

// A task that ended badly with nobody to join it. Valid during the hook's call.
struct UnhandledFailure {
  const Status& status;
  const char* name;  // "" if it has none
  const char* file;  // where it was spawned
  int line;
  uint64_t task_id;
};

namespace internal {

using UnhandledHook = Hook<void(const UnhandledFailure&)>;

// Each on the thread where it happens. A hook may spawn and wake; it must not block.
struct TaskHooks {
  Hook<void(const TaskMeta&)> spawned;     // accepted, and not enqueued yet
  Hook<void(const TaskMeta&)> terminated;  // once for each spawned one: its future is destroyed, its joiner not woken yet
  Hook<void(const TaskMeta&)> poll_begins;  // of an aborted task too, whose future is destroyed instead
  Hook<void(const TaskMeta&)> poll_ends;

  bool any() const { return spawned || terminated || poll_begins || poll_ends; }
};

}  // namespace internal
}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_TASK_HOOKS_H_
