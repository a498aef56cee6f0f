// SpawnBlocking: runs a function that blocks on a thread of its own, and gives its result as a task's.
#ifndef KIOTO_RUNTIME_BLOCKING_SPAWN_BLOCKING_H_
#define KIOTO_RUNTIME_BLOCKING_SPAWN_BLOCKING_H_

#include <memory>
#include <type_traits>
#include <utility>

#include "kioto/runtime/blocking/pool.h"
#include "kioto/runtime/task/spawn.h"

namespace kioto {
namespace internal {

// A function as a future that is ready at its first poll, on a thread where blocking is allowed.
template <class Fn>
class BlockingJob {
 public:
  using Result = std::invoke_result_t<Fn>;
  using Output = std::conditional_t<std::is_void_v<Result>, Unit, Result>;

  explicit BlockingJob(Fn fn) : fn_(std::move(fn)) {}
  BlockingJob(BlockingJob&&) = default;

  Poll<Output> PollOnce(Context&) {
    if constexpr (std::is_void_v<Result>) {
      std::move(fn_)();
      return Unit{};
    } else {
      return std::move(fn_)();
    }
  }

 private:
  Fn fn_;
};

// The pool of the runtime entered on this thread; outside, one that refuses.
Scheduler* CurrentBlockingPool();
// Whether it takes jobs, as far as it has room: false outside a runtime, and of one that ends.
bool TakesBlockingJobs();

template <class Fn>
auto SpawnBlockingOn(Scheduler* pool, Fn fn, TaskOptions options, base::SourceLocation place) {
  static_assert(std::is_invocable_v<Fn>, "kioto: SpawnBlocking needs a function without parameters");
  if constexpr (std::is_invocable_v<Fn>) {  // else one error is enough
    return SpawnOn(pool, BlockingJob<Fn>(std::move(fn)), /*local=*/false, std::move(options), place);
  }
}

// A place in its queue for a job that is started next; given back if that does not come to be (to make it may throw).
class BlockingPlace {
 public:
  // Or why there is none.
  static StatusOr<BlockingPlace> Take(std::shared_ptr<BlockingPool> pool);
  // In the pool of the runtime entered on this thread.
  static StatusOr<BlockingPlace> TakeHere();
  BlockingPlace(BlockingPlace&&) = default;
  ~BlockingPlace();

  Scheduler* pool() const { return pool_.get(); }
  // It is the job's now.
  void Give(TaskHeader* job) &&;

 private:
  explicit BlockingPlace(std::shared_ptr<BlockingPool> pool) : pool_(std::move(pool)) {}

  std::shared_ptr<BlockingPool> pool_;  // null: of nothing any more
};

template <class Fn>
auto TrySpawnBlockingAt(StatusOr<BlockingPlace> queue, Fn&& fn, TaskOptions options, base::SourceLocation place) {
  using Job = BlockingJob<std::decay_t<Fn>>;
  using Answer = StatusOr<JoinHandle<typename Job::Output>>;
  if (!queue.ok()) return Answer(queue.status());
  TaskHeader* task = TaskCell<Job>::Make(Job(std::forward<Fn>(fn)), queue->pool(), place);
  NameTask(task, std::move(options.name));
  (*std::move(queue)).Give(task);
  StartTask(task);
  return Answer(JoinHandle<typename Job::Output>(task));
}

// Whether Fn may be a job; with the sentence if not.
template <class Fn>
constexpr bool MayTrySpawnBlocking() {
  constexpr bool fine = std::is_invocable_v<std::decay_t<Fn>>;
  static_assert(fine, "kioto: TrySpawnBlocking needs a function without parameters");
  return fine;
}

// A job, a future that is ready at its first poll, which runs also if its runtime ends after it was accepted. Refused, its
// handle says why when this returns. (The one way left not to run: the system refuses every thread; see pool.h.)
template <class Job>
JoinHandle<typename Job::Output> SpawnMandatoryBlocking(Job job, base::SourceLocation place = base::SourceLocation::Current()) {
  TaskHeader* task = TaskCell<Job>::Make(std::move(job), CurrentBlockingPool(), place);
  task->mandatory = true;
  NameTask(task, std::string());
  StartTask(task);
  return JoinHandle<typename Job::Output>(task);
}

}  // namespace internal

// Runs `fn` on a thread of the blocking pool. Once it has begun it can not be stopped: Abort and a dropped handle only spare
// a job that still waits. So `fn` owns what it uses, even inside a task: it may run on when the future that awaits it, and all
// that this could have lent, is gone. Errors: kResourceExhausted when the pool's queue is full.
// THREADS: any that has entered a runtime. One allocation.
template <class Fn>
auto SpawnBlocking(Fn fn, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) {
  return internal::SpawnBlockingOn(internal::CurrentBlockingPool(), std::move(fn), std::move(options), place);
}

// The same, and a job that the pool has no room for is refused here, and `fn` left as it was: kResourceExhausted. IsShutdown when
// the runtime has ended.
template <class Fn>
auto TrySpawnBlocking(Fn&& fn, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) {
  if constexpr (internal::MayTrySpawnBlocking<Fn>()) {
    return internal::TrySpawnBlockingAt(internal::BlockingPlace::TakeHere(), std::forward<Fn>(fn), std::move(options), place);
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_BLOCKING_SPAWN_BLOCKING_H_
