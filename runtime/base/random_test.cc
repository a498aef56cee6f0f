#include "kioto/runtime/base/random.h"

#include <set>

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

TEST(FastRandomTest, SameSeedSameSequence) {
  FastRandom a(5);
  FastRandom b(5);
  FastRandom c(6);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t x = a.Next();
    EXPECT_EQ(x, b.Next());
    differs |= x != c.Next();
  }
  EXPECT_TRUE(differs);
}

// behaviour: tokio/src/util/rand.rs#non_zero_seed_from_u64
// behaviour: tokio/src/util/rand.rs#non_zero_seed_from_pair
TEST(FastRandomTest, EverySeedWorks) {
  for (uint64_t seed : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, uint64_t{0} - 0x9e3779b97f4a7c15u}) {
    FastRandom random(seed);
    std::set<uint64_t> seen;
    for (int i = 0; i < 1'000; ++i) seen.insert(random.Next());
    EXPECT_EQ(seen.size(), 1'000u) << seed;
  }
}

TEST(FastRandomTest, BelowIsEvenAndInRange) {
  for (uint32_t bound : {1u, 2u, 3u, 7u, 10u}) {
    FastRandom random(bound);
    int counts[10] = {};
    for (uint32_t i = 0; i < 10'000 * bound; ++i) {
      const uint32_t x = random.Below(bound);
      ASSERT_LT(x, bound);
      ++counts[x];
    }
    for (uint32_t x = 0; x < bound; ++x) EXPECT_NEAR(counts[x], 10'000, 600) << x << " of " << bound;
  }
  FastRandom random(1);
  bool high = false;
  for (int i = 0; i < 100; ++i) high |= random.Below(~uint32_t{0}) > 1u << 31;
  EXPECT_TRUE(high);
}

TEST(SeedTest, SequenceRepeats) {
  const uint64_t before = ProcessSeed();
  SetProcessSeed(42);
  EXPECT_EQ(ProcessSeed(), 42u);
  const uint64_t first = NextSeed();
  const uint64_t second = NextSeed();
  EXPECT_NE(first, second);
  SetProcessSeed(42);
  EXPECT_EQ(NextSeed(), first);
  EXPECT_EQ(NextSeed(), second);
  SetProcessSeed(43);
  EXPECT_NE(NextSeed(), first);
  SetProcessSeed(before);
}

}  // namespace
}  // namespace kioto::base
