// What an item costs in a channel. bazel run --config=opt //sync:sync_benchmark -- --benchmark_filter=Mpsc
#include "kioto/sync/mpsc.h"

#include "benchmark/benchmark.h"
#include "kioto/runtime/future/testing/bare_poll.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto::sync {
namespace {

void MpscSendThenReceive(benchmark::State& state) {
  BarePoll poll;
  auto channel = Mpsc<int64_t>(64);
  for (auto _ : state) {
    auto send = channel.sender.Send(1);
    benchmark::DoNotOptimize(poll(send));
    auto receive = channel.receiver.Recv();
    benchmark::DoNotOptimize(poll(receive));
  }
}
BENCHMARK(MpscSendThenReceive);

void MpscTrySendThenTryReceive(benchmark::State& state) {
  auto channel = Mpsc<int64_t>(64);
  for (auto _ : state) {
    benchmark::DoNotOptimize(channel.sender.TrySend(1));
    benchmark::DoNotOptimize(channel.receiver.TryRecv());
  }
}
BENCHMARK(MpscTrySendThenTryReceive);

// The sender waits for room, the receiver hands it on.
void MpscSendWhenFull(benchmark::State& state) {
  BarePoll sending, receiving;
  auto channel = Mpsc<int64_t>(1);
  benchmark::DoNotOptimize(channel.sender.TrySend(1));
  for (auto _ : state) {
    auto send = channel.sender.Send(1);
    benchmark::DoNotOptimize(sending(send));
    auto receive = channel.receiver.Recv();
    benchmark::DoNotOptimize(receiving(receive));
    benchmark::DoNotOptimize(sending(send));
  }
}
BENCHMARK(MpscSendWhenFull);

void MpscUnboundedSendThenReceive(benchmark::State& state) {
  BarePoll poll;
  auto channel = MpscUnbounded<int64_t>();
  for (auto _ : state) {
    benchmark::DoNotOptimize(channel.sender.Send(1));
    auto receive = channel.receiver.Recv();
    benchmark::DoNotOptimize(poll(receive));
  }
}
BENCHMARK(MpscUnboundedSendThenReceive);

}  // namespace
}  // namespace kioto::sync
