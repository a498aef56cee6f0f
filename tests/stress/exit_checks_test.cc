// A program that ends with runtimes that are at work: I7 of the checks (README.md).
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

// Starts exits.cc.
pid_t StartExit(const char* how, const posix_spawn_file_actions_t* actions = nullptr) {
  const char* const argv[] = {"exits", how, nullptr};
  pid_t child = -1;
  EXPECT_EQ(::posix_spawn(&child, "tests/stress/exits", actions, nullptr, const_cast<char* const*>(argv), environ), 0);
  return child;  // -1: it has not started
}

// How it ends, as waitpid tells it.
int StatusOfExit(const char* how, const posix_spawn_file_actions_t* actions = nullptr) {
  const pid_t child = StartExit(how, actions);
  int status = -1;
  if (child > 0) {
    EXPECT_EQ(::waitpid(child, &status, 0), child);
  }
  return status;
}

// Started without one of the standard streams, as some supervisors do.
TEST(ExitChecks, AProgramWithoutAStandardStreamEndsAsAnyOther) {
  for (int fd = 0; fd <= 2; ++fd) {
    posix_spawn_file_actions_t actions;
    ASSERT_EQ(::posix_spawn_file_actions_init(&actions), 0);
    ASSERT_EQ(::posix_spawn_file_actions_addclose(&actions, fd), 0);
    const int status = StatusOfExit("return", &actions);
    ASSERT_EQ(::posix_spawn_file_actions_destroy(&actions), 0);
    ASSERT_TRUE(WIFEXITED(status)) << fd << ": ended by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 7) << fd;
  }
}

// Main's future has ended at the first signal, but a job goes on for ever.
void ExpectASecondSignalEnds(const char* how) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  ASSERT_EQ(::posix_spawn_file_actions_init(&actions), 0);
  ASSERT_EQ(::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO), 0);
  const pid_t child = StartExit(how, &actions);
  ASSERT_EQ(::posix_spawn_file_actions_destroy(&actions), 0);
  ::close(pipe[1]);
  ASSERT_GT(child, 0);
  char met = 0;
  const bool has_met = ::read(pipe[0], &met, 1) == 1;
  ::close(pipe[0]);
  int status = -1;
  do {
    if (has_met) ::kill(child, SIGINT);  // one that comes before the future is gone is nobody's
    ::poll(nullptr, 0, 1);
  } while (::waitpid(child, &status, WNOHANG) == 0);
  EXPECT_TRUE(has_met) << "the first one";
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(ExitChecks, ASecondSignalEndsAProgramWhoseJobDoesNot) { ExpectASecondSignalEnds("stuck"); }
// A task has listened until the end.
TEST(ExitChecks, ASecondSignalEndsAProgramWhoseTaskListened) { ExpectASecondSignalEnds("stuck_listener"); }

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
