// What a TraceSink is told, on a runtime whose order is known, and that it nests on one whose order is not.
#include "kioto/runtime/trace/trace_sink.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/trace/span.h"
#include "kioto/sync/notify.h"

namespace kioto {
namespace {

using testing::ElementsAre;

// Every word, with tasks by their names; and what must hold of each.
class Recorder final : public TraceSink {
 public:
  void TaskSpawned(const TraceTask& task) override {
    base::MutexLock lock(lock_);
    Add("spawned", task);
    EXPECT_TRUE(live_.insert(task.id).second) << "spawned twice";
  }
  void PollBegin(const TraceTask& task) override {
    base::MutexLock lock(lock_);
    Add("poll", task);
    names_[task.id] = task.name;
    EXPECT_TRUE(polled_.insert(task.id).second) << "two polls of a task overlap";
    Open().push_back({'p', task.id});
  }
  void PollEnd(uint64_t id, TracePoll result) override {
    base::MutexLock lock(lock_);
    Add(result == TracePoll::kReady ? "ready" : result == TracePoll::kYielded ? "yielded" : "pending", names_[id].c_str());
    EXPECT_EQ(polled_.erase(id), 1u);
    CloseSlice({'p', id});
  }
  void TaskWoken(const TraceTask& task) override {
    base::MutexLock lock(lock_);
    Add("woken", task);
  }
  void TaskEnded(const TraceTask& task, TraceEnd end) override {
    base::MutexLock lock(lock_);
    Add(end == TraceEnd::kReady ? "ended" : "cancelled", task);
    EXPECT_EQ(live_.erase(task.id), 1u) << "ended, and was not spawned";
    EXPECT_EQ(polled_.count(task.id), 0u) << "ended in a poll";
    ++ended_;
  }
  void WorkerParks(int worker) override {
    base::MutexLock lock(lock_);
    Open().push_back({'w', static_cast<uint64_t>(worker)});
  }
  void WorkerUnparks(int worker) override {
    base::MutexLock lock(lock_);
    CloseSlice({'w', static_cast<uint64_t>(worker)});
    ++parks_;
  }
  void SpanOpened(const TraceSpan& span) override {
    base::MutexLock lock(lock_);
    Add(span.task_id == 0 ? "opened by none" : "opened", span.name);
    EXPECT_TRUE(spans_.insert(span.id).second);
  }
  void SpanEntered(const TraceSpan& span) override {
    base::MutexLock lock(lock_);
    Add("entered", span.name);
    Open().push_back({'s', span.id});
  }
  void SpanLeft(const TraceSpan& span) override {
    base::MutexLock lock(lock_);
    Add("left", span.name);
    CloseSlice({'s', span.id});
  }
  void SpanClosed(const TraceSpan& span) override {
    base::MutexLock lock(lock_);
    Add("closed", span.name);
    EXPECT_EQ(spans_.erase(span.id), 1u);
  }

  std::vector<std::string> Take() {
    base::MutexLock lock(lock_);
    return std::exchange(told_, {});
  }
  // Everything that was begun has ended.
  void ExpectAllEnded() {
    base::MutexLock lock(lock_);
    EXPECT_TRUE(live_.empty() && polled_.empty() && spans_.empty());
    for (const auto& thread : open_) EXPECT_TRUE(thread.second.empty());
  }
  size_t ended() {
    base::MutexLock lock(lock_);
    return ended_;
  }
  size_t parks() {
    base::MutexLock lock(lock_);
    return parks_;
  }

 private:
  using Slice = std::pair<char, uint64_t>;

  std::vector<Slice>& Open() { return open_[&internal::CurrentThread()]; }
  void CloseSlice(Slice slice) {
    ASSERT_FALSE(Open().empty());
    EXPECT_EQ(Open().back(), slice) << "slices of a thread that do not nest";
    Open().pop_back();
  }
  void Add(const char* what, const TraceTask& task) {
    EXPECT_NE(std::string(task.file), "");
    EXPECT_GT(task.line, 0);
    Add(what, task.name);
  }
  void Add(const char* what, const char* name) { told_.push_back(absl::StrCat(what, " ", name)); }

  base::Mutex lock_;
  std::vector<std::string> told_;
  std::map<uint64_t, std::string> names_;
  std::set<uint64_t> live_, polled_, spans_;
  std::map<const void*, std::vector<Slice>> open_;
  size_t ended_ = 0;
  size_t parks_ = 0;
};

class TraceTest : public testing::Test {
 protected:
  ~TraceTest() override {
    runtime_.reset();
    told_->ExpectAllEnded();
  }

