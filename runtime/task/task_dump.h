// RuntimeDump: what every task and every BlockOn of a runtime, or every task of a LocalSet, is doing at this moment; for people,
// and as data.
//
//   kioto::base::LogFailure(runtime.Dump().ToString());
//
//   the future of a BlockOn at main.cc:12: waiting
//     Accept
//       TcpListener fd 9 127.0.0.1:8080
//   2 tasks
//   task 812 "session", spawned at session.cc:41: waiting, polled 93 times, 4.2s old
//     Select
//       Timeout 30s
//         TcpStream::Read fd 12 127.0.0.1:4711
//       CancellationToken::Cancelled
//   task 813, spawned at main.cc:12: running on worker 1 for 31ms at least, not answering
//
// A dump asks nothing of the tasks and waits for none: it takes each task that waits for the microseconds of a look, as
// a wake would, and lets its future describe itself (future/wait_trace.h says why that, and how a future of yours does).
// A task that is queued or running is listed, and waits for nothing. What happens meanwhile is seen before or after it; a
// task that is live from beginning to end is listed once.
// The future of a BlockOn is no task: it has no number, and is listed apart, by the runtime whose BlockOn it is. A thread that would
// poll it waits for the look.
// A runtime's dump has the tasks of the LocalSets that it was the last to drive, too.
//
// COST      nothing while nobody asks. A dump: about a microsecond for each task and level of its tree, mostly memory for the text;
//           a wake that finds the task being looked at is put into its queue by the looker.
// KEPT      Polls and age of tasks that have a name, and of all with RuntimeBuilder::TaskDetails(): 64 bytes, a clock read and a
//           count at each poll. Of others neither is known; their numbers grow with time, on each spawning thread.
// THREADS   any, also inside a task, and while the runtime shuts down: then it is what is left.
#ifndef KIOTO_RUNTIME_TASK_TASK_DUMP_H_
#define KIOTO_RUNTIME_TASK_TASK_DUMP_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/wait_trace.h"

namespace kioto {

struct TaskDump {
  enum class State : uint8_t {
    kWaiting,  // for a wake: `waits` says what for
    kQueued,   // woken, or new; waits for its turn
    kRunning,  // inside a poll, or being destroyed
  };

  uint64_t id = 0;
  std::string name;  // "" if it has none
  const char* file = "";
  int line = 0;  // where it was spawned
  State state = State::kQueued;
  bool local = false;                                     // bound to its thread
  int worker = -1;                                        // kRunning: on which one, from 0; -1: not known
  std::optional<std::chrono::nanoseconds> running_for;    // kRunning: so long at least; known of a worker that is stuck
  std::optional<std::chrono::nanoseconds> age;            // see KEPT
  std::optional<uint64_t> polls;                          // see KEPT
  std::vector<WaitNode> waits;                            // a tree, in order

  std::string ToString() const;
};

// The future of a BlockOn that is under way, so that of Main too.
struct BlockOnDump {
  const char* file = "";
  int line = 0;  // where BlockOn was called
  // kWaiting: woken already, maybe; kQueued: it was not polled yet; kRunning: inside a poll, or another dump looks at it.
  TaskDump::State state = TaskDump::State::kQueued;
  std::vector<WaitNode> waits;  // a tree, in order

  std::string ToString() const;
};

struct RuntimeDump {
  std::vector<BlockOnDump> block_ons;  // the oldest first; all of them
  std::vector<TaskDump> tasks;         // by number
  size_t left_out = 0;                 // live tasks beyond DumpOptions::at_most

  std::string ToString() const;
};

struct DumpOptions {
  size_t at_most = limits::kDumpedTasks;
  size_t nodes_per_task = limits::kDumpedNodes;  // of its tree, and of that of a BlockOn; a last line counts the others
};

namespace internal {

class Scheduler;

// `now_ns` is of the clock that the tasks' timers go by.
RuntimeDump DumpTasks(Scheduler& scheduler, const DumpOptions& options, int64_t now_ns);

}  // namespace internal
}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_TASK_DUMP_H_
