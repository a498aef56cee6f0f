// Spawn: a future becomes a task of its own, run by the runtime that this thread has entered.
//
//   Spawn(Serve(std::move(stream))).Detach();
//
// Inside a task borrow, between tasks own: a new task outlives the caller's frame, so what it uses it must own.
#ifndef KIOTO_RUNTIME_TASK_SPAWN_H_
#define KIOTO_RUNTIME_TASK_SPAWN_H_

#include <string>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/task/join_handle.h"

namespace kioto {

struct TaskOptions {
  std::string name;  // shown in logs and dumps; costs an allocation
};

namespace internal {

// The scheduler entered on this thread. Outside: null.
inline Scheduler* CurrentScheduler() { return CurrentThread().scheduler; }

// A task whose runtime is missing: never runs, and its handle gives the sentence at once.
Scheduler* NoScheduler();
// A thread that may not bind tasks: the same, with its own sentence.
Scheduler* NoLocalScheduler();
// Where SpawnLocal goes on this thread: the LocalSet entered, else the runtime that this thread drives, else one of the two
// that refuse.
Scheduler* CurrentLocalScheduler();

// What Spawn gives: for what is no future a Poison, so that the sentence is the one error.
template <class F, class = void>
struct HandleOf {
  using Type = Poison;
};
template <class F>
struct HandleOf<F, std::enable_if_t<IsFuture<F>>> {
  using Type = JoinHandle<typename F::Output>;
};
template <class F>
using HandleFor = typename HandleOf<std::decay_t<F>>::Type;

// Whether F, as Spawn got it, may be spawned; with the sentence if not.
template <class F>
constexpr bool MaySpawn() {
  constexpr bool future = IsFuture<std::decay_t<F>>;
  static_assert(future, "kioto: Spawn needs a future; give a function's result, not the function");
  static_assert(!future || !std::is_lvalue_reference_v<F>, "kioto: Spawn takes its future by value: write Spawn(std::move(future))");
  static_assert(!IsLocalFuture<std::decay_t<F>>, "kioto: this future is bound to its thread; use SpawnLocal");
  return future;
}

template <class F>
JoinHandle<typename F::Output> SpawnOn(Scheduler* scheduler, F&& future, bool local, TaskOptions&& options,
                                       base::SourceLocation place) {
  TaskHeader* task = TaskCell<F>::Make(std::move(future), scheduler, place);
  task->local = local;
  NameTask(task, std::move(options.name));
  StartTask(task);
  return JoinHandle<typename F::Output>(task);
}

}  // namespace internal

// Starts `future` as a task on any worker of the runtime entered on this thread. Outside a runtime, or while it shuts down,
// the future is destroyed and the handle gives a status that says so.
// THREADS: any that has entered a runtime. BUDGET: none. One allocation.
template <class F>
internal::HandleFor<F> Spawn(F&& future, TaskOptions options = {},
                             base::SourceLocation place = base::SourceLocation::Current()) {
  if constexpr (internal::MaySpawn<F>()) {
    internal::Scheduler* scheduler = internal::CurrentScheduler();
    return internal::SpawnOn(scheduler != nullptr ? scheduler : internal::NoScheduler(), std::move(future),
                             /*local=*/false, std::move(options), place);
  } else {
    return {};
  }
}

// The same for a future that must be polled and destroyed on this thread. It goes to the LocalSet that the thread is in
// (local_set.h), else to its runtime, which needs a thread that can not lose its core: that of an attached loop, that of a
// current-thread runtime's BlockOn, or one that has entered such a runtime (EnterGuard) while no other drives it. While such
// a task lives, BlockOn on any other thread is refused. End the runtime on this one: Shutdown elsewhere leaves the task, and
// to destroy the Runtime then is a checked error.
template <class F>
internal::HandleFor<F> SpawnLocal(F&& future, TaskOptions options = {},
                                  base::SourceLocation place = base::SourceLocation::Current()) {
  constexpr bool fine = IsFuture<std::decay_t<F>>;
  static_assert(fine, "kioto: SpawnLocal needs a future; give a function's result, not the function");
  static_assert(!fine || !std::is_lvalue_reference_v<F>, "kioto: SpawnLocal takes its future by value: write std::move(future)");
  if constexpr (fine) {
    return internal::SpawnOn(internal::CurrentLocalScheduler(), std::move(future), /*local=*/true, std::move(options),
                             place);
  } else {
    return {};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_SPAWN_H_
