// Dumps: what every task waits for, seen from any thread while tasks run, end and are aborted.
#include "kioto/runtime/task/task_dump.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/testing/dumps.h"
#include "kioto/runtime/task/join_queue.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/scope.h"
#include "kioto/runtime/task/spawn_callback.h"
#include "kioto/runtime/trace/span.h"

namespace kioto {
namespace {

using namespace dump_testing;  // NOLINT: the tests' own words

class TaskDumpTest : public testing::TestWithParam<Flavour> {};

// behaviour: kioto/runtime/task/task_dump.h#tree_down_to_the_leaf
TEST_P(TaskDumpTest, ShowsTheTreeDownToTheLeaf) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  Status status = runtime.BlockOn([&] {
    JoinHandle<Unit> leaf = Spawn(Never());
    const uint64_t leaf_id = leaf.id();
    AbortHandle stop = leaf.abort_handle();
    auto waiter = Spawn(Loop([leaf = std::move(leaf)]() mutable {
                          return Select(Case(Never().Named("next request")), Case(ByRef(leaf).Then([] {})),
                                        Case(Never().Named("off")).When(false))
                              .Then([] { return Break(); });
                        }),
                        {"waiter"});
    const uint64_t id = waiter.id();
    return Until([&handle, id] { return Waits(handle, id); })
        .Then([&handle, id, leaf_id, stop = std::move(stop), waiter = std::move(waiter)]() mutable {
          const RuntimeDump dump = handle.Dump();
          const TaskDump* task = Find(dump, id);
          EXPECT_EQ(task->name, "waiter");
          EXPECT_TRUE(absl::EndsWith(task->file, "task_dump_test.cc"));
          EXPECT_EQ(task->state, TaskDump::State::kWaiting);
          EXPECT_EQ(Tree(task), (std::vector<std::string>{"0 Select", "1 \"next request\"", "2 Never",
                                                          absl::StrCat("1 JoinHandle of task ", leaf_id)}));
          EXPECT_TRUE(absl::StrContains(dump.ToString(), "      Never\n")) << dump.ToString();
          stop.Abort();
          return std::move(waiter).Map([](Status s) { return s; });
        });
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(TaskDumpTest, ShowsWhatAScopeAndATaskWithACallbackWaitFor) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  const EnterGuard guard = runtime.Enter();
  auto scoped = Spawn(Scoped([](Scope&) { return Never(); }));
  const AbortHandle called = Spawn(Never(), [](const auto&) {});
  Status status = runtime.BlockOn(Until([&] { return Waits(handle, scoped.id()) && Waits(handle, called.id()); }));
  EXPECT_TRUE(status.ok()) << status;
  const RuntimeDump dump = handle.Dump();
  EXPECT_EQ(Tree(Find(dump, scoped.id())), (std::vector<std::string>{"0 Scoped", "1 Never"}));
  EXPECT_EQ(Tree(Find(dump, called.id())), (std::vector<std::string>{"0 Never"}));
}

TEST_P(TaskDumpTest, ShowsWhatASpanWaitsFor) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  const EnterGuard guard = runtime.Enter();
  auto span = Spawn(Span("upload", Never()));
  Status status = runtime.BlockOn(Until([&] { return Waits(handle, span.id()); }));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Tree(Find(handle.Dump(), span.id())), (std::vector<std::string>{"0 Span upload", "1 Never"}));
}

// What a task that awaits tasks of a `Set` by `call` waits for.
template <class Set, class Call>
std::string WaitOfReader(Runtime& runtime, Call call) {
  const Handle handle = runtime.handle();
  const EnterGuard guard = runtime.Enter();
  auto reader = Spawn(With(Set(), [call](Set& set) {
    set.Spawn(Never());
    return call(set);
  }));
  Status status = runtime.BlockOn(Until([&] { return Waits(handle, reader.id()); }));
  EXPECT_TRUE(status.ok()) << status;
  const std::vector<std::string> tree = Tree(Find(handle.Dump(), reader.id()));
  return tree.size() == 1 ? tree[0] : absl::StrJoin(tree, ", ");
}

TEST_P(TaskDumpTest, ShowsWhatTheReaderOfASetOfTasksWaitsFor) {
  Runtime runtime = MakeRuntime(GetParam());
  EXPECT_EQ(WaitOfReader<JoinSet<Unit>>(runtime, [](auto& set) { return set.JoinNext(); }), "0 JoinNext of a set of tasks");
  EXPECT_EQ(WaitOfReader<JoinSet<Unit>>(runtime, [](auto& set) { return set.JoinNextWithId(); }), "0 JoinNextWithId of a set of tasks");
  EXPECT_EQ(WaitOfReader<JoinQueue<Unit>>(runtime, [](auto& set) { return std::move(set).JoinAll(); }), "0 JoinAll of a set of tasks");
}

// behaviour: kioto/runtime/task/task_dump.h#a_wake_during_a_look_is_kept
TEST_P(TaskDumpTest, AWakeDuringALookIsNotLost) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  watched->on_look = [raw = watched.get()] {
    raw->finish = true;
    raw->waker.Wake();
  };
  StatusOr<int> n = runtime.BlockOn([&] {
    auto task = Spawn(Watched::Wait(watched));
    return Until([&] { return watched->finish || (watched->polls > 0 && (void(handle.Dump()), false)); })
        .Then([task = std::move(task)]() mutable { return std::move(task); });
  });
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 7);
  EXPECT_EQ(watched->polls, 2);  // a look polls nothing
  EXPECT_EQ(watched.use_count(), 1);
}

