// What the queues of ready tasks cost. bazel run --config=opt //runtime/scheduler:spawn_benchmark -- --benchmark_filter=Queue
#include "kioto/runtime/scheduler/run_queue.h"

#include <cstdint>

#include "benchmark/benchmark.h"
#include "kioto/runtime/scheduler/injector.h"
#include "kioto/runtime/scheduler/testing/plain_task.h"

namespace kioto::internal {
namespace {

// As a worker that runs what it has queued.
void RunQueuePushAndPop(benchmark::State& state) {
  PlainTasks tasks(static_cast<int>(state.range(0)));
  Injector overflow;
  RunQueue queue;
  for (auto _ : state) {
    for (int i = 0; i < tasks.size(); ++i) queue.Push(tasks[i], overflow);
    for (int i = 0; i < tasks.size(); ++i) benchmark::DoNotOptimize(queue.Pop());
  }
  state.SetItemsProcessed(state.iterations() * tasks.size());
}
BENCHMARK(RunQueuePushAndPop)->Arg(1)->Arg(100);

// Half of what another worker has, and the way back.
void RunQueueSteal(benchmark::State& state) {
  PlainTasks tasks(static_cast<int>(state.range(0)));
  Injector overflow;
  RunQueue victim, thief;
  for (auto _ : state) {
    for (int i = 0; i < tasks.size(); ++i) victim.Push(tasks[i], overflow);
    benchmark::DoNotOptimize(thief.StealFrom(victim));
    while (TaskHeader* task = thief.Pop()) benchmark::DoNotOptimize(task);
    while (TaskHeader* task = victim.Pop()) benchmark::DoNotOptimize(task);
  }
}
BENCHMARK(RunQueueSteal)->Arg(2)->Arg(100);

void InjectorQueuePushAndPop(benchmark::State& state) {
  PlainTasks tasks(static_cast<int>(state.range(0)));
  Injector injector;
  for (auto _ : state) {
    for (int i = 0; i < tasks.size(); ++i) injector.Push(tasks[i]);
    benchmark::DoNotOptimize(injector.Pop(static_cast<size_t>(tasks.size())));
  }
  state.SetItemsProcessed(state.iterations() * tasks.size());
}
BENCHMARK(InjectorQueuePushAndPop)->Arg(1)->Arg(100);

}  // namespace
}  // namespace kioto::internal
