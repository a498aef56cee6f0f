// Dumps: what every task and every BlockOn waits for, seen from any thread while tasks run, end and are aborted.
#include "kioto/runtime/task/task_dump.h"

#include <atomic>
#include <functional>
#include <memory>
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
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/in_runtime.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/join_queue.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/scope.h"
#include "kioto/runtime/task/spawn_callback.h"
#include "kioto/runtime/trace/span.h"

namespace kioto {
namespace {

enum class Flavour { kCurrentThread, kOneWorker, kManyWorkers };

Runtime MakeRuntime(Flavour flavour, bool details = false) {
  RuntimeBuilder builder =
      flavour == Flavour::kCurrentThread ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
  if (flavour != Flavour::kCurrentThread) builder.WorkerThreads(flavour == Flavour::kOneWorker ? 1 : 4);
  if (details) builder.TaskDetails();
  StatusOr<Runtime> runtime = builder.Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// Lets other tasks run until `done()`.
template <class Done>
auto Until(Done done) {
  return Loop([done] {
    return If(done(), [] { return Break(); }, [] { return YieldNow().Then([] { return Continue(); }); });
  });
}

const TaskDump* Find(const RuntimeDump& dump, uint64_t id) {
  for (const TaskDump& task : dump.tasks) {
    if (task.id == id) return &task;
  }
  return nullptr;
}

// A tree, "depth what" for each line.
std::vector<std::string> Tree(const std::vector<WaitNode>& waits) {
  std::vector<std::string> lines;
  for (const WaitNode& node : waits) lines.push_back(absl::StrCat(node.depth, " ", node.what));
  return lines;
}
std::vector<std::string> Tree(const TaskDump* task) { return Tree(task->waits); }

bool Waits(const Handle& runtime, uint64_t id) {
  const RuntimeDump dump = runtime.Dump();
  const TaskDump* task = Find(dump, id);
  return task != nullptr && task->state == TaskDump::State::kWaiting;
}

// A dump of a runtime when so many futures are under way in BlockOn, and all of them wait.
RuntimeDump WhenBlockOnsWait(const Handle& runtime, size_t many = 1) {
  for (;;) {
    RuntimeDump dump = runtime.Dump();
    size_t waiting = 0;
    for (const BlockOnDump& block_on : dump.block_ons) waiting += block_on.state == TaskDump::State::kWaiting;
    if (waiting == many && dump.block_ons.size() == many) return dump;
    std::this_thread::yield();
  }
}

// Waits for a Finish(), and does something of the test's when it is looked at.
class Watched {
 public:
  std::function<void()> on_look;
  WakerSlot waker;
  std::atomic<bool> finish{false};
  std::atomic<int> polls{0};

  // After its first poll.
  void Finish() {
    finish = true;
    waker.Wake();
  }

  class Wait : public FutureBase<Wait, int> {
   public:
    explicit Wait(std::shared_ptr<Watched> watched) : watched_(std::move(watched)) {}
    Poll<int> PollOnce(Context& cx) {
      ++watched_->polls;
      watched_->waker.Register(cx.waker());
      if (watched_->finish) return 7;
      return kPending;
    }
    void Describe(WaitTrace& trace) const {
      trace.Leaf("Watched");
      if (watched_->on_look) std::exchange(watched_->on_look, nullptr)();
    }

   private:
    std::shared_ptr<Watched> watched_;
  };
};

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

// behaviour: kioto/runtime/task/task_dump.h#tasks_of_local_sets
TEST_P(TaskDumpTest, ShowsTheTasksOfALocalSetThatItDroveLast) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  LocalSet set;
  auto kept = set.SpawnLocal(Never().Named("kept"));
  EXPECT_EQ(handle.Dump().tasks.size(), 0u);  // nobody has driven it yet
  EXPECT_EQ(set.BlockOn(runtime, [&] { return Until([&] { return Waits(handle, kept.id()); }); }), OkStatus());

  auto own = runtime.Spawn(Never());
  const RuntimeDump dump = handle.Dump();  // it may be driven again
  ASSERT_EQ(dump.tasks.size(), 2u);
  EXPECT_LT(dump.tasks[0].id, dump.tasks[1].id);
  ASSERT_NE(Find(dump, own.id()), nullptr);
  const TaskDump* task = Find(dump, kept.id());
  ASSERT_NE(task, nullptr);
  EXPECT_TRUE(task->local);
  EXPECT_EQ(Tree(task), (std::vector<std::string>{"0 \"kept\"", "1 Never"}));
  const RuntimeDump of_set = set.Dump();
  ASSERT_EQ(of_set.tasks.size(), 1u);
  EXPECT_EQ(of_set.tasks[0].id, kept.id());

  Runtime other = MakeRuntime(GetParam());
  EXPECT_EQ(other.Dump().tasks.size(), 0u);
  EXPECT_EQ(set.BlockOn(other, YieldNow()), OkStatus());
  EXPECT_NE(Find(other.Dump(), kept.id()), nullptr);
  EXPECT_EQ(Find(handle.Dump(), kept.id()), nullptr);
}

// behaviour: kioto/runtime/task/task_dump.h#tasks_of_local_sets
TEST_P(TaskDumpTest, ATaskOfALocalSetIsSeenRunning) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  LocalSet set;
  RuntimeDump dump;
  auto running = set.SpawnLocal(Lazy([&] { std::thread([&] { dump = handle.Dump(); }).join(); }));
  const uint64_t id = running.id();
  EXPECT_EQ(set.BlockOn(runtime, std::move(running)), OkStatus());
  const TaskDump* task = Find(dump, id);
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(task->state, TaskDump::State::kRunning);
}

TEST_P(TaskDumpTest, TheLimitIsOfTheTasksOfLocalSetsToo) {
  Runtime runtime = MakeRuntime(GetParam());
  LocalSet set;
  std::vector<JoinHandle<Unit>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(set.SpawnLocal(Never()));
  for (int i = 0; i < 3; ++i) tasks.push_back(runtime.Spawn(Never()));
  EXPECT_EQ(set.BlockOn(runtime, YieldNow()), OkStatus());
  DumpOptions options;
  for (size_t at_most : {2, 3, 4}) {
    options.at_most = at_most;
    const RuntimeDump dump = runtime.Dump(options);
    EXPECT_EQ(dump.tasks.size(), at_most);
    EXPECT_EQ(dump.left_out, 6 - at_most);
  }
}

// Sets begin, are driven and end while another thread dumps, which finds each of them at any point of its life.
TEST_P(TaskDumpTest, WhileLocalSetsComeAndGo) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  std::atomic<bool> stop{false};
  std::thread dumper([&] {
    while (!stop) (void)handle.Dump();
  });
  auto alive = std::make_shared<int>(0);
  for (int round = 0; round < 300; ++round) {
    LocalSet set;
    for (int i = 0; i < 20; ++i) set.SpawnLocal(OnDrop(Never(), [alive] {})).Detach();
    JoinHandle<Unit> yields = set.SpawnLocal(YieldNow());
    EXPECT_EQ(set.BlockOn(runtime, std::move(yields)), OkStatus());
  }
  EXPECT_EQ(alive.use_count(), 1);
  stop = true;
  dumper.join();
}

