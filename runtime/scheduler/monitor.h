// Monitor: the thread that keeps what is bound to a worker alive while that worker is inside a long poll.
//
// It ticks while any worker runs. A worker that is in the same poll as one tick ago is stuck: until it moves again its
// reactor is harvested, its due timers are fired and its LIFO slot is taken, here; what that wakes goes to the injector,
// and one parked worker is woken. If a task waits in the slot of a worker inside a poll, where nobody else can reach it, the
// next look at that worker comes sooner: one such look between two ticks. The monitor never runs a task. While every worker is parked it sleeps; the first worker
// to leave its park wakes it (idle.h, R4).
//
// A poll longer than limits::kLongPollNs is reported once, with the task and the stack of the blocked thread, to the hook of
// RuntimeBuilder::OnStall or to the log; so many a second (limits::kStallsPerSecond), the rest only counted. Time in which the
// thread was ready to run, but had no CPU, does not count.
#ifndef KIOTO_RUNTIME_SCHEDULER_MONITOR_H_
#define KIOTO_RUNTIME_SCHEDULER_MONITOR_H_

#include <cstdint>
#include <vector>

#include "kioto/runtime/base/park.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/base/thread.h"
#include "kioto/runtime/scheduler/thread_stack.h"

namespace kioto::internal {

class WorkStealingCore;
class Worker;

class Monitor {
 public:
  explicit Monitor(WorkStealingCore* core);
  ~Monitor();

  Status Start();
  void Stop();  // any number of times
  void Wake() { parker_.Unpark(); }

  // Stuck polls reported so far.
  uint64_t long_polls() const;

 private:
  struct Seen {
    uint64_t polls = 0;
    int64_t since_ns = 0;  // when the first tick found it there
    bool keeps = false;    // a task, in its slot, by that tick
    // By the second tick that found it there, or the last since at which its thread slept:
    int64_t at_ns = 0;     // when; 0: there was none
    int64_t stuck_ns = 0;  // how long it had been stuck
    ThreadTimes times;     // of its thread
    bool reported = false;
  };

  void Run();
  // How long it has been stuck at `now_ns`, but for what it waited for a CPU, which is the machine's doing and not the task's.
  static int64_t StuckFor(Seen& seen, int64_t now_ns, int system_id);
  // Looks at all workers, or, the second time, at those that keep a task in their slot; whether there are such.
  bool Tick(bool second);
  void Relieve(Worker& worker);
  bool MayReport(int64_t now_ns);
  void Report(Worker& worker, int64_t stuck_ns);

  WorkStealingCore* const core_;
  base::Parker parker_;
  base::Thread thread_;
  bool started_ = false;
  base::Atomic<bool> stop_{false};
  base::Atomic<uint64_t> long_polls_{0};
  // The monitor's thread:
  std::vector<Seen> seen_;
  int64_t reports_paid_ns_ = 0;  // each report moves it on; when it is far ahead of the clock, there were too many
  int left_out_ = 0;             // reports, since the last one
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_MONITOR_H_
