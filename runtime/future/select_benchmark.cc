// What Select and Join cost beside their branches. bazel run --config=opt //runtime/future:future_benchmark
#include "kioto/runtime/future/select.h"

#include "benchmark/benchmark.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/join_all.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/bare_poll.h"

namespace kioto {
namespace {

struct Waits {
  using Output = Unit;
  Poll<Unit> PollOnce(Context&) { return kPending; }
};

void SelectOfTwo(benchmark::State& state) {
  BarePoll poll;
  for (auto _ : state) {
    auto select = Select(Case(Ready(1), [](int& n) { return n; }), Case(Waits(), [](Unit&) { return 0; }));
    benchmark::DoNotOptimize(poll(select));
  }
}
BENCHMARK(SelectOfTwo);

void SelectOfEight(benchmark::State& state) {
  BarePoll poll;
  const auto none = [](Unit&) { return 0; };
  for (auto _ : state) {
    auto select = Select(Case(Waits(), none), Case(Waits(), none), Case(Waits(), none), Case(Waits(), none),
                         Case(Waits(), none), Case(Waits(), none), Case(Waits(), none),
                         Case(Ready(1), [](int& n) { return n; }));
    benchmark::DoNotOptimize(poll(select));
  }
}
BENCHMARK(SelectOfEight);

void SelectBiasedOfTwo(benchmark::State& state) {
  BarePoll poll;
  for (auto _ : state) {
    auto select = SelectBiased(Case(Waits(), [](Unit&) { return 0; }), Case(Ready(1), [](int& n) { return n; }));
    benchmark::DoNotOptimize(poll(select));
  }
}
BENCHMARK(SelectBiasedOfTwo);

// A poll that finds nothing: what a loop round a Select pays for each of its wakes.
void SelectThatWaits(benchmark::State& state) {
  BarePoll poll;
  auto select = Select(Case(Waits(), [](Unit&) { return 0; }), Case(Waits(), [](Unit&) { return 0; }));
  for (auto _ : state) benchmark::DoNotOptimize(poll(select));
}
BENCHMARK(SelectThatWaits);

void JoinOfTwo(benchmark::State& state) {
  BarePoll poll;
  for (auto _ : state) {
    auto join = Join(Ready(1), Ready(2));
    benchmark::DoNotOptimize(poll(join));
  }
}
BENCHMARK(JoinOfTwo);

void JoinAllOfMany(benchmark::State& state) {
  BarePoll poll;
  for (auto _ : state) {
    std::vector<decltype(Ready(1))> children;
    children.reserve(static_cast<size_t>(state.range(0)));
    for (int64_t i = 0; i < state.range(0); ++i) children.push_back(Ready(1));
    auto join = JoinAll(std::move(children));
    benchmark::DoNotOptimize(poll(join));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(JoinAllOfMany)->Arg(64);

}  // namespace
}  // namespace kioto