// behaviour: kioto/runtime/task/task_dump.h#the_future_of_a_block_on
TEST_P(TaskDumpTest, ShowsWhatABlockOnWaitsFor) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  RuntimeDump dump;
  std::thread dumper([&] {
    dump = WhenBlockOnsWait(handle);
    watched->Finish();
  });
  auto future = Select(Case(Never<int>().Named("my accept loop")), Case(Watched::Wait(watched)));
  const int line = __LINE__ + 1;
  EXPECT_TRUE(runtime.BlockOn(std::move(future)).ok());
  dumper.join();
  ASSERT_EQ(dump.block_ons.size(), 1u);
  EXPECT_TRUE(absl::EndsWith(dump.block_ons[0].file, "task_dump_test.cc"));
  EXPECT_EQ(dump.block_ons[0].line, line);
  EXPECT_EQ(Tree(dump.block_ons[0].waits),
            (std::vector<std::string>{"0 Select", "1 \"my accept loop\"", "2 Never", "1 Watched"}));
  EXPECT_EQ(dump.ToString(), absl::StrCat("the future of a BlockOn at ", dump.block_ons[0].file, ":", line,
                                          ": waiting\n  Select\n    \"my accept loop\"\n      Never\n    Watched\n0 tasks\n"));
  EXPECT_TRUE(handle.Dump().block_ons.empty());
  EXPECT_EQ(watched.use_count(), 1);
}

