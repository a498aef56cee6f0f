#include "kioto/runtime/task/scope.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/testing/tracked.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/testing/collections.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

TEST(ScopeTest, WaitsForItsChildren) {
  Runtime runtime = MakeMultiThread(4);
  StatusOr<int> sum = runtime.BlockOn(Scoped(InPlace<std::atomic<int>>(0), [](Scope& scope, std::atomic<int>& done) {
    for (int i = 0; i < 1000; ++i) {
      scope.Spawn(YieldNow().Then([&done] { done.fetch_add(1); }));
    }
    return scope.Wait().Then([&done](Status&) { return done.load(); });
  }));
  EXPECT_EQ(*sum, 1000);
}

TEST(ScopeTest, ChildrenSpawnSiblings) {
  Runtime runtime = MakeMultiThread(2);
  StatusOr<int> total = runtime.BlockOn(Scoped(InPlace<std::atomic<int>>(0), [](Scope& scope, std::atomic<int>& count) {
    for (int i = 0; i < 10; ++i) {
      scope.Spawn(Lazy([&scope, &count] {
        for (int j = 0; j < 10; ++j) scope.Spawn(Lazy([&count] { ++count; }));
      }));
    }
    return scope.Wait().Then([&count](Status&) { return count.load(); });
  }));
  EXPECT_EQ(*total, 100);
}

TEST(ScopeTest, LeavingItCancelsAndWaits) {
  Runtime runtime = MakeMultiThread(2);
  auto guard = std::make_shared<int>();
  for (int round = 0; round < 100; ++round) {
    StatusOr<int> seven = runtime.BlockOn(Scoped([guard](Scope& scope) {
      for (int i = 0; i < 5; ++i) scope.Spawn(HoldForEver(guard));
      return YieldThen(7);
    }));
    EXPECT_EQ(*seven, 7);
    EXPECT_EQ(guard.use_count(), 1);  // no child is left, nor fn
  }
}

TEST(ScopeTest, TheFirstErrorEndsIt) {
  Runtime runtime = MakePaused();
  auto guard = std::make_shared<int>();
  Status status = runtime.BlockOn(Scoped([guard](Scope& scope) {
    scope.Spawn(HoldForEver(guard));
    scope.Spawn(Sleep(1s).Then([] { return absl::NotFoundError("first"); }));
    scope.Spawn(Sleep(2s).Then([] { return absl::NotFoundError("second"); }));
    scope.Spawn(Sleep(500ms).Then([] { return OkStatus(); }));
    return Never<Unit>();
  }));
  EXPECT_EQ(status, absl::NotFoundError("first"));
  EXPECT_EQ(guard.use_count(), 1);
}

TEST(ScopeTest, AnErrorOfAChildWinsOverAWaitThatIsOver) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(runtime.BlockOn(Scoped([](Scope& scope) {
    scope.Spawn(Ready(absl::InternalError("broke")));
    return scope.Wait();
  })),
            absl::InternalError("broke"));
}

TEST(ScopeTest, TheBodysErrorIsTheScopes) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  StatusOr<int> output = runtime.BlockOn(Scoped([&](Scope& scope) -> Future<StatusOr<int>> {
    scope.Spawn(HoldForEver(guard));
    return Future<StatusOr<int>>(absl::AbortedError("body"));
  }));
  EXPECT_EQ(output.status(), absl::AbortedError("body"));
  EXPECT_EQ(guard.use_count(), 1);
}

#if KIOTO_EXCEPTIONS
TEST(ScopeTest, AThrowOfAChildEndsIt) {
  Runtime runtime = MakeCurrentThread();
  Status status = runtime.BlockOn(Scoped([](Scope& scope) {
    scope.Spawn(YieldNow().Then([]() -> int { throw std::runtime_error("boom"); }));
    return Never<Unit>();
  }));
  EXPECT_TRUE(IsThrown(status));
  EXPECT_THROW(RethrowIfThrown(status), std::runtime_error);
}