  const std::shared_ptr<Recorder> told_ = std::make_shared<Recorder>();
  std::optional<Runtime> runtime_ = *RuntimeBuilder::CurrentThread().Trace(told_).Build();
};

TEST_F(TraceTest, ATaskFromItsSpawnToItsEnd) {
  EXPECT_EQ(runtime_->BlockOn([] { return Spawn(YieldNow(), {"a"}); }), OkStatus());
  EXPECT_THAT(told_->Take(), ElementsAre("spawned a", "poll a", "yielded a", "poll a", "ready a", "ended a"));
}

TEST_F(TraceTest, AWakeIsToldOfBeforeThePollThatItBrings) {
  sync::Notify notify;
  EXPECT_EQ(runtime_->BlockOn([&] {
    JoinHandle<Unit> waiter = Spawn(notify.Notified(), {"waiter"});
    Spawn(Lazy([&] { notify.NotifyOne(); }), {"waker"}).Detach();
    return waiter;
  }), OkStatus());
  EXPECT_THAT(told_->Take(), ElementsAre("spawned waiter", "spawned waker", "poll waiter", "pending waiter", "poll waker",
                                         "woken waiter", "ready waker", "ended waker", "poll waiter", "ready waiter",
                                         "ended waiter"));
}

TEST_F(TraceTest, AWakeDuringItsOwnPollIsToldOfAfterIt) {
  EXPECT_EQ(runtime_->BlockOn([] {
    return Spawn(PollFn([first = true](Context& cx) mutable -> Poll<Unit> {
                   cx.waker().Wake();
                   if (!std::exchange(first, false)) return Unit{};
                   return kPending;
                 }), {"a"});
  }), OkStatus());
  EXPECT_THAT(told_->Take(), ElementsAre("spawned a", "poll a", "pending a", "woken a", "poll a", "ready a", "ended a"));
}

TEST_F(TraceTest, AnAbortedTaskIsCancelled) {
  sync::Notify never;
  EXPECT_TRUE(kioto::IsAborted(runtime_->BlockOn([&] {
    JoinHandle<Unit> task = Spawn(never.Notified(), {"a"});
    Spawn(Lazy([handle = task.abort_handle()] { handle.Abort(); })).Detach();
    return task;
  })));
  const std::vector<std::string> told = told_->Take();
  EXPECT_THAT(told, testing::IsSupersetOf({"poll a", "pending a", "woken a", "cancelled a"}));
}

TEST_F(TraceTest, WhatTheRuntimeEndsIsCancelled) {
  sync::Notify never;
  runtime_->Spawn(never.Notified(), {"a"}).Detach();
  EXPECT_TRUE(runtime_->Shutdown().clean());
  EXPECT_THAT(told_->Take(), ElementsAre("spawned a", "cancelled a"));
  runtime_->Spawn(Ready(1), {"refused"}).Detach();
  EXPECT_THAT(told_->Take(), ElementsAre()) << "it never was a task";
}

TEST_F(TraceTest, ASpanIsEnteredAtEachPollAndClosedWhenReady) {
  EXPECT_EQ(*runtime_->BlockOn([] { return Spawn(Span("outer", Span("inner", YieldNow()).Then([](Unit&) { return 7; })), {"a"}); }),
            7);
  EXPECT_THAT(told_->Take(),
              ElementsAre("spawned a", "poll a", "opened outer", "entered outer", "opened inner", "entered inner", "left inner",
                          "left outer", "yielded a", "poll a", "entered outer", "entered inner", "left inner", "closed inner",
                          "left outer", "closed outer", "ready a", "ended a"));
}

TEST_F(TraceTest, ASpanThatIsDroppedCloses) {
  sync::Notify never;
  EXPECT_EQ(*runtime_->BlockOn([&] {
    return SelectBiased(Case(Span("loser", never.Notified()), [](Unit&) { return 1; }), Case(Ready(2), [](int& n) { return n; }));
  }), 2);
  EXPECT_THAT(told_->Take(), ElementsAre("opened by none loser", "entered loser", "left loser", "closed loser"));
}

// check: H1
TEST_F(TraceTest, DropSuite) {
  const EnterGuard entered = runtime_->Enter();
  std::vector<std::vector<std::string>> all;
  RunDropSuite([](Tracked t) { return Span("s", PendingTimes(2, std::move(t))); }, 4, [&] { all.push_back(told_->Take()); });
  ASSERT_EQ(all.size(), 5u);
  EXPECT_THAT(all[0], ElementsAre());
  EXPECT_THAT(all[1], ElementsAre("opened by none s", "entered s", "left s", "closed s"));
  EXPECT_THAT(all[2], ElementsAre("opened by none s", "entered s", "left s", "entered s", "left s", "closed s"));
  for (const auto& told : {all[3], all[4]}) EXPECT_EQ(std::count(told.begin(), told.end(), "closed s"), 1);
}

TEST_F(TraceTest, ASpanThatWasNeverPolledIsNotToldOf) {
  { auto never_polled = Span("never", Ready(1)); }
  EXPECT_THAT(told_->Take(), ElementsAre());
}

// The future outlives its runtime, and its span still closes with the sink that knows it.
TEST(TraceSpanTest, CloseAfterTheRuntime) {
  auto told = std::make_shared<Recorder>();
  sync::Notify never;
  Future<Unit> future = Span("kept", never.Notified()).Boxed();
  {
    Runtime runtime = *RuntimeBuilder::CurrentThread().Trace(told).Build();
    EXPECT_EQ(*runtime.BlockOn([&] {
      return SelectBiased(Case(ByRef(future), [](Unit&) { return 1; }), Case(Ready(2), [](int& n) { return n; }));
    }), 2);
  }
  EXPECT_THAT(told->Take(), ElementsAre("opened by none kept", "entered kept", "left kept"));
  future = Future<Unit>();
  EXPECT_THAT(told->Take(), ElementsAre("closed kept"));
}

TEST(TraceSpanTest, GivesWhatItsFutureGivesWithoutASink) {
  Runtime runtime = *Runtime::CurrentThread();
  EXPECT_EQ(*runtime.BlockOn([] { return Span("quiet", YieldNow()).Then([](Unit&) { return Span("again", Ready(7)); }); }), 7);
}

TEST_F(TraceTest, TasksOfALocalSetAreToldOf) {
  LocalSet set;
  sync::Notify notify;
  EXPECT_EQ(set.BlockOn(*runtime_, Lazy([&] {
    JoinHandle<Unit> waiter = SpawnLocal(notify.Notified(), {"waiter"});
    SpawnLocal(Lazy([&] { notify.NotifyOne(); }), {"waker"}).Detach();
    return waiter;
  })), OkStatus());
  EXPECT_THAT(told_->Take(), testing::IsSupersetOf({"spawned waiter", "poll waiter", "pending waiter", "woken waiter",
                                                    "ready waiter", "ended waiter", "spawned waker", "ended waker"}));
}

TEST_F(TraceTest, ATaskThatALocalSetHadBeforeIsToldOfBeforeItsPoll) {
  LocalSet set;
  JoinHandle<Unit> early = set.SpawnLocal(Lazy([] {}), {"early"});
  EXPECT_EQ(set.BlockOn(*runtime_, std::move(early)), OkStatus());
  std::vector<std::string> told = told_->Take();
  told.erase(std::remove_if(told.begin(), told.end(), [](const std::string& word) { return word.find("early") == std::string::npos; }), told.end());
  EXPECT_THAT(told, ElementsAre("spawned early", "poll early", "ready early", "ended early"));
}

TEST_F(TraceTest, ABlockingJobIsATask) {
  EXPECT_EQ(*runtime_->BlockOn([] { return SpawnBlocking([] { return 7; }); }), 7);
  (void)runtime_->Shutdown();
  EXPECT_THAT(told_->Take(), ElementsAre("spawned ", "poll ", "ready ", "ended "));
}

// Tasks that wake each other on two workers: what the Recorder asks of each word holds.
TEST(TraceStormTest, EverythingNestsOnTwoWorkers) {
  constexpr size_t kPairs = 200, kRounds = 20;
  auto told = std::make_shared<Recorder>();
  {
    Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Trace(told).Build();
    std::vector<sync::Notify> ping(kPairs), pong(kPairs);
    std::vector<JoinHandle<Unit>> players;
    const auto play = [](sync::Notify& heard, sync::Notify& told) {
      return With(size_t{0}, [&heard, &told](size_t& rounds) {
        return Loop([&] {
          return Span("round", heard.Notified()).Then([&](Unit&) {
            told.NotifyOne();
            return If(++rounds == kRounds, Break, Continue);
          });
        });
      });
    };
    for (size_t i = 0; i < kPairs; ++i) {
      ping[i].NotifyOne();
      players.push_back(runtime.Spawn(play(ping[i], pong[i])));
      players.push_back(runtime.Spawn(play(pong[i], ping[i])));
    }
    for (JoinHandle<Unit>& player : players) EXPECT_EQ(runtime.BlockOn(std::move(player)), OkStatus());
  }
  told->ExpectAllEnded();
  EXPECT_EQ(told->ended(), 2 * kPairs);
  EXPECT_GT(told->parks(), 0u);
}

}  // namespace
}  // namespace kioto
