#include "kioto/runtime/base/fork_mark.h"

#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

TEST(ForkMarkTest, IsInheritedByTheChildAndItsChildren) {
  const ForkMark mark;
  EXPECT_FALSE(mark.inherited());
  const pid_t child = ::fork();
  if (child == 0) {
    const ForkMark own;
    const bool first = mark.inherited() && !own.inherited();
    const pid_t grandchild = ::fork();
    if (grandchild == 0) ::_exit(mark.inherited() && own.inherited() && !ForkMark().inherited() ? 0 : 1);
    int status = -1;
    ::waitpid(grandchild, &status, 0);
    ::_exit(first && status == 0 ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(mark.inherited()) << "the parent's is the parent's";
}

}  // namespace
}  // namespace kioto::base