// behaviour: kioto/runtime/task/task_dump.h#an_abort_during_a_look_is_kept
TEST_P(TaskDumpTest, AnAbortDuringALookIsNotLost) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  std::atomic<bool> aborted{false};
  StatusOr<int> n = runtime.BlockOn([&] {
    auto task = Spawn(Watched::Wait(watched));
    watched->on_look = [&aborted, stop = task.abort_handle()] {
      stop.Abort();
      aborted = true;
    };
    return Until([&] { return aborted || (watched->polls > 0 && (void(handle.Dump()), false)); })
        .Then([task = std::move(task)]() mutable { return std::move(task); });
  });
  EXPECT_TRUE(kioto::IsAborted(n.status())) << n.status();
  EXPECT_EQ(watched->polls, 1);
  EXPECT_EQ(watched.use_count(), 1);
}

// behaviour: kioto/runtime/task/task_dump.h#polls_and_age_are_kept_when_asked
TEST_P(TaskDumpTest, PollsAndAgeAreKeptWhenAsked) {
  for (bool details : {false, true}) {
    Runtime runtime = MakeRuntime(GetParam(), details);
    const Handle handle = runtime.handle();
    auto watched = std::make_shared<Watched>();
    (void)runtime.BlockOn([&] {
      auto plain = Spawn(Watched::Wait(watched));
      auto named = Spawn(Never(), {"named"});
      const uint64_t ids[] = {plain.id(), named.id()};
      return Until([&handle, a = ids[0], b = ids[1]] { return Waits(handle, a) && Waits(handle, b); })
          .Then([&handle, details, a = ids[0], b = ids[1], plain = std::move(plain), named = std::move(named)] {
            const RuntimeDump dump = handle.Dump();
            EXPECT_EQ(Find(dump, a)->polls, details ? std::optional<uint64_t>(1) : std::nullopt);
            EXPECT_EQ(Find(dump, a)->age.has_value(), details);
            EXPECT_EQ(Find(dump, b)->polls, std::optional<uint64_t>(1));
            EXPECT_GE(*Find(dump, b)->age, std::chrono::nanoseconds(0));
          });
    });
    (void)runtime.Shutdown();
    EXPECT_EQ(watched.use_count(), 1);
  }
}

// behaviour: kioto/runtime/task/task_dump.h#limits_are_kept_and_said
TEST_P(TaskDumpTest, LimitsAreKeptAndSaid) {
  Runtime runtime = MakeRuntime(GetParam());
  std::vector<JoinHandle<Unit>> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(runtime.Spawn(Never()));
  DumpOptions options;
  EXPECT_EQ(runtime.Dump(options).tasks.size(), 1000u);
  options.at_most = 300;
  const RuntimeDump dump = runtime.Dump(options);
  EXPECT_EQ(dump.tasks.size(), 300u);
  EXPECT_EQ(dump.left_out, 700u);
  EXPECT_TRUE(absl::EndsWith(dump.ToString(), "… and 700 more\n"));
  for (auto& task : tasks) task.Abort();
  WaitTrace trace(1);
  trace.Leaf("one");
  trace.Leaf("two");
  const std::vector<WaitNode> nodes = trace.Take();
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[1].what, "… and 1 more");
}

