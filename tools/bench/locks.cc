// Rows of locks, and of watch.
#include <cstdint>
#include <vector>

#include "kioto/runtime/future/future.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/rwlock.h"
#include "kioto/sync/watch.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

constexpr uint64_t kTasks = 8;
using Guard = sync::MutexGuard<uint64_t>;

Flow<> UntilNone(uint64_t& left) { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); }

void MutexUncontended(Bench& bench) {
  const uint64_t rounds = bench.Times(5'000'000);
  sync::Mutex<uint64_t> mutex;
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([&] {
              return Loop([&mutex, left = rounds]() mutable {
                return mutex.Lock().Then([&](Guard& guard) {
                  ++*guard;
                  return UntilNone(left);
                });
              });
            })
            .ok(),
        "mutex_uncontended");
  const auto took = Clock::now() - start;
  Check(mutex.Get() == rounds, "the count of a mutex");
  bench.Report(rounds, took);
}

// Eight tasks, each of which does `once(left)` until that breaks.
template <class Once>
void InTasks(Bench& bench, uint64_t rounds, Once once) {
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([&] {
              std::vector<JoinHandle<Unit>> tasks;
              for (uint64_t i = 0; i < kTasks; ++i) {
                tasks.push_back(Spawn(Loop([once, left = rounds]() mutable { return once(left); })));
              }
              return AwaitEach(std::move(tasks));
            })
            .ok(),
        "tasks of a lock");
  bench.Report(kTasks * rounds, Clock::now() - start);
}

void MutexContended(Bench& bench) {
  const uint64_t rounds = bench.Times(200'000);
  sync::Mutex<uint64_t> mutex;
  InTasks(bench, rounds, [&mutex](uint64_t& left) {
    return mutex.Lock().Then([&](Guard& guard) {
      ++*guard;
      return UntilNone(left);
    });
  });
  Check(mutex.Get() == kTasks * rounds, "the count of a mutex");
}

// The guard is held across a yield, so every lock is contended.
void MutexHeld(Bench& bench) {
  const uint64_t rounds = bench.Times(50'000);
  sync::Mutex<uint64_t> mutex;
  InTasks(bench, rounds, [&mutex](uint64_t& left) {
    return mutex.Lock().Then([&](Guard& guard) {
      ++*guard;
      return YieldNow().Then([&] { return UntilNone(left); });
    });
  });
  Check(mutex.Get() == kTasks * rounds, "the count of a mutex");
}

void RwLockRead(Bench& bench) {
  const uint64_t rounds = bench.Times(200'000);
  sync::RwLock<uint64_t> lock(1);
  std::vector<uint64_t> sums(kTasks);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([&] {
              std::vector<JoinHandle<Unit>> tasks;
              for (uint64_t& sum : sums) {
                tasks.push_back(Spawn(Loop([&lock, &sum, left = rounds]() mutable {
                  return lock.Read().Then([&](sync::ReadGuard<uint64_t>& guard) {
                    sum += *guard;
                    return UntilNone(left);
                  });
                })));
              }
              return AwaitEach(std::move(tasks));
            })
            .ok(),
        "rwlock_read");
  const auto took = Clock::now() - start;
  for (uint64_t sum : sums) Check(sum == rounds, "what was read under a lock");
  bench.Report(kTasks * rounds, took);
}

void Watches(Bench& bench) {
  static constexpr uint64_t kValues = 300'000;
  using Receiver = sync::Watch<uint64_t>::Receiver;
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([] {
              sync::Watch<uint64_t> watch(0);
              std::vector<JoinHandle<Unit>> receivers;
              for (int i = 0; i < 4; ++i) {
                receivers.push_back(Spawn(With(watch.Subscribe(), uint64_t{0}, [](Receiver& seen, uint64_t& last) {
                  return Loop([&] {
                    return seen.Changed().Then([&](Status& changed) -> Flow<> {
                      if (!changed.ok()) {
                        Check(last == kValues - 1, "the last value of a watch");
                        return Break();
                      }
                      const uint64_t value = *seen.BorrowAndUpdate();
                      Check(value >= last, "the order of the values of a watch");
                      last = value;
                      return Continue();
                    });
                  });
                })));
              }
              Spawn(PollFn([watch = std::move(watch), value = uint64_t{0}](Context& cx) mutable -> Poll<Unit> {
                while (value < kValues) {
                  Check(watch.Send(value), "a watch");
                  if (value++ % 16 != 0) continue;
                  cx.Yield();
                  return kPending;
                }
                watch.reset();
                return Unit{};
              })).Detach();
              return AwaitEach(std::move(receivers));
            })
            .ok(),
        "watch");
  bench.Report(kValues, Clock::now() - start);
}

}  // namespace

const Row kLockRows[] = {
    {"mutex_uncontended", MutexUncontended}, {"mutex_contended", MutexContended}, {"mutex_held", MutexHeld},
    {"rwlock_read", RwLockRead},             {"watch", Watches},             {nullptr, nullptr},
};

}  // namespace kioto::bench
