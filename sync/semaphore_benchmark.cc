// What a permit costs. bazel run --config=opt //sync:sync_benchmark -- --benchmark_filter=Semaphore
#include "kioto/sync/semaphore.h"

#include <utility>

#include "benchmark/benchmark.h"
#include "kioto/runtime/future/testing/bare_poll.h"

namespace kioto::sync {
namespace {

void SemaphoreTryAcquire(benchmark::State& state) {
  Semaphore semaphore(1);
  for (auto _ : state) benchmark::DoNotOptimize(semaphore.TryAcquire());
}
BENCHMARK(SemaphoreTryAcquire);

void SemaphoreAcquire(benchmark::State& state) {
  BarePoll poll;
  Semaphore semaphore(1);
  for (auto _ : state) {
    auto acquire = semaphore.Acquire();
    benchmark::DoNotOptimize(poll(acquire));
  }
}
BENCHMARK(SemaphoreAcquire);

// The second waits until the first has given its permit back.
void SemaphoreHandOver(benchmark::State& state) {
  BarePoll poll;
  Semaphore semaphore(1);
  for (auto _ : state) {
    auto held = semaphore.TryAcquire();
    auto acquire = semaphore.Acquire();
    benchmark::DoNotOptimize(poll(acquire));
    held->Release();
    benchmark::DoNotOptimize(poll(acquire));
  }
}
BENCHMARK(SemaphoreHandOver);

}  // namespace
}  // namespace kioto::sync
