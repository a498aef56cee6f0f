// Exceptions, wherever users' code throws them: whoever joins has the error, siblings go on, and nothing is left behind.
#include "kioto/runtime/base/config.h"

#if KIOTO_EXCEPTIONS

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/scope.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/broadcast.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

// Throws at its n-th poll, having held a Counted so long.
auto Throws(int polls) {
  return PollFn([left = polls, held = Counted()](Context& cx) mutable -> Poll<Status> {
    if (--left == 0) throw std::runtime_error("on purpose");
    cx.waker().Wake();
    return kPending;
  });
}

struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(ThrowsWhenCopied&&) = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error("in a copy"); }

  Counted held;
};

struct ThrowsWhenMoved {
  ThrowsWhenMoved() = default;
  ThrowsWhenMoved(ThrowsWhenMoved&&) { throw std::runtime_error("in a move"); }

  Counted held;
};

// In the poll of a leaf, in a step, in a round of a loop, in a handler of Select; where a value is copied for a receiver, moved
// on to the next step, or moved to where the task's JoinHandle will look for it.
Future<Status> ThrowsSomewhere(base::FastRandom& random) {
  switch (random.Below(7)) {
    case 0:
      return Throws(static_cast<int>(random.Below(3)) + 1).Boxed();
    case 1:
      return YieldNow().Then([held = Counted()](Unit&) -> Status { throw std::runtime_error("in a step"); }).Boxed();
    case 2:
      return Loop([held = Counted()]() -> Future<Flow<>> { throw std::runtime_error("in a loop"); })
          .Then([](Unit&) { return OkStatus(); })
          .Boxed();
    case 3: {
      sync::Broadcast<ThrowsWhenCopied> room(1);
      auto first = room.Subscribe(), last = room.Subscribe();  // which would not need a copy
      room.Send(ThrowsWhenCopied());
      return With(std::move(first), std::move(last), [](auto& receiver, auto&) {
               return receiver.Recv().Then([](auto&) { return OkStatus(); });
             }).Boxed();
    }
    case 4:
      return YieldNow().Then([](Unit&) { return ThrowsWhenMoved(); }).Then([](ThrowsWhenMoved&) { return OkStatus(); }).Boxed();
    case 5:
      return Lazy([] { return Spawn(Lazy([] { return ThrowsWhenMoved(); })); })
          .Then([](StatusOr<ThrowsWhenMoved>& output) { return output.status(); })
          .Boxed();
    default:
      return SelectBiased(Case(YieldNow(), [held = Counted()](Unit&) -> Status { throw std::runtime_error("in a handler"); }))
          .Boxed();
  }
}