TEST(ScopeTest, AThrowOfTheBodyCancelsAndWaits) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  Status status = runtime.BlockOn(Scoped([&](Scope& scope) {
    scope.Spawn(HoldForEver(guard));
    return YieldNow().Then([]() { throw std::runtime_error("boom"); });
  }));
  EXPECT_THROW(RethrowIfThrown(status), std::runtime_error);
  EXPECT_EQ(guard.use_count(), 1);
  status = runtime.BlockOn(Scoped([&](Scope& scope) -> Future<Status> {
    scope.Spawn(HoldForEver(guard));
    throw std::runtime_error("boom");
  }));
  EXPECT_THROW(RethrowIfThrown(status), std::runtime_error);
  EXPECT_EQ(guard.use_count(), 1);
}
#endif

TEST(ScopeTest, ADeadlineIsATimeoutInTheBody) {
  Runtime runtime = MakePaused();
  auto guard = std::make_shared<int>();
  Status status = runtime.BlockOn(Scoped([guard](Scope& scope) {
    scope.Spawn(HoldForEver(guard));
    return Timeout(10s, scope.Wait());
  }));
  EXPECT_TRUE(IsElapsed(status));
  EXPECT_EQ(guard.use_count(), 1);
}

TEST(ScopeTest, ALimitKeepsChildrenInLine) {
  Runtime runtime = MakePaused();
  struct Count {
    int now = 0;
    int most = 0;
    std::vector<int> order;
  };
  StatusOr<int> most = runtime.BlockOn(Scoped(ScopeOptions{3}, Count(), [](Scope& scope, Count& count) {
    for (int i = 0; i < 10; ++i) {
      scope.Spawn(Lazy([&count, i] {
        count.order.push_back(i);
        count.most = std::max(count.most, ++count.now);
        return Sleep(1s).Then([&count] { --count.now; });
      }));
    }
    return scope.Wait().Then([&count](Status&) {
      for (int i = 0; i < 10; ++i) EXPECT_EQ(count.order[i], i);
      return count.most;
    });
  }));
  EXPECT_EQ(*most, 3);
}

TEST(ScopeTest, CancelledChildrenThatWaitInLineNeverBegin) {
  Runtime runtime = MakePaused();
  auto begun = std::make_shared<int>(0);
  Status status = runtime.BlockOn(Scoped(ScopeOptions{1}, [begun](Scope& scope) {
    for (int i = 0; i < 5; ++i) {
      scope.Spawn(Lazy([begun] {
        ++*begun;
        return Sleep(1s).Then([] { return absl::InternalError("broke"); });
      }));
    }
    return scope.Wait();
  }));
  EXPECT_EQ(status, absl::InternalError("broke"));
  EXPECT_EQ(*begun, 1);
}

TEST(ScopeTest, RoomHoldsBackWhoSpawns) {
  Runtime runtime = MakePaused();
  StatusOr<size_t> most = runtime.BlockOn(Scoped(ScopeOptions{4}, size_t{0}, [](Scope& scope, size_t& most) {
    return With(0, [&](int& spawned) {
      return Loop([&] {
        return scope.Room().Then([&](Status&) -> Flow<> {
          if (spawned++ == 20) return Break();
          scope.Spawn(Sleep(1s));
          most = std::max(most, scope.size());
          return Continue();
        });
      });
    }).Then([&] { return scope.Wait(); }).Then([&](Status&) { return most; });
  }));
  EXPECT_EQ(*most, 4u);
}