// The thread that drives a current-thread runtime is in the BlockOn that it looks at.
TEST_P(TaskDumpTest, ShowsTheBlockOnToATaskInsideOfIt) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  RuntimeDump dump;
  uint64_t id = 0;
  Status status = runtime.BlockOn([&] {
    auto task = Spawn(Until([&] {
      dump = handle.Dump();
      return dump.block_ons.size() == 1 && dump.block_ons[0].state == TaskDump::State::kWaiting;
    }));
    id = task.id();
    return task;
  });
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_EQ(dump.block_ons.size(), 1u);
  EXPECT_EQ(Tree(dump.block_ons[0].waits), (std::vector<std::string>{absl::StrCat("0 JoinHandle of task ", id)}));
}

TEST_P(TaskDumpTest, ABlockOnInsideItsPollIsRunning) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  StatusOr<RuntimeDump> dump = runtime.BlockOn(Lazy([&] { return handle.Dump(); }));
  ASSERT_TRUE(dump.ok()) << dump.status();
  ASSERT_EQ(dump->block_ons.size(), 1u);
  EXPECT_EQ(dump->block_ons[0].state, TaskDump::State::kRunning);
  EXPECT_TRUE(dump->block_ons[0].waits.empty());
  EXPECT_TRUE(absl::StrContains(dump->ToString(), ": running\n0 tasks\n")) << dump->ToString();
}

// Of a current-thread runtime one thread drives, and the others wait for their turn.
TEST_P(TaskDumpTest, ShowsEachOfSeveralBlockOns) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto first = std::make_shared<Watched>();
  auto second = std::make_shared<Watched>();
  std::thread one([&] { EXPECT_TRUE(handle.BlockOn(Watched::Wait(first).Named("first")).ok()); });
  (void)WhenBlockOnsWait(handle);
  std::thread other([&] { EXPECT_TRUE(handle.BlockOn(Watched::Wait(second).Named("second")).ok()); });
  const RuntimeDump both = WhenBlockOnsWait(handle, 2);
  EXPECT_EQ(Tree(both.block_ons[0].waits), (std::vector<std::string>{"0 \"first\"", "1 Watched"}));
  EXPECT_EQ(Tree(both.block_ons[1].waits), (std::vector<std::string>{"0 \"second\"", "1 Watched"}));
  first->Finish();
  one.join();
  const RuntimeDump left = WhenBlockOnsWait(handle);
  EXPECT_EQ(Tree(left.block_ons[0].waits), (std::vector<std::string>{"0 \"second\"", "1 Watched"}));
  second->Finish();
  other.join();
}

