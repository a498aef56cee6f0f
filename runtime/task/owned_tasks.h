// OwnedTasks: every live task of a runtime, so that shutdown can end each of them. Sharded by worker, so that a spawn and a
// completion cost one uncontended lock each.
//
// STATE       per shard a doubly linked list through TaskHeader::owned_prev/next, counts and `closed`, under a spin lock.
// RULE        a task is linked before it is first enqueued and unlinked by the holder of kOwned just before Complete, so
//             whatever is found in a list under its lock is live: its memory can not go away before the lock is released.
#ifndef KIOTO_RUNTIME_TASK_OWNED_TASKS_H_
#define KIOTO_RUNTIME_TASK_OWNED_TASKS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/task/header.h"

namespace kioto::internal {

class OwnedTasks {
 public:
  explicit OwnedTasks(int shards);
  ~OwnedTasks();

  int shards() const { return shards_; }

  // Any thread. False: closed, the task was not linked.
  [[nodiscard]] bool Link(TaskHeader* task, int shard);
  void Unlink(TaskHeader* task);

  // Refuses every later Link.
  void Close();
  // Aborts every task, and gives those of which it took the right to poll to `enqueue(task, arg)`, outside the locks.
  void AbortAll(void (*enqueue)(TaskHeader*, void*), void* arg);
  // Tasks ever linked; and live ones: exact when nothing moves.
  uint64_t linked() const;
  size_t size() const;
  // How many of them are bound to their thread.
  size_t local() const;
  bool any_local() const { return local() > 0; }
  // Whether `task`, which may be gone long since, is one of them; if so, what it is called and where it was spawned. Looks
  // through all of them.
  struct Description {
    uint64_t id;
    std::string name;
    const char* file;
    int line;
  };
  bool Find(const TaskHeader* task, Description* description) const;

  // Goes through a shard, a batch at a time, while tasks come and go: gives the next ones, at most so many, each with a
  // reference of the caller's. What is live from the `first` batch on until its turn comes is given once. 0: no more. One
  // thread at a time holds `walk`.
  size_t Collect(int shard, bool first, TaskHeader** into, size_t room);
  base::Mutex& walk() { return walk_; }

 private:
  struct alignas(64) Shard {
    mutable base::SpinLock lock;
    bool closed = false;
    uint64_t linked = 0;  // so far
    uint64_t unlinked = 0;
    size_t local = 0;  // of them, those bound to their thread
    TaskHeader* head = nullptr;
    TaskHeader* cursor = nullptr;  // where Collect goes on: linked, or null
  };

  // With the lock of its shard held, so that it lives.
  static Description DescriptionOf(const TaskHeader* task);

  base::Mutex walk_;
  const int shards_;
  const std::unique_ptr<Shard[]> shard_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_OWNED_TASKS_H_