TEST(ScopeTest, DroppedItCancelsAndTheStatesOutliveTheDrop) {
  Runtime runtime = MakeCurrentThread();
  DestructionLog log;
  struct Looks {
    Looks(Tracked* state, bool* lived) : state(state), lived(lived) {}
    Looks(Looks&& other) noexcept : state(std::exchange(other.state, nullptr)), lived(other.lived) {}
    ~Looks() {
      if (state != nullptr) *lived = state->lives();
    }
    Tracked* state;
    bool* lived;
  };
  bool lived = false;
  {
    auto entered = runtime.Enter();
    PolledTask task(Scoped(Tracked("state", &log), [&lived](Scope& scope, Tracked& state) {
      scope.Spawn(PollFn([looks = Looks(&state, &lived)](Context&) -> Poll<Unit> { return kPending; }));
      return scope.Wait();
    }));
    EXPECT_THAT(task.Poll(), IsPending());
    Drive(runtime);
    task.Drop();
    EXPECT_EQ(log.text(), "");  // the child is still there
    EXPECT_FALSE(lived);
  }
  Drive(runtime);
  EXPECT_TRUE(lived);
  EXPECT_EQ(log.text(), "state");
  EXPECT_EQ(Tracked::alive(), 0);
}

// A future that is bound to its thread, and tells where it dies.
class TellsWhereItDies : public FutureBase<TellsWhereItDies, Unit> {
 public:
  static constexpr bool kLocal = true;

  explicit TellsWhereItDies(std::thread::id* where) : where_(where) {}
  TellsWhereItDies(TellsWhereItDies&& other) noexcept
      : TellsWhereItDies::FutureBase(std::move(other)), where_(std::exchange(other.where_, nullptr)) {}
  ~TellsWhereItDies() {
    if (where_ != nullptr) *where_ = std::this_thread::get_id();
  }
  Poll<Unit> PollOnce(Context&) { return kPending; }

 private:
  std::thread::id* where_;
};

// Its children are bound to the thread too: on a worker the last one would take the state with it.
TEST(ScopeTest, AStateThatIsBoundToItsThreadDiesThere) {
  Runtime runtime = MakeMultiThread(2);
  LocalSet set;
  std::thread::id died;
  {
    auto entered = runtime.Enter();
    auto here = set.Enter();
    PolledTask task(Scoped(TellsWhereItDies(&died), [](Scope& scope, TellsWhereItDies&) {
      scope.Spawn(Never<Unit>());
      return scope.Wait();
    }));
    EXPECT_THAT(task.Poll(), IsPending());
    EXPECT_EQ(set.size(), 1u);
    task.Drop();
    EXPECT_EQ(died, std::thread::id());  // the child is still there
  }
  EXPECT_EQ(runtime.BlockOn(set.Run()), OkStatus());
  EXPECT_EQ(died, std::this_thread::get_id());
}

TEST(ScopeTest, DroppedBeforeItsFirstPoll) {
  DestructionLog log;
  { auto never = Scoped(Tracked("state", &log), [](Scope& scope, Tracked&) { return scope.Wait(); }); }
  EXPECT_EQ(log.text(), "state");
}

TEST(ScopeTest, TheStatesGoBeforeTheScopeIsReady) {
  Runtime runtime = MakeMultiThread(2);
  for (int round = 0; round < 200; ++round) {
    auto state = std::make_shared<int>();
    EXPECT_EQ(runtime.BlockOn(Scoped(state, [](Scope& scope, std::shared_ptr<int>&) {
      scope.Spawn(YieldNow());
      return scope.Wait();
    })),
              OkStatus());
    EXPECT_EQ(state.use_count(), 1);
  }
}

TEST(ScopeTest, RefusesChildrenWhenItIsEnding) {
  Runtime runtime = MakeCurrentThread();
  auto late = std::make_shared<int>();
  struct SpawnsLate {
    SpawnsLate(Scope* scope, std::shared_ptr<int> late) : scope(scope), late(std::move(late)) {}
    SpawnsLate(SpawnsLate&& other) noexcept : scope(std::exchange(other.scope, nullptr)), late(std::move(other.late)) {}
    ~SpawnsLate() {
      if (scope == nullptr) return;
      EXPECT_TRUE(scope->cancelled());
      scope->Spawn(HoldForEver(late));
    }
    Scope* scope;
    std::shared_ptr<int> late;
  };
  EXPECT_EQ(runtime.BlockOn(Scoped([&](Scope& scope) {
    scope.Spawn(PollFn([x = SpawnsLate(&scope, late)](Context&) -> Poll<Unit> { return kPending; }));
    return YieldNow();
  })),
            OkStatus());
  EXPECT_EQ(late.use_count(), 1);
}

