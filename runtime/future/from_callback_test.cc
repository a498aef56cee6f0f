#include "kioto/runtime/future/from_callback.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/testing/tracked.h"

namespace kioto {
namespace {

static_assert(std::is_same_v<Completer<int>::Output, StatusOr<int>>);
static_assert(std::is_same_v<Completer<void>::Output, Status>);
static_assert(std::is_same_v<Completer<Status>::Output, Status>);
static_assert(std::is_same_v<Completer<StatusOr<int>>::Output, StatusOr<int>>);

// A future whose completer goes to `out`.
template <class T>
auto Keep(Completer<T>& out) {
  return FromCallback<T>([&out](Completer<T> done) { out = std::move(done); });
}

TEST(FromCallbackTest, StartsAtTheFirstPollAndGivesTheOutput) {
  Completer<int> done;
  PolledTask task(Keep(done));
  EXPECT_FALSE(done);
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(done);
  EXPECT_TRUE(done(7));
  EXPECT_FALSE(done);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_THAT(task.Poll(), IsReadyOk(7));
  EXPECT_EQ(task.held(), 0);
}

TEST(FromCallbackTest, MayBeCompletedInsideStart) {
  PolledTask task(FromCallback<int>([](Completer<int> done) { done(7); }));
  EXPECT_THAT(task.Poll(), IsReadyOk(7));
}

TEST(FromCallbackTest, TakesErrors) {
  PolledTask value(FromCallback<int>([](Completer<int> done) { done(absl::NotFoundError("nowhere")); }));
  EXPECT_THAT(value.Poll(), IsReadyError(absl::IsNotFound));
  PolledTask nothing(FromCallback<void>([](Completer<void> done) { done(absl::NotFoundError("nowhere")); }));
  EXPECT_THAT(nothing.Poll(), IsReadyError(absl::IsNotFound));
  PolledTask ok(FromCallback<void>([](Completer<void> done) { done(); }));
  EXPECT_THAT(ok.Poll(), IsReadyOk());
}

TEST(FromCallbackTest, ADroppedCompleterIsAnErrorThatSaysSo) {
  Completer<std::string> done;
  PolledTask task(Keep(done));
  EXPECT_THAT(task.Poll(), IsPending());
  done = Completer<std::string>();
  EXPECT_EQ(task.wakes(), 1);
  auto poll = task.Poll();
  ASSERT_THAT(poll, IsReadyError(IsClosed));
  EXPECT_THAT(poll->status().message(), ::testing::HasSubstr("without a call"));
  PolledTask at_once(FromCallback<int>([](Completer<int>) {}));
  EXPECT_THAT(at_once.Poll(), IsReadyError(IsClosed));
}

TEST(FromCallbackTest, ADroppedFutureIsToldAndTheCallIgnored) {
  Completer<Tracked> done;
  {
    PolledTask task(Keep(done));
    EXPECT_THAT(task.Poll(), IsPending());
    EXPECT_FALSE(done.IsCancelled());
  }
  EXPECT_TRUE(done.IsCancelled());
  EXPECT_FALSE(done(Tracked()));
  EXPECT_EQ(Tracked::alive(), 0);
}

TEST(FromCallbackTest, AnOutputThatNobodyTookIsDestroyed) {
  Completer<Tracked> done;
  PolledTask task(Keep(done));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(done(Tracked()));
  EXPECT_EQ(Tracked::alive(), 1);
  task.Drop();
  EXPECT_EQ(Tracked::alive(), 0);
}

// check: H1
TEST(FromCallbackTest, DroppedAtAnyPointNothingIsLeft) {
  for (int polls = 0; polls < 4; ++polls) {
    Completer<Tracked> done;
    PolledTask task(FromCallback<Tracked>([&done, t = Tracked()](Completer<Tracked> completer) { done = std::move(completer); }));
    for (int i = 0; i < polls; ++i) EXPECT_THAT(task.Poll(), IsPending());
    task.Drop();
    EXPECT_EQ(Tracked::alive(), 0);
    EXPECT_EQ(task.held(), 0);  // though the completer is kept
    if (polls > 0) {
      EXPECT_TRUE(done.IsCancelled());
      EXPECT_FALSE(done(Tracked()));
    }
    EXPECT_EQ(task.wakes(), 0);
    EXPECT_EQ(task.held(), 0);
    EXPECT_EQ(Tracked::alive(), 0);
  }
}

TEST(FromCallbackTest, OnCancelRunsOnceWhenTheFutureGoesFirst) {
  Completer<int> done;
  int cancels = 0;
  {
    PolledTask task(Keep(done));
    EXPECT_THAT(task.Poll(), IsPending());
    done.OnCancel([&] { ++cancels; });
    EXPECT_EQ(cancels, 0);
  }
  EXPECT_EQ(cancels, 1);
  done(7);
  EXPECT_EQ(cancels, 1);
}

TEST(FromCallbackTest, OnCancelRunsAtOnceWhenItComesTooLate) {
  Completer<int> done;
  {
    PolledTask task(Keep(done));
    EXPECT_THAT(task.Poll(), IsPending());
  }
  int cancels = 0;
  done.OnCancel([&] { ++cancels; });
  EXPECT_EQ(cancels, 1);
}

TEST(FromCallbackTest, OnCancelIsForgottenByTheCall) {
  Completer<int> done;
  auto held = std::make_shared<int>(0);
  PolledTask task(Keep(done));
  EXPECT_THAT(task.Poll(), IsPending());
  done.OnCancel([held] { ++*held; });
  EXPECT_TRUE(done(7));
  EXPECT_EQ(held.use_count(), 1) << "what it held is free as soon as it can no longer run";
  task.Drop();
  EXPECT_EQ(*held, 0);
}

TEST(FromCallbackTest, WhatStartReturnsCancels) {
  Completer<int> done;
  int cancels = 0;
  const auto make = [&] {
    return FromCallback<int>([&](Completer<int> completer) {
      done = std::move(completer);
      return [&cancels] { ++cancels; };
    });
  };
  {
    PolledTask unpolled(make());
  }
  EXPECT_EQ(cancels, 0);
  {
    PolledTask completed(make());
    EXPECT_THAT(completed.Poll(), IsPending());
    done(7);
    EXPECT_THAT(completed.Poll(), IsReadyOk(7));
  }
  {
    PolledTask too_late(make());
    EXPECT_THAT(too_late.Poll(), IsPending());
    done(7);
  }
  EXPECT_EQ(cancels, 0);
  {
    PolledTask dropped(make());
    EXPECT_THAT(dropped.Poll(), IsPending());
  }
  EXPECT_EQ(cancels, 1);
  EXPECT_TRUE(done.IsCancelled());
}

TEST(FromCallbackTest, OnCancelMayUseTheCompleter) {
  Completer<int> done;
  {
    PolledTask task(Keep(done));
    EXPECT_THAT(task.Poll(), IsPending());
    done.OnCancel([&] { EXPECT_FALSE(done(7)); });
  }
  EXPECT_FALSE(done);
}

// An interface of C: a function pointer and a void*.
void StartInC(void (*callback)(void*, int), void* arg) { callback(arg, 7); }

TEST(FromCallbackTest, PassesThroughAPointer) {
  PolledTask task(FromCallback<int>([](Completer<int> done) {
    StartInC([](void* arg, int n) { Completer<int>::FromPointer(arg)(n); }, std::move(done).Release());
  }));
  EXPECT_THAT(task.Poll(), IsReadyOk(7));
}

TEST(FromCallbackTest, AnUnpolledFutureStartsNothing) {
  bool started = false;
  {
    PolledTask task(FromCallback<int>([&](Completer<int>) { started = true; }));
  }
  EXPECT_FALSE(started);
}

TEST(FromCallbackTest, WhatStartHoldsLivesAsLongAsTheFuture) {
  Completer<int> done;
  PolledTask task(FromCallback<int>([&done, held = Tracked()](Completer<int> completer) { done = std::move(completer); }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(Tracked::alive(), 1);
  done(7);
  EXPECT_THAT(task.Poll(), IsReadyOk(7));
  EXPECT_EQ(Tracked::alive(), 0);
}

TEST(FromCallbackTest, ComposesLikeAnyOther) {
  PolledTask task(FromCallback<int>([](Completer<int> done) { done(20); }).AndThen([](int& n) { return n + 1; }));
  EXPECT_THAT(task.Poll(), IsReadyOk(21));
}

TEST(FromCallbackDeathTest, ACompleterIsCalledOnce) {
  EXPECT_DEATH(
      {
        PolledTask task(FromCallback<int>([](Completer<int> done) {
          done(1);
          done(2);
        }));
        (void)task.Poll();
      },
      "a Completer was called that is empty");
}

// A thread completes while the future is polled, or dropped: each output arrives or is refused, and nothing is left.
TEST(FromCallbackStress, CompletionRacesWithPollAndDrop) {
  for (int round = 0; round < 3000; ++round) {
    Completer<std::unique_ptr<int>> done;
    base::Atomic<int> cancels{0};
    base::Atomic<bool> go{false};
    PolledTask task(Keep(done));
    ASSERT_THAT(task.Poll(), IsPending());
    bool taken = false;
    std::thread thread([&] {
      while (!go.load()) std::this_thread::yield();
      if (round % 3 == 0) done.OnCancel([&] { cancels.fetch_add(1); });
      taken = done(std::make_unique<int>(round));
    });
    go.store(true);
    if (round % 2 == 0) {
      task.Drop();
      thread.join();
      EXPECT_LE(cancels.load(), 1);
      if (taken) {
        EXPECT_EQ(cancels.load(), 0);
      }
    } else {
      thread.join();
      EXPECT_TRUE(taken);
      auto poll = task.Poll();
      ASSERT_THAT(poll, IsReadyOk());
      EXPECT_EQ(***poll, round);
    }
  }
}

}  // namespace
}  // namespace kioto