// Tasks come, wake each other, end and are aborted while several threads dump.
// check: K2
TEST_P(TaskDumpTest, UnderLoadFromManyThreads) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> seen{0};
  std::vector<std::thread> dumpers;
  for (int i = 0; i < 2; ++i) {
    dumpers.emplace_back([&] {
      while (!stop) {
        const RuntimeDump dump = handle.Dump();
        for (const TaskDump& task : dump.tasks) seen += task.waits.size();
      }
    });
  }
  constexpr int kRounds = 200;
  Status status = runtime.BlockOn([&] {
    return Loop([&, round = 0]() mutable {
      return Lazy([&] {
               std::vector<JoinHandle<Unit>> tasks;
               for (int i = 0; i < 50; ++i) {
                 auto inner = Spawn(YieldNow().Then([] { return YieldNow(); }));
                 tasks.push_back(Spawn(std::move(inner).Then([](Status&) { return YieldNow(); })));
                 if (i % 5 == 0) {
                   auto parked = Spawn(Select(Case(Never()), Case(Never().Named("parked"))));
                   parked.Abort();
                 }
               }
               return JoinAll(std::move(tasks));
             })
          .Then([&](auto& results) {
            for (auto& result : results) EXPECT_TRUE(result.ok());
            return ++round < kRounds ? Flow<>(Continue()) : Flow<>(Break());
          });
    });
  });
  EXPECT_TRUE(status.ok()) << status;
  // At last something that waits for sure.
  auto parked = runtime.Spawn(Never());
  if (GetParam() != Flavour::kCurrentThread) {
    while (!Waits(handle, parked.id())) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& dumper : dumpers) dumper.join();
  if (GetParam() != Flavour::kCurrentThread) {
    EXPECT_EQ(handle.Dump().tasks.size(), 1u);
  }
}

// behaviour: kioto/runtime/task/task_dump.h#while_the_runtime_ends
TEST_P(TaskDumpTest, WhileTheRuntimeEnds) {
  for (int round = 0; round < 20; ++round) {
    Runtime runtime = MakeRuntime(GetParam());
    const Handle handle = runtime.handle();
    auto alive = std::make_shared<int>(0);
    for (int i = 0; i < 200; ++i) runtime.Spawn(OnDrop(Never(), [alive] {})).Detach();
    std::atomic<bool> stop{false};
    std::thread dumper([&] {
      while (!stop) (void)handle.Dump();
    });
    EXPECT_TRUE(runtime.Shutdown().clean());
    stop = true;
    dumper.join();
    EXPECT_EQ(handle.Dump().tasks.size(), 0u);
    EXPECT_EQ(alive.use_count(), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Flavours, TaskDumpTest, testing::ValuesIn(kFlavours));

// behaviour: kioto/runtime/task/task_dump.h#a_stuck_worker_delays_nothing
TEST(TaskDumpOfWorkers, AStuckWorkerDelaysNothing) {
  Runtime runtime = MakeRuntime(Flavour::kManyWorkers);
  base::Parker go_on;
  std::atomic<bool> inside{false};
  auto stuck = runtime.Spawn(Lazy([&] {
                               inside = true;
                               go_on.Park();
                             }),
                             {"stuck"});
  auto waits = runtime.Spawn(Never());
  while (!inside || !Waits(runtime.handle(), waits.id())) std::this_thread::yield();
  // The monitor finds it in time.
  for (;;) {
    const RuntimeDump dump = runtime.Dump();
    const TaskDump* task = Find(dump, stuck.id());
    ASSERT_NE(task, nullptr);
    EXPECT_EQ(task->state, TaskDump::State::kRunning);
    EXPECT_GE(task->worker, 0);
    EXPECT_TRUE(task->waits.empty());
    if (task->running_for.has_value()) {
      EXPECT_TRUE(absl::StrContains(task->ToString(), absl::StrCat("running on worker ", task->worker, " for "))) << task->ToString();
      break;
    }
    std::this_thread::yield();
  }
  go_on.Unpark();
}

// behaviour: kioto/runtime/task/task_dump.h#tasks_bound_to_a_thread
TEST(TaskDumpOfBoundTasks, FromAnotherThread) {
  Runtime runtime = MakeRuntime(Flavour::kCurrentThread);
  const Handle handle = runtime.handle();
  std::atomic<bool> found{false};
  std::thread dumper;
  auto watched = std::make_shared<Watched>();
  const std::thread::id own = std::this_thread::get_id();
  StatusOr<int> n = runtime.BlockOn([&] {
    auto task = SpawnLocal(Watched::Wait(watched).Map([own](int n) {
      EXPECT_EQ(std::this_thread::get_id(), own);
      return n;
    }));
    const uint64_t id = task.id();
    dumper = std::thread([&, id] {
      for (;;) {
        const RuntimeDump dump = handle.Dump();
        const TaskDump* one = Find(dump, id);
        if (one->state != TaskDump::State::kWaiting) continue;
        EXPECT_TRUE(one->local);
        EXPECT_EQ(Tree(one), (std::vector<std::string>{"0 Watched"}));
        break;
      }
      found = true;
    });
    return Until([&] { return found.load(); }).Then([&watched, task = std::move(task)]() mutable {
      watched->finish = true;
      watched->waker.Wake();
      return std::move(task);
    });
  });
  dumper.join();
  EXPECT_EQ(*n, 7);
}

}  // namespace
}  // namespace kioto
