#include "kioto/runtime/scheduler/core.h"

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/scheduler/root_waker.h"
#include "kioto/runtime/scheduler/worker_index.h"

namespace kioto {

std::optional<int> WorkerIndex() {
  const internal::Driving* driving = internal::CurrentThread().driving;
  return driving != nullptr ? std::optional<int>(driving->index()) : std::nullopt;
}

namespace internal {

RuntimeCore::RuntimeCore(int shards, const RuntimeOptions& options)
    : Scheduler(shards), name_(options.name.value_or("")), task_hooks_(options.task_hooks), on_unhandled_(options.on_unhandled) {
  runtime_id = NextRuntimeId();
  if (on_unhandled_) on_unhandled = &on_unhandled_;
  if (task_hooks_.any()) hooks = &task_hooks_;
  if (options.shut_down_on_unhandled) ends_unhandled = this;
}

void RuntimeCore::EndUnhandled(const UnhandledFailure& failure) {
  if (fork_mark.inherited()) return;  // a refusal in a child of fork(), where it can not be ended
  {
    base::MutexLock lock(ended_by_lock_);
    if (!ended_by_.empty()) return;
    ended_by_ = absl::StrCat(DescribeTask(failure.task_id, failure.name, failure.file, failure.line), ", failed with nobody to join it: ",
                             failure.status.ToString(absl::StatusToStringMode::kWithNoExtraData));
  }
  (void)Shutdown(0);  // does not wait
}

bool RuntimeCore::Owns(const Scheduler* scheduler) const { return scheduler == this || scheduler == blocking.get(); }

Status RuntimeCore::Explain(Status refusal) const {
  base::MutexLock lock(ended_by_lock_);
  if (ended_by_.empty() || !IsShutdown(refusal)) return refusal;
  return ShutdownError("BlockOn", ended_by_);
}

void RuntimeCore::AddBlockingPool(const RuntimeOptions& options) {
  blocking = std::make_shared<BlockingPool>(BlockingOptions{options.max_blocking_threads, options.blocking_queue,
                                                            options.blocking_keep_alive_ns, options.blocking_thread_name,
                                                            options.stack_size, options.thread_hooks, options.on_unhandled,
                                                            options.shut_down_on_unhandled});
  blocking->trace = trace;
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

Driving* DrivenHereOnly() {
  class HereOnly final : public Driving {
    StatusOr<uint64_t> HandOver() override {
      return absl::FailedPreconditionError(
          "BlockInPlace: no other thread may go on with what this one runs (a current-thread runtime, or an attached loop): its "
          "tasks would all stand still; use SpawnBlocking, or a multi-thread runtime");
    }
    bool TakeBack(uint64_t) override { return true; }
    int index() const override { return 0; }
  };
  static HereOnly here_only;
  return &here_only;
}

void RuntimeCore::OnForcedYield() {
  if (WorkerCounters* counters = CountersHere()) {
    counters->ForcedYield();
  } else {
    foreign_forced_yields_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a figure
  }
}

bool PollRoot(RootFuture& root, RootWaker& waker, bool* yielded) {
  if (!waker.TakeWoken()) return false;
  ThreadContext& thread = CurrentThread();
  const RootFuture::PollGuard taken(root);
  PollScope poll;
  if (thread.random != 0) poll.random = &thread.random;
  Context cx(waker.waker(), poll);
  const base::ForbidBlocking scope;
  const bool done = root.Poll(cx);
  if (!done && poll.yielded) {
    if (poll.budget == PollScope::kRefused) thread.scheduler->OnForcedYield();
    waker.waker().Wake();
    if (yielded != nullptr) *yielded = true;
  }
  return done;
}

void ForeignCalls::AwaitNone() {
  // acquire: pairs with Leave's release. What is awaited is a few instructions of another thread.
  while (word_.load(std::memory_order_acquire) % kCallOne != 0) base::YieldThread();
}

void SeedThread(uint64_t seed, int index) {
  base::FastRandom random(seed != 0 ? seed + static_cast<uint64_t>(index) : base::NextSeed());
  CurrentThread().random = *random.state();
}

}  // namespace internal
}  // namespace kioto
