// What a oneshot costs. bazel run --config=opt //sync:sync_benchmark -- --benchmark_filter=Oneshot
#include "kioto/sync/oneshot.h"

#include "benchmark/benchmark.h"
#include "kioto/runtime/future/testing/bare_poll.h"

namespace kioto::sync {
namespace {

void OneshotMade(benchmark::State& state) {
  for (auto _ : state) {
    auto channel = Oneshot<int>();
    benchmark::DoNotOptimize(channel);
  }
}
BENCHMARK(OneshotMade);

void OneshotSendThenReceive(benchmark::State& state) {
  BarePoll poll;
  for (auto _ : state) {
    auto channel = Oneshot<int>();
    channel.sender.Send(1);
    benchmark::DoNotOptimize(poll(channel.receiver));
  }
}
BENCHMARK(OneshotSendThenReceive);

void OneshotWaitThenSend(benchmark::State& state) {
  BarePoll poll;
  for (auto _ : state) {
    auto channel = Oneshot<int>();
    benchmark::DoNotOptimize(poll(channel.receiver));
    channel.sender.Send(1);
    benchmark::DoNotOptimize(poll(channel.receiver));
  }
}
BENCHMARK(OneshotWaitThenSend);

}  // namespace
}  // namespace kioto::sync
