// ListedScheduler: every runtime, blocking pool and LocalSet of this process, for who looks at it from outside: tools/gdb.
//
// STATE       a doubly linked list from `listed_schedulers`, under a lock that is taken only to add one and to take one off.
#ifndef KIOTO_RUNTIME_TASK_SCHEDULER_LIST_H_
#define KIOTO_RUNTIME_TASK_SCHEDULER_LIST_H_

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
  const Kind kind_;
  Scheduler* const scheduler_;
  ListedScheduler* prev_ = nullptr;
  ListedScheduler* next_;
};

extern ListedScheduler* listed_schedulers;  // the newest

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_SCHEDULER_LIST_H_
