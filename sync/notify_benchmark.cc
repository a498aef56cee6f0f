// What a notification costs. bazel run --config=opt //sync:sync_benchmark -- --benchmark_filter=Notify
#include "kioto/sync/notify.h"

#include <deque>

#include "benchmark/benchmark.h"
#include "kioto/runtime/future/testing/bare_poll.h"

namespace kioto::sync {
namespace {

void NotifyThenWait(benchmark::State& state) {
  BarePoll poll;
  Notify notify;
  for (auto _ : state) {
    notify.NotifyOne();
    auto notified = notify.Notified();
    benchmark::DoNotOptimize(poll(notified));
  }
}
BENCHMARK(NotifyThenWait);

void NotifyWhoWaits(benchmark::State& state) {
  BarePoll poll;
  Notify notify;
  for (auto _ : state) {
    auto notified = notify.Notified();
    benchmark::DoNotOptimize(poll(notified));
    notify.NotifyOne();
    benchmark::DoNotOptimize(poll(notified));
  }
}
BENCHMARK(NotifyWhoWaits);

void NotifyWaitAndDrop(benchmark::State& state) {
  BarePoll poll;
  Notify notify;
  for (auto _ : state) {
    auto notified = notify.Notified();
    benchmark::DoNotOptimize(poll(notified));
  }
}
BENCHMARK(NotifyWaitAndDrop);

void NotifyAllOfMany(benchmark::State& state) {
  BarePoll poll;
  Notify notify;
  for (auto _ : state) {
    std::deque<NotifiedFuture> waiting;
    for (int64_t i = 0; i < state.range(0); ++i) benchmark::DoNotOptimize(poll(waiting.emplace_back(notify.Notified())));
    notify.NotifyAll();
    for (NotifiedFuture& notified : waiting) benchmark::DoNotOptimize(poll(notified));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(NotifyAllOfMany)->Arg(64);

}  // namespace
}  // namespace kioto::sync
