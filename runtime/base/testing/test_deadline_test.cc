#include <signal.h>

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

TEST(TestDeadlineDeathTest, ATestThatHangsIsNamed) {
  EXPECT_DEATH(::raise(SIGALRM), "TestDeadlineDeathTest.ATestThatHangsIsNamed did not end before its time limit");
}

}  // namespace
}  // namespace kioto::base
