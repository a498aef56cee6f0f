// What a task costs on a runtime. bazel run --config=opt //runtime/scheduler:spawn_benchmark
#include <utility>

#include "benchmark/benchmark.h"
#include "kioto/runtime/future/flow.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"

namespace kioto {
namespace {

// Threads: state.range(0); 0 is the current-thread runtime.
Runtime MakeRuntime(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  if (threads == 0) return *Runtime::CurrentThread();
  return *RuntimeBuilder::MultiThread().WorkerThreads(threads).Build();
}

// Awaits step() in a task, once an iteration.
template <class Step>
void RunInTask(benchmark::State& state, Step step) {
  Runtime runtime = MakeRuntime(state);
  if (!state.KeepRunning()) return;
  auto task = Loop([&state, step = std::move(step)] {
    return step().Then([&state](auto&) -> Flow<> { return state.KeepRunning() ? Flow<>(Continue()) : Flow<>(Break()); });
  });
  benchmark::DoNotOptimize(runtime.BlockOn(runtime.Spawn(std::move(task))));
}

void SpawnAndJoin(benchmark::State& state) {
  RunInTask(state, [] { return Spawn(Ready()); });
}
BENCHMARK(SpawnAndJoin)->Arg(0)->Arg(2)->UseRealTime();

void SpawnAndDetach(benchmark::State& state) {
  RunInTask(state, [] {
    Spawn(Ready()).Detach();
    return YieldNow();
  });
}
BENCHMARK(SpawnAndDetach)->Arg(0)->Arg(2)->UseRealTime();

void Yield(benchmark::State& state) {
  RunInTask(state, [] { return YieldNow(); });
}
BENCHMARK(Yield)->Arg(0)->Arg(2)->UseRealTime();

void BlockOnReady(benchmark::State& state) {
  Runtime runtime = MakeRuntime(state);
  for (auto _ : state) benchmark::DoNotOptimize(runtime.BlockOn(Ready()));
}
BENCHMARK(BlockOnReady)->Arg(0)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace kioto
