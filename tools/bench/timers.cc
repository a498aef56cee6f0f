// Rows of timers.
#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/with.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

using namespace std::chrono_literals;

// Time-outs round a yield, armed and dropped before they fire.
auto Churn(size_t times) {
  return Loop([left = times]() mutable {
    return Timeout(30s, YieldNow()).AndThen([&]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); });
  });
}

void TimerChurn(Bench& bench) {
  const size_t times = bench.Times(2'000'000);
  const auto start = Clock::now();
  Check(bench.runtime.BlockOn(bench.runtime.Spawn(Churn(times))).ok(), "a time-out");
  bench.Report(times, Clock::now() - start);
}

// The same, while --size other timers wait on the same wheel: for a day, so that none is due meanwhile, however slowly a program
// runs whose instructions are counted. For the curves.
void TimerChurnAmong(Bench& bench) {
  const size_t times = bench.Times(2'000'000);
  std::unique_ptr<std::vector<time::SleepFuture>> others = std::make_unique<std::vector<time::SleepFuture>>();
  others->reserve(bench.Size(1'000));
  for (size_t i = 0; i < bench.Size(1'000); ++i) others->push_back(Sleep(24h + std::chrono::milliseconds(i % 100'000)));
  Clock::time_point start, end;
  Check(bench.runtime
            .BlockOn(bench.runtime.Spawn(With(std::move(others), [&](auto& others) {
              return PollFn([&others](Context& cx) -> Poll<Unit> {
                       for (time::SleepFuture& other : *others) Check(other.PollOnce(cx).pending(), "a sleep");
                       return Unit{};
                     })
                  .Then([&](Unit&) {
                    start = Clock::now();
                    return Churn(times).Inspect([&](auto&) { end = Clock::now(); });
                  });
            })))
            .ok(),
        "a time-out");
  bench.Report(times, end - start);
}

// Sleeps of 1 to 100 ms, all at once.
void TimerFire(Bench& bench) {
  const size_t tasks = bench.Size(200'000);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([tasks] {
              std::vector<JoinHandle<Unit>> handles;
              handles.reserve(tasks);
              for (size_t i = 0; i < tasks; ++i) handles.push_back(Spawn(Sleep(std::chrono::milliseconds(1 + i % 100))));
              return AwaitEach(std::move(handles));
            })
            .ok(),
        "timer_fire");
  const auto took = Clock::now() - start;
  Check(took >= std::chrono::milliseconds(tasks < 100 ? tasks : 100), "a sleep that was too short");
  bench.Report(tasks, took);
}

// Resident bytes per task that sleeps.
void IdleSleeps(Bench& bench) {
  const size_t tasks = bench.Size(1'000'000);
  std::vector<JoinHandle<Unit>> handles;
  handles.reserve(tasks);
  const size_t before = ResidentBytes();
  Check(bench.runtime
            .BlockOn([&] {
              for (size_t i = 0; i < tasks; ++i) handles.push_back(Spawn(Sleep(3600s)));
              return Sleep(500ms);
            })
            .ok(),
        "idle_sleeps");
  std::printf("%s %d %zu %zu bytes_per_task\n", bench.name.c_str(), bench.threads, tasks,
              (ResidentBytes() - before) / tasks);
  for (JoinHandle<Unit>& handle : handles) Check(!handle.finished(), "a sleep that was too short");
}

}  // namespace

const Row kTimerRows[] = {
    {"timer_churn", TimerChurn}, {"timer_churn_among", TimerChurnAmong}, {"timer_fire", TimerFire},
    {"idle_sleeps", IdleSleeps}, {nullptr, nullptr},
};

}  // namespace kioto::bench