TEST(ScopeTest, ARefusedChildIsAFailure) {
  PolledTask outside(Scoped([](Scope& scope) {
    scope.Spawn(Ready(Unit{}));
    return scope.Wait();
  }));
  auto polled = outside.PollWhileWoken();
  ASSERT_TRUE(polled.ready());
  EXPECT_TRUE(absl::IsFailedPrecondition(*polled)) << *polled;
}

TEST(ScopeTest, AChildThatMayNotBeBoundHereIsAFailure) {
  Runtime runtime = MakeMultiThread();
  Status status = runtime.BlockOn(Scoped([](Scope& scope) {
    scope.SpawnLocal(BoundTo(1));
    return Never<Unit>();
  }));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("SpawnLocal"), std::string::npos) << status;
}

TEST(ScopeTest, AChildThatItsRuntimeEndsIsAFailure) {
  auto runtime = std::make_unique<Runtime>(MakeMultiThread(1));
  Runtime other = MakeCurrentThread();
  Status status = other.BlockOn(Scoped([&](Scope& scope) {
    {
      auto entered = runtime->Enter();
      scope.Spawn(Never<Unit>());
    }
    runtime->ShutdownBackground();
    return Never<Unit>();
  }));
  EXPECT_TRUE(IsShutdown(status)) << status;
  EXPECT_TRUE(runtime->Shutdown().clean());
}

TEST(ScopeTest, LocalChildren) {
  Runtime runtime = MakeCurrentThread();
  auto total = runtime.BlockOn(Scoped(0, [](Scope& scope, int& sum) {
    for (int i = 0; i < 5; ++i) {
      scope.SpawnLocal(BoundTo(i).Map([&sum](int n) { sum += n; }));
    }
    return scope.Wait().Then([&sum](Status&) -> int { return sum; });
  }));
  EXPECT_EQ(*total, 10);
}

TEST(ScopeTest, ScopesNest) {
  Runtime runtime = MakeMultiThread(2);
  Status status = runtime.BlockOn(Scoped([](Scope& outer) {
    for (int i = 0; i < 10; ++i) {
      outer.Spawn(Scoped([i](Scope& inner) {
        inner.Spawn(YieldThen(i));
        inner.Spawn(Never<Unit>());
        return YieldNow();
      }));
    }
    return outer.Wait();
  }));
  EXPECT_EQ(status, OkStatus());
}

TEST(ScopeTest, EndsAtAnyMoment) {
  Runtime runtime = MakeMultiThread(4);
  auto guard = std::make_shared<int>();
  for (int round = 0; round < 300; ++round) {
    auto handle = runtime.Spawn(Scoped(ScopeOptions{size_t(round % 4)}, guard, [round](Scope& scope, std::shared_ptr<int>& guard) {
      for (int i = 0; i < 8; ++i) {
        scope.Spawn(YieldNow().Then([&guard, i, round] {
          std::shared_ptr<int> mine = guard;
          return i == round % 11 ? absl::InternalError("broke") : OkStatus();
        }));
      }
      return scope.Wait();
    }));
    if (round % 3 == 0) handle.Abort();
    (void)runtime.BlockOn(std::move(handle));
  }
  while (runtime.handle().live_tasks() > 0) std::this_thread::yield();
  while (guard.use_count() > 1) std::this_thread::yield();
}

}  // namespace
}  // namespace kioto
