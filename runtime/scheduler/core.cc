#include "kioto/runtime/scheduler/core.h"

#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/scheduler/root_waker.h"

namespace kioto::internal {

void RuntimeCore::AddBlockingPool(const RuntimeOptions& options) {
  blocking = std::make_shared<BlockingPool>(BlockingOptions{options.max_blocking_threads, options.blocking_queue,
                                                            options.blocking_keep_alive_ns, "kioto-blocking",
                                                            options.stack_size});
  blocking->SetRuntime(weak_from_this(), &drivers);
}

DriverOptions RuntimeCore::DriverOptionsFor(const RuntimeOptions& options) {
  DriverOptions driver;
  driver.io = options.io;
  driver.time = options.time;
  driver.clock = &drivers.clock;
  return driver;
}

Status RuntimeCore::Detach(void (*)(void*), void*) {
  return absl::FailedPreconditionError("Detach: this runtime is not attached to a loop");
}

bool PollRoot(RootFuture& root, RootWaker& waker) {
  if (!waker.TakeWoken()) return false;
  ThreadContext& thread = CurrentThread();
  PollScope poll;
  if (thread.random != 0) poll.random = &thread.random;
  Context cx(waker.waker(), poll);
  thread.blocking_allowed = false;
  const bool done = root.Poll(cx);
  thread.blocking_allowed = true;
  if (!done && poll.yielded) waker.waker().Wake();
  return done;
}

void ForeignCalls::AwaitNone() {
  // acquire: pairs with Leave's release. What is awaited is a few instructions of another thread.
  while (inside_.load(std::memory_order_acquire) != 0) base::YieldThread();
}

void SeedThread(uint64_t seed, int index) {
  base::FastRandom random(seed != 0 ? seed + static_cast<uint64_t>(index) : base::NextSeed());
  CurrentThread().random = *random.state();
}

}  // namespace kioto::internal
