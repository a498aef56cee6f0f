// ListedScheduler: every runtime, blocking pool and LocalSet of this process, for who looks at it from outside: tools/gdb; and for dumps.
//
// STATE       a doubly linked list from `listed_schedulers`, under a lock that is held only to add one, to take one off and to
//             look through them.
#ifndef KIOTO_RUNTIME_TASK_SCHEDULER_LIST_H_
#define KIOTO_RUNTIME_TASK_SCHEDULER_LIST_H_

#include <cstdint>
#include <vector>

namespace kioto::internal {

class Scheduler;

// In the list for as long as it lives. A member of `scheduler`.
class ListedScheduler {
 public:
  enum class Kind { kCurrentThread, kWorkStealing, kBlockingPool, kLocalSet };

  ListedScheduler(Kind kind, Scheduler* scheduler);
  ListedScheduler(const ListedScheduler&) = delete;
  ListedScheduler& operator=(const ListedScheduler&) = delete;
  ~ListedScheduler();

  Kind kind() const { return kind_; }
  Scheduler* scheduler() const { return scheduler_; }

 private:
  friend std::vector<Scheduler*> LocalSetsDrivenBy(uint64_t runtime_id);

  const Kind kind_;
  Scheduler* const scheduler_;
  ListedScheduler* prev_ = nullptr;
  ListedScheduler* next_;
};

extern ListedScheduler* listed_schedulers;  // the newest

// The LocalSets that the runtime with this id was the last to drive, each kept until its EndKeep. Any thread.
std::vector<Scheduler*> LocalSetsDrivenBy(uint64_t runtime_id);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_SCHEDULER_LIST_H_
