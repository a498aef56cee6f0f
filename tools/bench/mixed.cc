// Rows that no peer has: for the exact bars, which with them and ping_pong hold the loads of A11 (tests/stress/README.md).
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/with.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/watch.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

// Goes on until `left` is used up.
Flow<> Again(size_t& left) { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); }

// One task tells all the others, and goes on when the last of them has heard of it.
void FanOut(Bench& bench) {
  const size_t tasks = bench.Size(1'000), rounds = bench.Times(1'000);
  std::atomic<size_t> to_hear{0};
  sync::Notify all_heard;
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([&] {
              sync::Watch<size_t> watch(0);
              std::vector<JoinHandle<Unit>> handles;
              for (size_t i = 0; i < tasks; ++i) {
                handles.push_back(Spawn(With(watch.Subscribe(), [&](sync::WatchReceiver<size_t>& seen) {
                  return Loop([&] {
                    return seen.Changed().Then([&](Status& changed) -> Flow<> {
                      if (!changed.ok()) return Break();
                      // acq_rel: the last one comes behind the release of each other one.
                      if (to_hear.fetch_sub(1, std::memory_order_acq_rel) == 1) all_heard.NotifyOne();
                      return Continue();
                    });
                  });
                })));
              }
              handles.push_back(Spawn(With(std::move(watch), size_t{rounds}, [&](sync::Watch<size_t>& out, size_t& left) {
                return Loop([&] {
                  to_hear.store(tasks, std::memory_order_relaxed);  // relaxed: the watch tells it
                  Check(out.Send(left), "a watch");
                  return all_heard.Notified().Then([&](Unit&) { return Again(left); });
                });
              })));
              return AwaitEach(std::move(handles));
            })
            .ok(),
        "fan_out");
  Check(to_hear == 0, "the number of those who were told");
  bench.Report(tasks * rounds, Clock::now() - start);
}

// From the thread that runs them, a batch at a time. For the current-thread runtime.
void SpawnLocalTasks(Bench& bench) {
  const size_t tasks = bench.Size(10'000), batches = bench.Times(200);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn(Loop([tasks, left = batches]() mutable {
              std::vector<JoinHandle<Unit>> handles;
              handles.reserve(tasks);
              for (size_t i = 0; i < tasks; ++i) handles.push_back(SpawnLocal(Ready()));
              return AwaitEach(std::move(handles)).Then([&](Unit&) { return Again(left); });
            }))
            .ok(),
        "spawn_local");
  bench.Report(tasks * batches, Clock::now() - start);
}

// From a thread that is none of the runtime's.
void SpawnRemote(Bench& bench) {
  const size_t tasks = bench.Size(10'000), batches = bench.Times(200);
  const auto start = Clock::now();
  for (size_t batch = 0; batch < batches; ++batch) {
    std::vector<JoinHandle<Unit>> handles;
    handles.reserve(tasks);
    for (size_t i = 0; i < tasks; ++i) handles.push_back(bench.runtime.Spawn(Ready()));
    Check(bench.runtime.BlockOn(AwaitEach(std::move(handles))).ok(), "spawn_remote");
  }
  bench.Report(tasks * batches, Clock::now() - start);
}

// What a task computes: some hundred instructions.
uint64_t Computed(uint64_t value) {
  for (int i = 0; i < 64; ++i) {
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
  }
  return value;
}

// Threes of tasks that compute: the first yields between, the second sends its results to the third, which has the same ones.
void CpuMixed(Bench& bench) {
  const size_t threes = bench.Size(100), turns = bench.Times(2'000);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([&] {
              std::vector<JoinHandle<Unit>> handles;
              for (size_t i = 1; i <= threes; ++i) {
                auto channel = sync::Mpsc<uint64_t>(1);
                handles.push_back(Spawn(Loop([value = uint64_t{i}, left = turns]() mutable {
                  value = Computed(value);
                  return YieldNow().Then([&](Unit&) { return Again(left); });
                })));
                Spawn(With(std::move(channel.sender), uint64_t{i}, size_t{turns},
                           [](sync::MpscSender<uint64_t>& out, uint64_t& value, size_t& left) {
                             return Loop([&] {
                               value = Computed(value);
                               return out.Send(value).AndThen([&] { return Again(left); });
                             });
                           }))
                    .Detach();
                handles.push_back(Spawn(With(std::move(channel.receiver), uint64_t{i}, size_t{turns},
                                             [](sync::MpscReceiver<uint64_t>& in, uint64_t& value, size_t& left) {
                                               return Loop([&] {
                                                 return in.Recv().Then([&](std::optional<uint64_t>& item) {
                                                   value = Computed(value);
                                                   Check(item == value, "what was computed");
                                                   return Again(left);
                                                 });
                                               });
                                             })));
              }
              return AwaitEach(std::move(handles));
            })
            .ok(),
        "cpu_mixed");
  bench.Report(threes * turns, Clock::now() - start);
}

}  // namespace

const Row kMixedRows[] = {
    {"fan_out", FanOut}, {"spawn_local", SpawnLocalTasks}, {"spawn_remote", SpawnRemote}, {"cpu_mixed", CpuMixed}, {nullptr, nullptr},
};

}  // namespace kioto::bench
