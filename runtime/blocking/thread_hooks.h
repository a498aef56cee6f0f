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

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_BLOCKING_THREAD_HOOKS_H_
