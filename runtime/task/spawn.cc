#include "kioto/runtime/task/spawn.h"

#include "absl/base/no_destructor.h"

namespace kioto::internal {
namespace {

// Accepts nothing, and says why.
class RefusingScheduler final : public Scheduler {
 public:
  explicit RefusingScheduler(Status refusal) : Scheduler(/*shards=*/1), refusal_(std::move(refusal)) { owned.Close(); }

  void Enqueue(TaskHeader*) override {}
  void EnqueueNew(TaskHeader*) override {}
  int ShardForThisThread() const override { return 0; }
  bool CanSpawnLocal() const override { return true; }  // refused by Link, with our sentence
  Status Refusal() const override { return refusal_; }

 private:
  const Status refusal_;
};

}  // namespace

Scheduler* NoScheduler() {
  static absl::NoDestructor<RefusingScheduler> scheduler(OutsideRuntimeError("Spawn"));
  return &*scheduler;
}

Scheduler* NoLocalScheduler() {
  static absl::NoDestructor<RefusingScheduler> scheduler(absl::FailedPreconditionError(
      "SpawnLocal: this thread may hand its tasks to another one; call it under BlockOn of a current-thread runtime, on "
      "the thread of an attached loop, or in a LocalSet, or use Spawn"));
  return &*scheduler;
}

Scheduler* CurrentLocalScheduler() {
  const ThreadContext& thread = CurrentThread();
  if (thread.local_set != nullptr) return thread.local_set;
  if (thread.scheduler == nullptr) {
    static absl::NoDestructor<RefusingScheduler> outside(OutsideRuntimeError("SpawnLocal"));
    return &*outside;
  }
  return thread.scheduler->CanSpawnLocal() ? thread.scheduler : NoLocalScheduler();
}

}  // namespace kioto::internal
