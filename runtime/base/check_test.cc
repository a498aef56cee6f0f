#include "kioto/runtime/base/check.h"

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

#if defined(GTEST_HAS_DEATH_TEST)
TEST(CheckDeathTest, SaysWhereAndWhy) {
  EXPECT_DEATH(KIOTO_CHECK(1 + 1 == 3, "arithmetic is broken"),
               "kioto: arithmetic is broken \\(check `1 \\+ 1 == 3` failed at .*check_test.cc:[0-9]+\\)");
}
#endif

TEST(CheckTest, AsksOnce) {
  int asked = 0;
  KIOTO_CHECK(++asked == 1, "asked twice");
  EXPECT_EQ(asked, 1);
  KIOTO_DCHECK(++asked == 2, "asked twice");
  EXPECT_EQ(asked, KIOTO_DEBUG ? 2 : 1);
}

}  // namespace
}  // namespace kioto::base
