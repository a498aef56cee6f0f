#include "kioto/time/internal/delay_heap.h"

#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace kioto::internal {
namespace {

TEST(DelayHeapTest, EqualDeadlinesComeInTheOrderOfInsertion) {
  DelayHeap heap;
  std::vector<uint64_t> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(heap.KeyOf(heap.Add(7)).id());
  for (uint64_t id : ids) {
    EXPECT_EQ(heap.KeyOf(heap.top()).id(), id);
    heap.Remove(heap.top());
  }
  EXPECT_EQ(heap.top(), DelayHeap::kNone);
}

TEST(DelayHeapTest, AKeyThatOutlivesItsEntryNamesNothing) {
  DelayHeap heap;
  const time::DelayKey old = heap.KeyOf(heap.Add(1));
  heap.Remove(heap.Find(old));
  const time::DelayKey next = heap.KeyOf(heap.Add(1));  // in the same slot
  EXPECT_EQ(next.slot(), old.slot());
  EXPECT_EQ(heap.Find(old), DelayHeap::kNone);
  EXPECT_NE(heap.Find(next), DelayHeap::kNone);
  EXPECT_EQ(heap.Find(time::DelayKey()), DelayHeap::kNone);
  heap.Clear();
  EXPECT_EQ(heap.Find(next), DelayHeap::kNone);
}

// Everything at random, against an ordered set that says what must come out.
TEST(DelayHeapTest, AgreesWithAnOracle) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    DelayHeap heap;
    std::set<std::pair<int64_t, uint64_t>> oracle;  // (due, id)
    std::map<uint64_t, std::pair<time::DelayKey, int64_t>> live;
    std::vector<time::DelayKey> gone;
    for (int step = 0; step < 2000; ++step) {
      const uint32_t what = random() % 100;
      auto any = live.begin();
      if (!live.empty()) std::advance(any, random() % live.size());
      if (what < 45 || live.empty()) {
        const int64_t due = random() % 50;
        const time::DelayKey key = heap.KeyOf(heap.Add(due));
        oracle.emplace(due, key.id());
        live[key.id()] = {key, due};
      } else if (what < 60) {
        const int64_t due = random() % 50;
        oracle.erase({any->second.second, any->first});
        oracle.emplace(due, any->first);
        any->second.second = due;
        heap.Move(heap.Find(any->second.first), due);
      } else if (what < 97) {
        const bool first = what < 80;
        if (first) any = live.find(oracle.begin()->second);
        ASSERT_EQ(heap.Find(any->second.first), first ? heap.top() : heap.Find(any->second.first));
        heap.Remove(heap.Find(any->second.first));
        oracle.erase({any->second.second, any->first});
        gone.push_back(any->second.first);
        live.erase(any);
      } else if (what < 99) {
        const std::vector<uint32_t> old_slots = heap.Compact();
        ASSERT_EQ(old_slots.size(), live.size());
        ASSERT_EQ(heap.slots(), live.size());
      } else {
        heap.ShrinkToFit();
      }
      ASSERT_EQ(heap.size(), oracle.size());
      if (!oracle.empty()) {
        ASSERT_EQ(heap.KeyOf(heap.top()).id(), oracle.begin()->second);
        ASSERT_EQ(heap.due(heap.top()), oracle.begin()->first);
      }
      if (step % 100 != 0) continue;
      for (auto& [id, entry] : live) ASSERT_EQ(heap.due(heap.Find(entry.first)), entry.second);
      for (time::DelayKey key : gone) ASSERT_EQ(heap.Find(key), DelayHeap::kNone);
    }
  }
}

}  // namespace
}  // namespace kioto::internal
