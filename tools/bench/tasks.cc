// Rows of tasks: spawning, joining, yielding.
#include <atomic>
#include <memory>
#include <vector>

#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/sync/oneshot.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

// The end of a batch: the last of `count` tasks to say Done() makes the receiver ready.
struct BatchEnd {
  BatchEnd(size_t count, sync::OneshotSender<Unit> sender) : left(count), sender(std::move(sender)) {}
  void Done() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) (void)sender.Send(Unit{});
  }
  std::atomic<size_t> left;
  sync::OneshotSender<Unit> sender;
};

// Goes on until `left` is used up.
Flow<> Again(size_t& left) { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); }

template <class Fn>
auto Repeat(size_t times, Fn fn) {
  return Loop([left = times, fn = std::move(fn)]() mutable { return fn().Then([&](auto&) { return Again(left); }); });
}

// Runs `batch`, a function that makes a future, `repeats` times from inside the runtime, and reports.
template <class Fn>
void RunBatches(Bench& bench, size_t repeats, size_t ops_each, Fn batch) {
  const auto start = Clock::now();
  Check(bench.runtime.BlockOn(Repeat(repeats, batch)).ok(), "a batch failed");
  bench.Report(repeats * ops_each, Clock::now() - start);
}

// The same from inside a task.
template <class Fn>
void RunBatchesInTask(Bench& bench, size_t repeats, size_t ops_each, Fn batch) {
  const auto start = Clock::now();
  Check(bench.runtime.BlockOn(bench.runtime.Spawn(Repeat(repeats, batch))).ok(), "a batch failed");
  bench.Report(repeats * ops_each, Clock::now() - start);
}

void SpawnJoin(Bench& bench) {
  const size_t tasks = bench.Size(10'000);
  RunBatchesInTask(bench, bench.Times(200), tasks, [tasks] {
    std::vector<JoinHandle<Unit>> handles;
    handles.reserve(tasks);
    for (size_t i = 0; i < tasks; ++i) handles.push_back(Spawn(Ready()));
    return AwaitEach(std::move(handles));
  });
}

void SpawnDetached(Bench& bench) {
  const size_t tasks = bench.Size(10'000);
  RunBatchesInTask(bench, bench.Times(200), tasks, [tasks] {
    auto done = sync::Oneshot<Unit>();
    auto end = std::make_shared<BatchEnd>(tasks, std::move(done.sender));
    for (size_t i = 0; i < tasks; ++i) Spawn(Lazy([end] { end->Done(); })).Detach();
    return std::move(done.receiver);
  });
}

void Yield(Bench& bench) {
  const size_t tasks = bench.Size(200);
  const size_t yields = bench.Times(20'000);
  RunBatches(bench, 1, tasks * yields, [tasks, yields] {
    std::vector<JoinHandle<Unit>> handles;
    for (size_t i = 0; i < tasks; ++i) {
      handles.push_back(Spawn(Repeat(yields, [] { return YieldNow(); })));
    }
    return AwaitEach(std::move(handles));
  });
}

void PingPong(Bench& bench) {
  const size_t tasks = bench.Size(1'000);
  RunBatches(bench, bench.Times(300), tasks, [tasks] {
    auto done = sync::Oneshot<Unit>();
    auto end = std::make_shared<BatchEnd>(tasks, std::move(done.sender));
    for (size_t i = 0; i < tasks; ++i) {
      Spawn(Lazy([end] {
        auto there = sync::Oneshot<Unit>();
        auto back = sync::Oneshot<Unit>();
        Spawn(std::move(there.receiver).Then([sender = std::move(back.sender)](auto&) mutable {
          (void)sender.Send(Unit{});
        })).Detach();
        (void)there.sender.Send(Unit{});
        return std::move(back.receiver).Then([&end](auto&) { end->Done(); });
      })).Detach();
    }
    return std::move(done.receiver);
  });
}

void SpawnChain(sync::OneshotSender<Unit> done, size_t left) {
  if (left == 0) {
    (void)done.Send(Unit{});
    return;
  }
  Spawn(Lazy([done = std::move(done), left]() mutable { SpawnChain(std::move(done), left - 1); })).Detach();
}

void ChainedSpawn(Bench& bench) {
  const size_t tasks = bench.Size(1'000);
  RunBatches(bench, bench.Times(1'000), tasks, [tasks] {
    auto done = sync::Oneshot<Unit>();
    Spawn(Lazy([sender = std::move(done.sender), tasks]() mutable { SpawnChain(std::move(sender), tasks); })).Detach();
    return std::move(done.receiver);
  });
}

// Jobs on the blocking pool, a batch in flight at a time, each of which gives a number.
void SpawnBlockingJobs(Bench& bench) {
  const size_t jobs = bench.Size(1'000);
  RunBatchesInTask(bench, bench.Times(200), jobs, [jobs] {
    std::vector<JoinHandle<size_t>> handles;
    handles.reserve(jobs);
    for (size_t i = 0; i < jobs; ++i) handles.push_back(SpawnBlocking([i] { return i; }));
    return PollFn([handles = std::move(handles), next = size_t{0}](Context& cx) mutable -> Poll<Unit> {
      for (; next < handles.size(); ++next) {
        auto job = handles[next].PollOnce(cx);
        if (job.pending()) return kPending;
        Check(job->ok() && **job == next, "a job");
      }
      return Unit{};
    });
  });
}

// Resident bytes per task that waits for nothing that comes.
void IdleTasks(Bench& bench) {
  const size_t tasks = bench.Size(1'000'000);
  std::vector<JoinHandle<Unit>> handles;
  handles.reserve(tasks);
  const size_t before = ResidentBytes();
  std::atomic<size_t> parked{0};
  (void)bench.runtime.BlockOn([&] {
    for (size_t i = 0; i < tasks; ++i) {
      handles.push_back(Spawn(PollFn([&parked](Context&) -> Poll<Unit> {
        parked.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
        return kPending;
      })));
    }
    return Loop([&] {
      return YieldNow().Then([&](Unit&) -> Flow<> { return parked < tasks ? Flow<>(Continue()) : Flow<>(Break()); });
    });
  });
  std::printf("%s %d %zu %zu bytes_per_task\n", bench.name.c_str(), bench.threads, tasks,
              (ResidentBytes() - before) / tasks);
}

}  // namespace

const Row kTaskRows[] = {
    {"spawn_join", SpawnJoin},
    {"spawn_detached", SpawnDetached},
    {"yield", Yield},
    {"ping_pong", PingPong},
    {"chained_spawn", ChainedSpawn},
    {"spawn_blocking", SpawnBlockingJobs},
    {"idle_tasks", IdleTasks},
    {nullptr, nullptr},
};

}  // namespace kioto::bench
