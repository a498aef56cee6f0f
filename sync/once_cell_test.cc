#include "kioto/sync/once_cell.h"

#include <memory>
#include <optional>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/oneshot.h"

namespace kioto::sync {
namespace {

using Counted = std::shared_ptr<int>;

TEST(OnceCellTest, TheFirstMakesItAndTheOthersWait) {
  auto channel = Oneshot<int>();
  OnceCell<int> cell;
  PolledTask first(cell.GetOrInit([&] { return std::move(channel.receiver).Map([](auto& v) { return *v; }); }));
  PolledTask second(cell.GetOrInit([] { return 10; }));
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_TRUE(second.Poll().pending());
  EXPECT_TRUE(second.Poll().pending());
  EXPECT_EQ(cell.Get(), nullptr);
  EXPECT_TRUE(channel.sender.Send(5));
  EXPECT_EQ(second.wakes(), 0);
  EXPECT_EQ(**first.Poll(), 5);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_EQ(*second.Poll(), cell.Get());
  EXPECT_EQ(*cell.Get(), 5);
}

// behaviour: tokio/tests/sync_once_cell.rs#get_or_init_panic
TEST(OnceCellTest, OfAValueThatIsThereNoInitializerIsCalled) {
  OnceCell<int> cell;
  EXPECT_EQ(**PolledTask(cell.GetOrInit([] { return 5; })).Poll(), 5);
  auto poll = PolledTask(cell.GetOrInit([]() -> int {
                ADD_FAILURE() << "called";
                return 10;
              })).Poll();
  EXPECT_EQ(**poll, 5);
}

// The one who makes it is dropped at every point: the turn goes to the next, whose initializer is called.
// check: H1
TEST(OnceCellTest, ACancelledInitializerGivesItsTurnToTheNext) {
  for (int polls = 0; polls < 3; ++polls) {
    OnceCell<Counted> cell;
    auto held = std::make_shared<int>(0);
    int called = 0;
    PolledTask first(cell.GetOrInit([&, held] {
      ++called;
      return PollFn([held](Context&) -> Poll<Counted> { return kPending; });
    }));
    PolledTask second(cell.GetOrInit([held] { return held; }));
    for (int i = 0; i < polls; ++i) {
      EXPECT_TRUE(first.Poll().pending());
      EXPECT_TRUE(second.Poll().pending());
    }
    EXPECT_EQ(called, polls == 0 ? 0 : 1);
    first.Drop();
    EXPECT_EQ(second.wakes(), polls == 0 ? 0 : 1);
    EXPECT_EQ(**second.Poll(), held);
    EXPECT_EQ(held.use_count(), 2);
    EXPECT_EQ(first.held() + second.held(), 0);
  }
}

TEST(OnceCellTest, OneThatWaitsAndIsDroppedLosesNothing) {
  for (bool after : {false, true}) {
    OnceCell<int> cell;
    PolledTask first(cell.GetOrInit([] { return PollFn([](Context&) -> Poll<int> { return kPending; }); }));
    PolledTask second(cell.GetOrInit([] { return 2; }));
    PolledTask third(cell.GetOrInit([] { return 3; }));
    EXPECT_TRUE(first.Poll().pending());
    EXPECT_TRUE(second.Poll().pending());
    EXPECT_TRUE(third.Poll().pending());
    if (after) first.Drop();
    second.Drop();  // its turn has come, or not
    if (!after) first.Drop();
    EXPECT_EQ(third.wakes(), 1);
    EXPECT_EQ(**third.Poll(), 3);
  }
}

TEST(OnceCellTest, AnErrorGoesToItsCallerAloneAndTheNextTries) {
  OnceCell<int> cell;
  auto channel = Oneshot<int>();
  PolledTask first(cell.GetOrTryInit([&] { return std::move(channel.receiver); }));
  PolledTask second(cell.GetOrTryInit([] { return StatusOr<int>(10); }));
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_TRUE(second.Poll().pending());
  channel.sender.reset();
  auto failed = first.Poll();
  ASSERT_TRUE(failed.ready());
  EXPECT_TRUE(IsClosed((*failed).status()));
  EXPECT_EQ(cell.Get(), nullptr);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_EQ(***second.Poll(), 10);
}

// behaviour: tokio/tests/sync_once_cell.rs#set_and_get
TEST(OnceCellTest, SetOnce) {
  OnceCell<Counted> cell;
  auto value = std::make_shared<int>(5);
  Counted other = value;
  EXPECT_TRUE(cell.Set(std::move(value)).ok());
  EXPECT_EQ(cell.Set(std::move(other)).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*other, 5);  // not moved from
  EXPECT_EQ(*cell.Get(), other);
}

TEST(OnceCellTest, SetWhileAnInitializerIsAtWork) {
  OnceCell<int> cell;
  PolledTask first(cell.GetOrInit([] { return PollFn([](Context&) -> Poll<int> { return kPending; }); }));
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_EQ(cell.Set(10).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(cell.Get(), nullptr);
  first.Drop();
  EXPECT_TRUE(cell.Set(10).ok());
}

// behaviour: tokio/tests/sync_once_cell.rs#get_uninit
TEST(OnceCellTest, EmptyAtFirst) { EXPECT_EQ(OnceCell<int>().Get(), nullptr); }

// behaviour: tokio/tests/sync_once_cell.rs#from
TEST(OnceCellTest, WithAValueFromTheStart) { EXPECT_EQ(*OnceCell<int>(2).Get(), 2); }

// behaviour: tokio/tests/sync_once_cell.rs#drop_cell_new_with
TEST(OnceCellTest, ItsValueIsDestroyedOnce) {
  auto value = std::make_shared<int>(1);
  {
    OnceCell<Counted> cell(value);
    EXPECT_NE(cell.Get(), nullptr);
    EXPECT_EQ(value.use_count(), 2);
  }
  EXPECT_EQ(value.use_count(), 1);
}

// behaviour: tokio/tests/sync_once_cell.rs#drop_into_inner
TEST(OnceCellTest, IntoMovesTheValueOut) {
  OnceCell<Counted> cell;
  auto value = std::make_shared<int>(1);
  EXPECT_TRUE(cell.Set(value).ok());
  auto out = std::move(cell).Into();
  EXPECT_EQ(*out, value);
  EXPECT_EQ(value.use_count(), 2);
  out.reset();
  EXPECT_EQ(value.use_count(), 1);
}

// behaviour: tokio/tests/sync_once_cell.rs#drop_into_inner_new_with
TEST(OnceCellTest, IntoOfAValueFromTheStart) {
  auto value = std::make_shared<int>(1);
  auto out = OnceCell<Counted>(value).Into();
  EXPECT_EQ(*out, value);
  EXPECT_EQ(value.use_count(), 2);
}

TEST(OnceCellTest, WhoHasItAloneMayChangeItsValueAndTakeItOut) {
  OnceCell<int> cell;
  EXPECT_EQ(cell.GetMutable(), nullptr);
  EXPECT_EQ(cell.Take(), std::nullopt);
  for (int i = 1; i <= 2; ++i) {
    ASSERT_TRUE(cell.Set(i).ok());
    ++*cell.GetMutable();
    EXPECT_EQ(*cell.Get(), i + 1);
    EXPECT_EQ(cell.Take(), i + 1);
    EXPECT_EQ(cell.Get(), nullptr);
  }
}

}  // namespace
}  // namespace kioto::sync
