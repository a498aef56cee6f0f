// What wakers cost. bazel run --config=opt //runtime/future:future_benchmark -- --benchmark_filter=Waker
#include "kioto/runtime/future/waker.h"

#include "benchmark/benchmark.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/waker_slot.h"

namespace kioto {
namespace {

void WakerCopy(benchmark::State& state) {
  CountingWaker task;
  for (auto _ : state) {
    Waker copy = task.waker();
    benchmark::DoNotOptimize(copy);
  }
}
BENCHMARK(WakerCopy)->ThreadRange(1, 2);

void WakerWake(benchmark::State& state) {
  CountingWaker task;
  for (auto _ : state) task.waker().Wake();
}
BENCHMARK(WakerWake);

// The waker that is there already: what a future pays that is polled again by the same task.
void WakerSlotRegisterAgain(benchmark::State& state) {
  CountingWaker task;
  WakerSlot slot;
  for (auto _ : state) slot.Register(task.waker());
}
BENCHMARK(WakerSlotRegisterAgain);

void WakerSlotRegisterAnother(benchmark::State& state) {
  CountingWaker one, other;
  WakerSlot slot;
  for (auto _ : state) {
    slot.Register(one.waker());
    slot.Register(other.waker());
  }
}
BENCHMARK(WakerSlotRegisterAnother);

void WakerSlotRegisterAndWake(benchmark::State& state) {
  CountingWaker task;
  WakerSlot slot;
  for (auto _ : state) {
    slot.Register(task.waker());
    slot.Wake();
  }
}
BENCHMARK(WakerSlotRegisterAndWake);

}  // namespace
}  // namespace kioto
