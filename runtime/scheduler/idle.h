// Idle: which workers of a runtime are parked, which are looking for work, and whom to wake when work appears.
//
// Waking a parked thread costs its waker about as much as a hundred tasks, so: work that appears wakes at most one worker,
// and none while somebody is searching; the last searcher to find something wakes the next.
//
// STATE       one word: searching (bits 0..15) | unparked (bits 16..31) | kMonitorAsleep (bit 32); and the parked workers,
//             last in first out, under a lock that is held only while the word's `unparked` is being changed too.
// INVARIANTS  searching <= unparked; unparked + parked_.size() == workers.
// RACES       R1 work is queued while the last searcher gives up. Both do an RMW of the word, so one comes second:
//                the pusher second: it sees nobody searching, and wakes a parked worker;
//                the searcher second: it acquires the push, and finds the work in the last look round that
//                StopSearching or Park asks for when it answers true.
//             A worker that parks without having searched (others did when it asked) comes second just the same: the
//                searchers may have gone to work before the push, and the push have found nobody parked yet.
//             R2 two pushers: both may find searching == 0; the lock lets the first take a worker, which counts as
//                searching from then on; the second looks again under the lock and leaves.
//             R3 a worker's own event ends its park while it is being notified: Unparked says which came first.
//             R4 the monitor falls asleep while a worker leaves its park: both RMW the word; either the worker sees
//                kMonitorAsleep and must wake it, or the monitor sees a worker unparked.
#ifndef KIOTO_RUNTIME_SCHEDULER_IDLE_H_
#define KIOTO_RUNTIME_SCHEDULER_IDLE_H_

#include <cstdint>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutex.h"

namespace kioto::internal {

class Idle {
 public:
  // Every worker starts unparked and not searching.
  explicit Idle(int workers);

  // After work was queued that another worker may take: the worker to unpark, or -1. It counts as unparked and searching.
  // `wake_monitor` is set if the monitor has to be woken as well.
  int WorkerToNotify(bool* wake_monitor);

  // A worker without work: whether it may search (at most half of the workers do).
  bool StartSearching();
  // It found some. True: it was the last one, the caller notifies another (R1).
  [[nodiscard]] bool StopSearching();

  // `worker` is about to park. True: nobody searches now, and it must look round once more after this (R1).
  [[nodiscard]] bool Park(int worker, bool searching);
  // Its park has ended. kNotified: it is searching now. kOwnEvent: it was still parked, and is unparked now; only asked for
  // when it has work (`has_work`). kStillParked: neither; park again.
  enum class [[nodiscard]] Wakeup { kNotified, kOwnEvent, kStillParked };
  Wakeup Unparked(int worker, bool has_work, bool* wake_monitor);

  // The monitor. False: a worker is unparked, stay awake (R4).
  [[nodiscard]] bool MonitorSleeps();

  int unparked() const;
  int searching() const;

 private:
  static constexpr uint64_t kSearchingOne = 1;
  static constexpr uint64_t kUnparkedOne = uint64_t{1} << 16;
  static constexpr uint64_t kMonitorAsleep = uint64_t{1} << 32;
  static int Searching(uint64_t word) { return static_cast<int>(word & 0xffff); }
  static int UnparkedCount(uint64_t word) { return static_cast<int>(word >> 16 & 0xffff); }

  bool AddUnparked(uint64_t add);  // true: the monitor was asleep, and is the caller's to wake

  const int workers_;
  base::Atomic<uint64_t> word_;
  base::SpinLock lock_;
  base::Cell<std::vector<int>> parked_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_IDLE_H_
