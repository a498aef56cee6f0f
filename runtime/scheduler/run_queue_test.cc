#include "kioto/runtime/scheduler/run_queue.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/scheduler/testing/plain_task.h"
#include "kioto/tests/stress/stress.h"

namespace kioto::internal {
namespace {

constexpr int kCapacity = RunQueue::kCapacity;

TEST(RunQueueTest, IsFifo) {
  PlainTasks tasks(3);
  RunQueue queue;
  Injector overflow;
  for (int i = 0; i < 3; ++i) queue.Push(tasks[i], overflow);
  EXPECT_EQ(queue.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.Pop(), tasks[i]);
  EXPECT_EQ(queue.Pop(), nullptr);
}

// In chunks, since what is injected comes in chunks.
// behaviour: tokio/src/runtime/tests/queue.rs#fits_256_one_at_a_time
// behaviour: tokio/src/runtime/tests/queue.rs#fits_256_all_at_once
// behaviour: tokio/src/runtime/tests/queue.rs#fits_256_all_in_chunks
TEST(RunQueueTest, FitsAsManyAsItHasRoomFor) {
  for (std::vector<int> chunks : {std::vector<int>{kCapacity}, {10, 100, 46, 100}, std::vector<int>(kCapacity, 1)}) {
    PlainTasks tasks(kCapacity);
    RunQueue queue;
    Injector overflow;
    int pushed = 0;
    for (int chunk : chunks) {
      EXPECT_EQ(queue.room(), static_cast<uint32_t>(kCapacity - pushed));
      for (int i = 0; i < chunk; ++i) queue.Push(tasks[pushed++], overflow);
    }
    EXPECT_TRUE(overflow.empty());
    for (int i = 0; i < kCapacity; ++i) EXPECT_EQ(queue.Pop(), tasks[i]);
    EXPECT_EQ(queue.Pop(), nullptr);
  }
}

// The chunks above, and the counters' masks.
// behaviour: tokio/src/runtime/scheduler/multi_thread/queue.rs#test_local_queue_capacity
TEST(RunQueueTest, HasRoomFor256) {
  EXPECT_EQ(kCapacity, 256);
  EXPECT_EQ(RunQueue().room(), 256u);
}

// behaviour: tokio/src/runtime/tests/queue.rs#overflow
TEST(RunQueueTest, OverflowMovesTheOlderHalfInOrder) {
  PlainTasks tasks(kCapacity + 1);
  RunQueue queue;
  Injector overflow;
  for (int i = 0; i <= kCapacity; ++i) queue.Push(tasks[i], overflow);
  EXPECT_EQ(overflow.size(), static_cast<size_t>(kCapacity / 2 + 1));
  for (int i = 0; i < kCapacity / 2; ++i) EXPECT_EQ(overflow.Pop(1), tasks[i]);
  EXPECT_EQ(overflow.Pop(1), tasks[kCapacity]);
  for (int i = kCapacity / 2; i < kCapacity; ++i) EXPECT_EQ(queue.Pop(), tasks[i]);
  EXPECT_TRUE(queue.empty());
}

// behaviour: kioto/runtime/scheduler/run_queue.h#what_a_driver_brings_makes_no_older_task_leave
// Else what a busy driver brings, turn by turn, could make the same task leave each time before its turn came.
TEST(RunQueueTest, WhatADriverBringsMakesNoOlderTaskLeave) {
  PlainTasks tasks(kCapacity + 3);
  RunQueue queue;
  Injector overflow;
  for (int i = 0; i < kCapacity + 2; ++i) queue.PushBrought(tasks[i]);
  EXPECT_TRUE(overflow.empty());
  EXPECT_EQ(queue.Pop(), tasks[0]);
  queue.PushBrought(tasks[kCapacity + 2]);  // behind those that are kept, although there is room
  queue.Flush(overflow);
  EXPECT_EQ(queue.overflows(), 1u);
  for (int i = 1; i < kCapacity; ++i) EXPECT_EQ(queue.Pop(), tasks[i]);
  EXPECT_EQ(queue.Pop(), nullptr);
  for (int i = kCapacity; i < kCapacity + 3; ++i) EXPECT_EQ(overflow.Pop(1), tasks[i]);
  queue.Flush(overflow);
  EXPECT_TRUE(overflow.empty());
  EXPECT_EQ(queue.overflows(), 1u);
}

// behaviour: tokio/src/runtime/tests/queue.rs#steal_batch
TEST(RunQueueTest, StealsHalfOfAnEvenNumber) {
  PlainTasks tasks(4);
  RunQueue victim, thief;
  Injector overflow;
  for (int i = 0; i < 4; ++i) victim.Push(tasks[i], overflow);
  EXPECT_EQ(thief.StealFrom(victim), tasks[1]);
  EXPECT_EQ(thief.size(), 1u);
  EXPECT_EQ(victim.size(), 2u);
  EXPECT_EQ(thief.Pop(), tasks[0]);
  EXPECT_EQ(victim.Pop(), tasks[2]);
  EXPECT_EQ(victim.Pop(), tasks[3]);
}

TEST(RunQueueTest, StealsTheOlderHalf) {
  PlainTasks tasks(5);
  RunQueue victim, thief;
  Injector overflow;
  EXPECT_EQ(thief.StealFrom(victim), nullptr);
  for (int i = 0; i < 5; ++i) victim.Push(tasks[i], overflow);
  EXPECT_EQ(thief.StealFrom(victim), tasks[2]);  // three of five: the newest of them is run at once
  EXPECT_EQ(thief.Pop(), tasks[0]);
  EXPECT_EQ(thief.Pop(), tasks[1]);
  EXPECT_EQ(victim.Pop(), tasks[3]);
  EXPECT_EQ(victim.Pop(), tasks[4]);
}

TEST(RunQueueTest, StealsALoneTask) {
  PlainTasks tasks(1);
  RunQueue victim, thief;
  Injector overflow;
  victim.Push(tasks[0], overflow);
  EXPECT_EQ(thief.StealFrom(victim), tasks[0]);
  EXPECT_TRUE(victim.empty());
  EXPECT_TRUE(thief.empty());
}

TEST(RunQueueTest, DoesNotStealWithoutRoom) {
  PlainTasks tasks(kCapacity + 2);
  RunQueue victim, thief;
  Injector overflow;
  for (int i = 0; i < kCapacity / 2 + 1; ++i) thief.Push(tasks[i], overflow);
  victim.Push(tasks[kCapacity + 1], overflow);
  EXPECT_EQ(thief.StealFrom(victim), nullptr);
  EXPECT_EQ(victim.Pop(), tasks[kCapacity + 1]);
}

TEST(RunQueueTest, SlotHoldsTheNewest) {
  PlainTasks tasks(2);
  RunQueue queue;
  EXPECT_EQ(queue.TakeSlot(), nullptr);
  EXPECT_EQ(queue.PutSlot(tasks[0]), nullptr);
  EXPECT_EQ(queue.PutSlot(tasks[1]), tasks[0]);
  EXPECT_FALSE(queue.slot_empty());
  EXPECT_EQ(queue.TakeSlot(), tasks[1]);
  EXPECT_TRUE(queue.slot_empty());
}

// One owner that pushes, pops and uses the slot, thieves that are its monitor too, an injector that they all share.
void ExpectEachTaskOnce(PlainTasks& tasks) {
  std::vector<std::atomic<int>> seen(static_cast<size_t>(tasks.size()));
  RunQueue victim;
  Injector overflow;
  std::atomic<bool> done{false};
  auto see = [&](TaskHeader* task) { ++seen[task->id]; };
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      RunQueue own;
      while (!done) {
        for (TaskHeader* task = own.StealFrom(victim); task != nullptr; task = own.Pop()) see(task);
        if (TaskHeader* task = victim.TakeSlot()) see(task);
        if (TaskHeader* task = overflow.Pop(1)) see(task);
      }
    });
  }
  for (int i = 0; i < tasks.size(); ++i) {
    if (i % 7 == 0) {
      if (TaskHeader* displaced = victim.PutSlot(tasks[i])) victim.Push(displaced, overflow);
    } else {
      victim.Push(tasks[i], overflow);
    }
    if (i % 3 == 0) {
      if (TaskHeader* task = victim.Pop()) see(task);
    }
  }
  while (TaskHeader* task = victim.Pop()) see(task);
  done = true;
  for (std::thread& thread : others) thread.join();
  while (TaskHeader* task = victim.Pop()) see(task);
  if (TaskHeader* task = victim.TakeSlot()) see(task);
  while (TaskHeader* task = overflow.Pop(1)) see(task);
  for (int i = 0; i < tasks.size(); ++i) ASSERT_EQ(seen[static_cast<size_t>(i)], 1) << i;
}

// check: A5
// behaviour: tokio/src/runtime/tests/queue.rs#stress1
// behaviour: tokio/src/runtime/tests/queue.rs#stress2
TEST(RunQueueTest, LosesAndDoublesNothingUnderTheft) {
  PlainTasks tasks(100'000);
  for (int round = Scaled(100); round > 0 && !HasFatalFailure(); --round) ExpectEachTaskOnce(tasks);
}

}  // namespace
}  // namespace kioto::internal
