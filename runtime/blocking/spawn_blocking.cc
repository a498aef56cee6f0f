#include "kioto/runtime/blocking/spawn_blocking.h"

#include <utility>

#include "absl/base/no_destructor.h"
#include "kioto/runtime/scheduler/core.h"

namespace kioto::internal {
namespace {

// Outside a runtime: accepts no job.
class NoPool final : public Scheduler {
 public:
  NoPool() : Scheduler(/*shards=*/1) { owned.Close(); }

  void Enqueue(TaskHeader*) override {}
  void EnqueueNew(TaskHeader*) override {}
  int ShardForThisThread() const override { return 0; }
  bool CanSpawnLocal() const override { return false; }
  Status Refusal() const override { return OutsideRuntimeError("SpawnBlocking"); }
};

}  // namespace

Scheduler* CurrentBlockingPool() {
  // Whatever a thread has entered is a RuntimeCore: only those are ever put into the thread's context.
  auto* core = static_cast<RuntimeCore*>(CurrentThread().scheduler);
  if (core != nullptr) return core->blocking.get();
  static absl::NoDestructor<NoPool> no_pool;
  return &*no_pool;
}

bool TakesBlockingJobs() {
  const auto* core = static_cast<RuntimeCore*>(CurrentThread().scheduler);
  return core != nullptr && !core->shutting_down();
}

StatusOr<BlockingPlace> BlockingPlace::Take(std::shared_ptr<BlockingPool> pool) {
  Status refusal = pool->TakePlace();
  if (!refusal.ok()) return refusal;
  return BlockingPlace(std::move(pool));
}

StatusOr<BlockingPlace> BlockingPlace::TakeHere() {
  auto* core = static_cast<RuntimeCore*>(CurrentThread().scheduler);
  if (core == nullptr) return OutsideRuntimeError("TrySpawnBlocking");
  return Take(core->blocking);
}

BlockingPlace::~BlockingPlace() {
  if (pool_ != nullptr) pool_->ReturnPlace();
}

void BlockingPlace::Give(TaskHeader* job) && {
  job->has_place = true;
  pool_ = nullptr;
}

}  // namespace kioto::internal
