#include "kioto/sync/set_once.h"

#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::sync {
namespace {

using Counted = std::shared_ptr<int>;

TEST(SetOnceTest, SetWakesAllWhoWait) {
  SetOnce<int> cell;
  PolledTask first(cell.Wait());
  PolledTask second(cell.Wait());
  PolledTask dropped(cell.Wait());
  PolledTask unpolled(cell.Wait());
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_TRUE(second.Poll().pending());
  EXPECT_TRUE(dropped.Poll().pending());
  dropped.Drop();
  EXPECT_EQ(dropped.held(), 0);
  EXPECT_TRUE(cell.Set(5).ok());
  EXPECT_EQ(first.wakes(), 1);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_EQ(**first.Poll(), 5);
  EXPECT_EQ(*second.Poll(), cell.Get());
  EXPECT_EQ(*unpolled.Poll(), cell.Get());
  EXPECT_EQ(*PolledTask(cell.Wait()).Poll(), cell.Get());
}

// check: H1
TEST(SetOnceTest, DroppedAtAnyPointAWaitIsForgotten) {
  for (int polls = 0; polls < 4; ++polls) {
    auto value = std::make_shared<int>(1);
    SetOnce<Counted> cell;
    PolledTask dropped(cell.Wait());
    PolledTask stays(cell.Wait());
    EXPECT_TRUE(stays.Poll().pending());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    EXPECT_EQ(dropped.held(), 0);
    EXPECT_TRUE(cell.Set(value).ok());
    EXPECT_EQ(dropped.wakes(), 0);
    EXPECT_EQ(stays.wakes(), 1);
    EXPECT_EQ(**stays.Poll(), value);
    EXPECT_EQ(value.use_count(), 2);
  }
}

// behaviour: tokio/tests/sync_set_once.rs#set_and_wait
TEST(SetOnceTest, ATaskSetsIt) {
  SetOnce<int> cell;
  auto runtime = RuntimeBuilder::CurrentThread().Build();
  runtime->Spawn(Lazy([&] { EXPECT_TRUE(cell.Set(5).ok()); })).Detach();
  EXPECT_EQ(**runtime->BlockOn(cell.Wait()), 5);
}

// behaviour: tokio/tests/sync_set_once.rs#set_and_wait_threads
TEST(SetOnceTest, AThreadSetsIt) {
  SetOnce<int> cell;
  auto runtime = RuntimeBuilder::CurrentThread().Build();
  std::thread setter([&] { EXPECT_TRUE(cell.Set(4).ok()); });
  EXPECT_EQ(**runtime->BlockOn(cell.Wait()), 4);
  setter.join();
}

// behaviour: tokio/tests/sync_set_once.rs#get_uninit
TEST(SetOnceTest, EmptyAtFirst) { EXPECT_EQ(SetOnce<int>().Get(), nullptr); }

// behaviour: tokio/tests/sync_set_once.rs#from
TEST(SetOnceTest, WithAValueFromTheStart) {
  SetOnce<int> cell(2);
  EXPECT_EQ(*cell.Get(), 2);
  EXPECT_EQ(**PolledTask(cell.Wait()).Poll(), 2);
}

// behaviour: tokio/tests/sync_set_once.rs#set_twice
TEST(SetOnceTest, TheSecondSetFails) {
  SetOnce<Counted> cell;
  auto value = std::make_shared<int>(1);
  Counted other = value;
  EXPECT_TRUE(cell.Set(std::move(value)).ok());
  EXPECT_EQ(cell.Set(std::move(other)).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*other, 1);  // not moved from
}

// behaviour: tokio/tests/sync_set_once.rs#is_none_initializing
TEST(SetOnceTest, EmptyThenSetThenRefused) {
  SetOnce<int> cell;
  EXPECT_EQ(cell.Get(), nullptr);
  EXPECT_TRUE(cell.Set(20).ok());
  EXPECT_FALSE(cell.Set(10).ok());
  EXPECT_EQ(*cell.Get(), 20);
}

// behaviour: tokio/tests/sync_set_once.rs#is_some_initializing
TEST(SetOnceTest, ATaskThatWaitsIsWokenByOneThatSets) {
  SetOnce<int> cell;
  auto runtime = RuntimeBuilder::CurrentThread().Build();
  auto waiting = runtime->Spawn(cell.Wait());
  runtime->Spawn(Lazy([&] { EXPECT_TRUE(cell.Set(20).ok()); })).Detach();
  EXPECT_EQ(**runtime->BlockOn(std::move(waiting)), 20);
}

// behaviour: tokio/tests/sync_set_once.rs#drop_cell
TEST(SetOnceTest, ItsValueIsDestroyedOnce) {
  auto value = std::make_shared<int>(1);
  {
    SetOnce<Counted> cell;
    EXPECT_TRUE(cell.Set(value).ok());
    EXPECT_EQ(value.use_count(), 2);
  }
  EXPECT_EQ(value.use_count(), 1);
}

// behaviour: tokio/tests/sync_set_once.rs#drop_cell_new_with
TEST(SetOnceTest, AValueFromTheStartIsDestroyedOnce) {
  auto value = std::make_shared<int>(1);
  {
    SetOnce<Counted> cell(value);
    EXPECT_NE(cell.Get(), nullptr);
    EXPECT_EQ(value.use_count(), 2);
  }
  EXPECT_EQ(value.use_count(), 1);
}

// behaviour: tokio/tests/sync_set_once.rs#drop_into_inner
TEST(SetOnceTest, IntoMovesTheValueOut) {
  auto value = std::make_shared<int>(1);
  SetOnce<Counted> cell;
  EXPECT_TRUE(cell.Set(value).ok());
  auto out = std::move(cell).Into();
  EXPECT_EQ(*out, value);
  EXPECT_EQ(value.use_count(), 2);
}

// behaviour: tokio/tests/sync_set_once.rs#drop_into_inner_new_with
TEST(SetOnceTest, IntoOfAValueFromTheStart) {
  auto value = std::make_shared<int>(1);
  auto out = SetOnce<Counted>(value).Into();
  EXPECT_EQ(*out, value);
  EXPECT_EQ(value.use_count(), 2);
}

}  // namespace
}  // namespace kioto::sync
