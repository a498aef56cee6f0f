// The memory cache against malloc: the same blocks in the same order.
#include <cstdlib>
#include <vector>

#include "benchmark/benchmark.h"
#include "kioto/runtime/base/memory_cache.h"

namespace kioto::base {
namespace {

constexpr size_t kBytes = 128;

struct Cache {
  static void* Allocate() { return CacheAllocate(kBytes); }
  static void Free(void* block) { CacheFree(block, kBytes); }
};
struct Malloc {
  static void* Allocate() { return std::malloc(kBytes); }
  static void Free(void* block) { std::free(block); }
};

// One block at a time: a task that is spawned and ends at once.
template <class A>
void OneAtATime(benchmark::State& state) {
  for (auto _ : state) {
    void* block = A::Allocate();
    benchmark::DoNotOptimize(block);
    *static_cast<void* volatile*>(block) = block;
    A::Free(block);
  }
}
BENCHMARK_TEMPLATE(OneAtATime, Cache)->ThreadRange(1, 2);
BENCHMARK_TEMPLATE(OneAtATime, Malloc)->ThreadRange(1, 2);

// Many at once, freed in the order they were made: a batch of tasks and their joins.
template <class A>
void Batch(benchmark::State& state) {
  std::vector<void*> blocks(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    for (void*& block : blocks) {
      block = A::Allocate();
      *static_cast<void* volatile*>(block) = block;
    }
    for (void* block : blocks) A::Free(block);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_TEMPLATE(Batch, Cache)->Arg(100)->Arg(10'000)->Arg(100'000)->ThreadRange(1, 2);
BENCHMARK_TEMPLATE(Batch, Malloc)->Arg(100)->Arg(10'000)->Arg(100'000)->ThreadRange(1, 2);

}  // namespace
}  // namespace kioto::base