TEST_P(TaskDumpTest, ShowsTheFutureThatDrivesALocalSet) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  LocalSet set;
  auto kept = set.SpawnLocal(Never());
  RuntimeDump dump;
  std::thread dumper([&] {
    dump = WhenBlockOnsWait(handle);
    watched->Finish();
  });
  const int line = __LINE__ + 1;
  EXPECT_TRUE(set.BlockOn(runtime, Watched::Wait(watched)).ok());
  dumper.join();
  ASSERT_EQ(dump.block_ons.size(), 1u);
  EXPECT_EQ(dump.block_ons[0].line, line);
  EXPECT_EQ(Tree(dump.block_ons[0].waits), (std::vector<std::string>{"0 Watched"}));
  EXPECT_NE(Find(dump, kept.id()), nullptr);
  EXPECT_TRUE(set.Dump().block_ons.empty());
}

// It is listed by the runtime whose BlockOn it is.
TEST_P(TaskDumpTest, ShowsAFutureThatIsInAnotherRuntime) {
  Runtime runtime = MakeRuntime(GetParam());
  Runtime other = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  RuntimeDump dump;
  RuntimeDump of_other;
  std::thread dumper([&] {
    dump = WhenBlockOnsWait(handle);
    of_other = other.Dump();
    watched->Finish();
  });
  EXPECT_TRUE(runtime.BlockOn(InRuntime(other.handle(), Watched::Wait(watched))).ok());
  dumper.join();
  ASSERT_EQ(dump.block_ons.size(), 1u);
  EXPECT_EQ(Tree(dump.block_ons[0].waits), (std::vector<std::string>{"0 Watched"}));
  EXPECT_TRUE(of_other.block_ons.empty());
}

TEST_P(TaskDumpTest, AWakeDuringALookAtABlockOnIsNotLost) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  watched->on_look = [raw = watched.get()] { raw->Finish(); };
  std::thread dumper([&] { (void)WhenBlockOnsWait(handle); });
  StatusOr<int> n = runtime.BlockOn(Watched::Wait(watched));
  dumper.join();
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 7);
  EXPECT_EQ(watched->polls, 2);
  EXPECT_EQ(watched.use_count(), 1);
}

// behaviour: kioto/runtime/task/task_dump.h#a_block_on_ends_after_the_look
TEST_P(TaskDumpTest, ABlockOnThatEndsAwaitsTheLook) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  std::atomic<bool> looked{false};
  watched->on_look = [&] {
    runtime.ShutdownBackground();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // it would have ended by now
    looked = true;
  };
  std::thread dumper([&] { (void)WhenBlockOnsWait(handle); });
  StatusOr<int> n = runtime.BlockOn(Watched::Wait(watched));
  EXPECT_TRUE(looked);
  EXPECT_TRUE(IsShutdown(n.status())) << n.status();
  dumper.join();
  EXPECT_EQ(watched.use_count(), 1);
}

// BlockOn calls begin, are polled and end on two threads while two others dump, which find each of them at any point of its life.
TEST_P(TaskDumpTest, WhileBlockOnsComeAndGo) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> seen{0};
  std::vector<std::thread> dumpers;
  for (int i = 0; i < 2; ++i) {
    dumpers.emplace_back([&] {
      while (!stop) {
        for (const BlockOnDump& block_on : handle.Dump().block_ons) seen += block_on.waits.size();
      }
    });
  }
  auto alive = std::make_shared<int>(0);
  const auto block = [&] {
    for (int round = 0; round < 300; ++round) {
      Status status = handle.BlockOn([&] {
        return OnDrop(Spawn(YieldNow()), [alive] {}).Then([](Status& joined) {
          EXPECT_TRUE(joined.ok()) << joined;
          return YieldNow();
        });
      });
      EXPECT_TRUE(status.ok()) << status;
    }
  };
  std::thread other(block);
  block();
  other.join();
  EXPECT_EQ(alive.use_count(), 1);
  stop = true;
  for (std::thread& dumper : dumpers) dumper.join();
  EXPECT_TRUE(handle.Dump().block_ons.empty());
}

INSTANTIATE_TEST_SUITE_P(Flavours, TaskDumpTest,
                         testing::Values(Flavour::kCurrentThread, Flavour::kOneWorker, Flavour::kManyWorkers));

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
