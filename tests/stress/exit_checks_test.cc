// A program that ends with runtimes that are at work: I7 of the checks (README.md).
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

// How exits.cc ends, as waitpid tells it.
int StatusOfExit(const char* how) {
  const char* const argv[] = {"exits", how, nullptr};
  pid_t child;
  int status = -1;
  EXPECT_EQ(::posix_spawn(&child, "tests/stress/exits", nullptr, nullptr, const_cast<char* const*>(argv), environ), 0);
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

// How it may end. A task that ends the program destroys the runtime whose worker it is on, and joins no thread: ThreadSanitizer calls
// one that has ended by then a leak.
constexpr const char* kWays[] = {"return", "exit", "quick_exit", "statics", "thread", "fork",
#if !KIOTO_THREAD_SANITIZED
                                 "task",
#endif
};

// check: I7
TEST(ExitChecks, LiveTasksNeitherCrashNorHangAProgramsEnd) {
  const int rounds = Scaled(143);
  int ends = 0;
  for (int round = 0; round < rounds; ++round) {
    for (const char* how : kWays) {
      const int status = StatusOfExit(how);
      ASSERT_TRUE(WIFEXITED(status)) << how << " was ended by signal " << WTERMSIG(status);
      ASSERT_EQ(WEXITSTATUS(status), 7) << how;
      ++ends;
    }
  }
  std::printf("%d ends\n", ends);
}

}  // namespace
}  // namespace kioto
