#include "kioto/runtime/base/config.h"

#include <cassert>

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

// One that is not defined does not compile here, though #if takes it for 0.
constexpr int kMacros[] = {KIOTO_EXCEPTIONS, KIOTO_PORTABLE, KIOTO_THREAD_SANITIZED, KIOTO_MODEL, KIOTO_DEBUG};

TEST(ConfigTest, EveryMacroIsZeroOrOne) {
  for (int macro : kMacros) EXPECT_TRUE(macro == 0 || macro == 1);
}

TEST(ConfigTest, ChecksAreOnWhereAssertsAre) {
  int asked = 0;
  assert(++asked == 1);
  EXPECT_EQ(asked, KIOTO_DEBUG);
}

#if KIOTO_EXCEPTIONS
TEST(ConfigTest, WhatIsThrownIsCaught) {
  int caught = 0;
  try {
    throw 1;
  } catch (int thrown) {
    caught = thrown;
  }
  EXPECT_EQ(caught, 1);
}
#endif

}  // namespace
}  // namespace kioto::base
