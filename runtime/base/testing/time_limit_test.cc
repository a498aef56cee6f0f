#include "kioto/runtime/base/testing/time_limit.h"

#include <chrono>

#include "gtest/gtest.h"
#include "kioto/runtime/base/park.h"

namespace kioto::base {
namespace {

TEST(TimeLimitTest, LeftInTimeNothingHappens) {
  for (int i = 0; i < 100; ++i) const TimeLimit limit;
}

TEST(TimeLimitDeathTest, WhatHangsEndsTheProgramWithASentence) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const TimeLimit limit(std::chrono::seconds(0));
        Parker().Park();  // nobody has its token
      },
      "did not end within 0 s: a deadlock, or a wake that was lost");
}

}  // namespace
}  // namespace kioto::base
