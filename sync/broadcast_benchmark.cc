// What a value of a broadcast costs. bazel run --config=opt //sync:sync_benchmark -- --benchmark_filter=Broadcast
#include "kioto/sync/broadcast.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"

namespace kioto::sync {
namespace {

// One value to each of `receivers`: a send and so many receives.
template <class T>
void SendToAll(benchmark::State& state, const T& value) {
  Broadcast<T> room(64);
  std::vector<BroadcastReceiver<T>> receivers;
  for (int64_t i = 0; i < state.range(0); ++i) receivers.push_back(room.Subscribe());
  for (auto _ : state) {
    room.Send(value);
    for (auto& receiver : receivers) benchmark::DoNotOptimize(receiver.TryRecv());
  }
}

void BroadcastPlainWords(benchmark::State& state) { SendToAll(state, uint64_t{7}); }
BENCHMARK(BroadcastPlainWords)->Arg(1)->Arg(4)->Arg(64);

void BroadcastSharedPointer(benchmark::State& state) { SendToAll(state, std::make_shared<int>(7)); }
BENCHMARK(BroadcastSharedPointer)->Arg(1)->Arg(4)->Arg(64);

}  // namespace
}  // namespace kioto::sync
