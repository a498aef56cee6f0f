#include "kioto/runtime/scheduler/local_pool.h"

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/fork_mark.h"
#include "kioto/runtime/base/may_block.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/thread.h"
#include "kioto/runtime/future/ready.h"

namespace kioto {

struct LocalPool::Threads {
  struct One {
    explicit One(Runtime runtime) : runtime(std::move(runtime)) {}

    Runtime runtime;
    base::Thread thread;
    std::shared_ptr<internal::PinnedLoad::Count> load = std::make_shared<internal::PinnedLoad::Count>(0);
  };

  ~Threads();
  Target TargetOf(const One& one) const { return Target{one.runtime.handle(), internal::PinnedLoad(one.load)}; }

  std::vector<std::unique_ptr<One>> all;
  base::Mutex choosing;
  const base::ForkMark fork_mark;
};

LocalPool::Threads::~Threads() {
  if (fork_mark.inherited()) {  // a child of fork(): the threads are the parent's
    for (auto& one : all) (void)one.release();
    return;
  }
  for (auto& one : all) one->runtime.ShutdownBackground();
  for (auto& one : all) {
    if (base::thread_may_block) {
      one->runtime.Shutdown();
      if (one->thread.joinable()) one->thread.Join();
    } else if (one->thread.joinable()) {
      one->thread.Detach();
    }
  }
}

StatusOr<LocalPool> LocalPool::New(int threads, std::string thread_name) {
  if (threads < 1) return absl::InvalidArgumentError("LocalPool::New needs at least one thread");
  auto pool = std::make_shared<Threads>();
  for (int i = 0; i < threads; ++i) {
    StatusOr<Runtime> runtime = Runtime::CurrentThread();
    if (!runtime.ok()) return runtime.status();
    pool->all.push_back(std::make_unique<Threads::One>(*std::move(runtime)));
    auto thread = base::Thread::Start(absl::StrCat(thread_name, "-", i), [handle = pool->all.back()->runtime.handle()] {
      (void)handle.BlockOn(Never<Unit>());  // until the runtime ends
    });
    if (!thread.ok()) return thread.status();
    pool->all.back()->thread = *std::move(thread);
  }
  return LocalPool(std::move(pool));
}

LocalPool::Target LocalPool::LeastLoaded() const {
  base::MutexLock lock(threads_->choosing);  // so that two who come at once choose two threads
  const Threads::One* least = nullptr;
  size_t load = 0;
  for (const auto& one : threads_->all) {
    const size_t its = one->load->load(std::memory_order_relaxed);  // relaxed: a figure
    if (least != nullptr && its >= load) continue;
    least = one.get();
    load = its;
  }
  return threads_->TargetOf(*least);
}

LocalPool::Target LocalPool::Place(size_t thread) const {
  KIOTO_CHECK(thread < threads_->all.size(), "LocalPool::SpawnPinnedOn was given the number of a thread that it does not have");
  return threads_->TargetOf(*threads_->all[thread]);
}

size_t LocalPool::size() const { return threads_->all.size(); }

std::vector<size_t> LocalPool::Loads() const {
  std::vector<size_t> loads;
  for (const auto& one : threads_->all) loads.push_back(one->load->load(std::memory_order_relaxed));  // relaxed: figures
  return loads;
}

}  // namespace kioto
