// RuntimeOptions: every knob of RuntimeBuilder, as data; ShutdownReport: what was left when a runtime stopped.
#ifndef KIOTO_RUNTIME_SCHEDULER_OPTIONS_H_
#define KIOTO_RUNTIME_SCHEDULER_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kioto/runtime/base/hook.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/blocking/thread_hooks.h"
#include "kioto/runtime/scheduler/worker_metrics.h"
#include "kioto/runtime/task/scheduler.h"
#include "kioto/runtime/task/task_hooks.h"

namespace kioto {

struct ShutdownReport {
  int stuck_workers = 0;             // threads still inside a poll; they end by themselves when it returns
  size_t live_tasks = 0;             // tasks not yet ended, those of stuck workers included
  size_t running_blocking_jobs = 0;  // SpawnBlocking jobs and file operations still running, and writes that wait for a thread
  std::vector<std::string> stuck;    // number, name and spawn place of each task in whose poll a worker is stuck, and of the
                                     // first few blocking jobs that run; and what else could not be ended, in a sentence

  bool clean() const { return stuck_workers == 0 && live_tasks == 0 && running_blocking_jobs == 0 && stuck.empty(); }
};

// A guest of a host's loop is a current-thread one.
enum class RuntimeFlavor { kCurrentThread, kMultiThread };

// A worker has been inside one poll for longer than limits::kLongPollNs, 25 ms, not counting waits for a CPU.
struct StallReport {
  int worker;
  std::chrono::nanoseconds stalled;  // so far
  uint64_t task_id;
  const std::string& task_name;  // "" if it has none; of a long one the beginning
  const char* file;              // where it was spawned
  int line;
  const std::string& stack;  // of the thread, a line for each frame; "" if it did not answer
};

namespace internal {

struct RuntimeOptions {
  int workers = 0;  // 0: KIOTO_WORKER_THREADS, else the CPUs that this process may use
  std::optional<std::string> name;  // of the runtime
  std::string thread_name = "kioto-worker";
  Hook<std::string(int)> name_thread;  // of worker i; without: thread_name, "-" and i
  std::vector<int> cpus;               // worker i stays on processor cpus[i % size]; none: anywhere
  bool pin = false;
  size_t stack_size = 0;  // 0: the system's
  bool io = true;
  bool time = true;
  bool start_paused = false;
  bool lifo_slot = true;
  bool monitor = true;
  bool task_details = false;
  bool shuffle = false;  // current-thread: the next task is a random one of those that are ready
  std::optional<uint32_t> event_interval;  // none: limits::kEventInterval, and less on a worker whose polls are long
  std::optional<uint32_t> global_queue_interval;  // none: with the driver
  uint64_t seed = 0;  // 0: by chance
  int max_blocking_threads = limits::kMaxBlockingThreads;
  size_t blocking_queue = limits::kBlockingQueue;
  int64_t blocking_keep_alive_ns = 10'000'000'000;
  std::string blocking_thread_name = "kioto-blocking";
  MetricsOptions metrics;
  UnhandledHook on_unhandled;
  bool shut_down_on_unhandled = false;
  ThreadHooks thread_hooks;
  TaskHooks task_hooks;
  std::shared_ptr<TraceSink> trace;
  Hook<void(const StallReport&)> on_stall;

  // Nothing but the seed decides: one thread, a virtual clock, chance from the generator alone. Then there is a hash of the run.
  bool deterministic() const { return start_paused && shuffle; }
};

}  // namespace internal
}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_OPTIONS_H_