// check: H2
TEST(ThrowsTest, TenThousandThrowsHurtNobodyElse) {
  const int throws = Scaled(10'000);
  base::Atomic<int> reported{0};
  {
    Runtime runtime = *RuntimeBuilder::MultiThread()
                           .WorkerThreads(2)
                           .OnUnhandled([&reported](const UnhandledFailure&) { reported.fetch_add(1); })
                           .Build();
    base::FastRandom random(10'000);
    int joined = 0, thrown = 0, siblings = 0;
    for (int i = 0; i < throws; ++i) {
      JoinHandle<Status> bad = runtime.Spawn(ThrowsSomewhere(random));
      JoinHandle<int> good = runtime.Spawn(YieldNow().Then([](Unit&) { return 7; }));
      if (i % 2 == 0) {
        std::move(bad).Detach();
      } else {
        ++joined;
        thrown += IsThrown(runtime.BlockOn(std::move(bad)));
      }
      siblings += *runtime.BlockOn(std::move(good)) == 7;
    }
    EXPECT_TRUE(runtime.Shutdown().live_tasks == 0);
    EXPECT_EQ(thrown, joined);
    EXPECT_EQ(siblings, throws);
  }
  EXPECT_LE(reported.load(), (throws + 1) / 2);
  EXPECT_GT(reported.load(), 0) << "those that had not ended when their handle was dropped";
  EXPECT_EQ(Counted::alive(), 0);
}

// Ready; of all its moves the last of `*left` throws.
class ThrowsAtAMove : public FutureBase<ThrowsAtAMove, Unit> {
 public:
  explicit ThrowsAtAMove(int* left) : left_(left) {}
  ThrowsAtAMove(ThrowsAtAMove&& other) : left_(other.left_) {
    if (--*left_ == 0) throw std::runtime_error("in a move");
  }
  Poll<Unit> PollOnce(Context&) { return Unit{}; }

 private:
  int* left_;
  Counted held_;
};

// Whatever `start` starts it with, and whichever move on the way throws: that is its caller's, and nothing is left (of the memory
// for a leak checker to see).
template <class Start>
void ExpectThrowsAreTheCallers(Start start) {
  const int64_t alive = Counted::alive();
  int thrown = 0;
  for (bool started = false; !started;) {
    int left = thrown + 1;
    try {
      start(ThrowsAtAMove(&left));
      started = true;
    } catch (const std::runtime_error&) {
      ++thrown;
      EXPECT_EQ(Counted::alive(), alive);
    }
  }
  EXPECT_GT(thrown, 0) << "it is not moved at all";
}

// check: H2
TEST(ThrowsTest, AFutureThatThrowsWhenItIsMovedIsTheCallersWhoeverItWasFor) {
  Runtime runtime = *Runtime::CurrentThread();
  const EnterGuard guard = runtime.Enter();
  ExpectThrowsAreTheCallers([](ThrowsAtAMove future) { Spawn(std::move(future)).Detach(); });
  ExpectThrowsAreTheCallers([](ThrowsAtAMove future) { SpawnLocal(std::move(future), TaskOptions{"local"}).Detach(); });
  ExpectThrowsAreTheCallers([](ThrowsAtAMove future) { (void)std::move(future).Boxed(); });
  JoinSet<Unit> set;
  ExpectThrowsAreTheCallers([&set](ThrowsAtAMove future) { set.Spawn(std::move(future)); });
  EXPECT_EQ(set.size(), 1u);
  const Status scoped = runtime.BlockOn(Scoped([](Scope& scope) {
    ExpectThrowsAreTheCallers([&scope](ThrowsAtAMove future) { scope.Spawn(std::move(future)); });
    ExpectThrowsAreTheCallers([&scope](ThrowsAtAMove future) { scope.SpawnLocal(std::move(future)); });
    return Ready(OkStatus());
  }));
  EXPECT_TRUE(scoped.ok()) << scoped;
  EXPECT_TRUE(runtime.BlockOn(set.Shutdown()).ok());
  EXPECT_EQ(runtime.Shutdown().live_tasks, 0u);
}

class ThrowsWhenDestroyed {
 public:
  ThrowsWhenDestroyed() = default;
  ThrowsWhenDestroyed(ThrowsWhenDestroyed&& other) noexcept : alive_(std::exchange(other.alive_, false)) {}
  ~ThrowsWhenDestroyed() {
    if (alive_) Throw();
  }

 private:
  static void Throw() { throw std::runtime_error("in a destructor"); }

  bool alive_ = true;
};

class ThrowsWhenWoken final : public Wakeable {
  void OnWake() override { throw std::runtime_error("in a waker"); }
};

// Where nobody could go on: the program ends, and says so.
// check: H2
TEST(ThrowsDeathTest, AThrowInADestructorOrAWakerEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(1).Build();
        (void)runtime.BlockOn(runtime.Spawn(YieldNow().Then([held = ThrowsWhenDestroyed()](Unit&) {})));
      },
      "in a destructor");
  for (const bool last : {false, true}) {
    EXPECT_DEATH(
        {
          auto* const woken = new ThrowsWhenWoken;
          Waker waker = woken->MakeWaker();
          woken->Unref();
          try {
            if (last) {
              std::move(waker).Wake();
            } else {
              waker.Wake();
            }
          } catch (const std::runtime_error&) {
            std::exit(0);  // it has reached the caller
          }
        },
        "in a waker");
  }
}

}  // namespace
}  // namespace kioto

#endif
