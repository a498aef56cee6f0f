// ThreadHooks: what a runtime tells of its threads, to whom its builder named; and how it names and places them.
#ifndef KIOTO_RUNTIME_BLOCKING_THREAD_HOOKS_H_
#define KIOTO_RUNTIME_BLOCKING_THREAD_HOOKS_H_

#include "kioto/runtime/base/hook.h"

namespace kioto::internal {

struct ThreadHooks {
  // First and last on each thread that the runtime starts: workers, and those of its blocking pool.
  Hook<void()> started;
  Hook<void()> stops;
  // Around the sleep of a thread that runs tasks and has none. What the first one wakes or spawns is run instead of the sleep,
  // and the second one is not called then.
  Hook<void()> parks;
  Hook<void()> unparked;
};

// While it lives, a thread of the runtime's has begun.
class ThreadHooksScope {
 public:
  explicit ThreadHooksScope(const ThreadHooks& hooks) : stops_(hooks.stops) { hooks.started.CallIfSet(); }
  ThreadHooksScope(const ThreadHooksScope&) = delete;
  ThreadHooksScope& operator=(const ThreadHooksScope&) = delete;
  ~ThreadHooksScope() { stops_.CallIfSet(); }

 private:
  const Hook<void()> stops_;  // its own: a thread that is stuck may outlive the runtime
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_BLOCKING_THREAD_HOOKS_H_
