// LocalPool: threads that each run a current-thread runtime of their own, for futures that must stay on one thread.
//
//   StatusOr<LocalPool> pool = LocalPool::New(4);
//   pool->SpawnPinned([] { return Parse(Arena()); })          // called on a thread of the pool; its future never leaves it
//
// What travels is the function; the future that it makes may be bound to its thread (a LocalFuture, say), and what it spawns
// by SpawnLocal stays beside it. Nothing is stolen: a thread that was given much has much to do.
//
// Copies are the same pool. With the last one it ends: its tasks are destroyed, each on its thread, and the threads joined;
// inside a task it does not wait for that.
#ifndef KIOTO_RUNTIME_SCHEDULER_LOCAL_POOL_H_
#define KIOTO_RUNTIME_SCHEDULER_LOCAL_POOL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace internal {

// Counts a task of a thread for as long as it lives.
class PinnedLoad {
 public:
  using Count = base::Atomic<size_t>;

  explicit PinnedLoad(std::shared_ptr<Count> count) : count_(std::move(count)) {
    count_->fetch_add(1, std::memory_order_relaxed);  // relaxed: a figure, nothing hangs on it
  }
  PinnedLoad(PinnedLoad&&) = default;
  ~PinnedLoad() {
    if (count_ != nullptr) count_->fetch_sub(1, std::memory_order_relaxed);  // relaxed: as above
  }

 private:
  std::shared_ptr<Count> count_;
};

// The future that fn makes at the first poll, which is on the thread where all of it stays from then on. CANCEL SAFE: as that.
template <class F>
class [[nodiscard]] PinnedFuture : public FutureBase<PinnedFuture<F>, OutputOf<F>> {
 public:
  PinnedFuture(PinnedLoad load, F future) : load_(std::move(load)), future_(std::move(future)) {}
  Poll<OutputOf<F>> PollOnce(Context& cx) { return PollChild(future_, cx); }
  void Describe(WaitTrace& trace) const { trace.Child(future_); }

 private:
  PinnedLoad load_;  // goes last
  F future_;
};

}  // namespace internal

// THREADS: any.
class LocalPool {
 public:
  // Errors: no threads (kInvalidArgument), or what the system refused.
  static StatusOr<LocalPool> New(int threads, std::string thread_name = "kioto-local");

  // A task on the thread with the fewest tasks. `fn` returns a future or a value; a throw is the task's.
  template <class Fn>
  auto SpawnPinned(Fn fn, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) const {
    return SpawnOn(LeastLoaded(), std::move(fn), std::move(options), place);
  }
  // On that thread, from 0; there must be one (checked).
  template <class Fn>
  auto SpawnPinnedOn(size_t thread, Fn fn, TaskOptions options = {},
                     base::SourceLocation place = base::SourceLocation::Current()) const {
    return SpawnOn(Place(thread), std::move(fn), std::move(options), place);
  }

  size_t size() const;
  // Tasks of each thread that have not ended.
  std::vector<size_t> Loads() const;

 private:
  struct Threads;
  struct Target {
    Handle handle;
    internal::PinnedLoad load;
  };

  explicit LocalPool(std::shared_ptr<Threads> threads) : threads_(std::move(threads)) {}
  Target LeastLoaded() const;
  Target Place(size_t thread) const;

  template <class Fn>
  static auto SpawnOn(Target target, Fn fn, TaskOptions options, base::SourceLocation place) {
    constexpr bool callable = std::is_invocable_v<Fn&>;
    static_assert(callable,
                  "kioto: a LocalPool takes a function without parameters, which makes the future on the pool's thread");
    if constexpr (callable) {
      using F = decltype(Lazy(std::move(fn)));
      return target.handle.Spawn(internal::PinnedFuture<F>(std::move(target.load), Lazy(std::move(fn))), std::move(options),
                                 place);
    } else {
      return internal::Poison{};
    }
  }

  std::shared_ptr<Threads> threads_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_LOCAL_POOL_H_
