// A program of tests that hangs ends itself and names the test, a little before whoever runs it would kill it without a word.
// Part of each kioto_cc_test. The limit is TEST_TIMEOUT, seconds for the whole program, which `bazel test` sets; without it
// there is none.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cstddef>
#include <string>

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

// What is left for the end of the program when the alarm comes: the tenth part, so 6 s of a limit of 60.
constexpr unsigned kPartLeft = 10;

// What the handler says; written between two tests. A handler can ask gtest for nothing: it may hold its lock.
char words[256] = "No test";

void OnAlarm(int) {
  constexpr char kRest[] = " did not end before its time limit: a deadlock, a wake that was lost, or too much work.\n";
  (void)!::write(STDERR_FILENO, words, ::strlen(words));
  (void)!::write(STDERR_FILENO, kRest, sizeof(kRest) - 1);
  ::abort();
}

class NamesTheTest : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& test) override {
    const std::string name = std::string(test.test_suite_name()) + "." + test.name();
    words[name.copy(words, sizeof(words) - 1)] = '\0';
  }
};

const bool kArmed = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new NamesTheTest);  // owned by gtest
  struct sigaction action = {};
  action.sa_handler = &OnAlarm;
  ::sigaction(SIGALRM, &action, nullptr);
  const char* const limit = ::getenv("TEST_TIMEOUT");
  const int seconds = limit == nullptr ? 0 : ::atoi(limit);
  if (seconds > 0) ::alarm(static_cast<unsigned>(seconds) - static_cast<unsigned>(seconds) / kPartLeft);
  return true;
}();

}  // namespace
}  // namespace kioto::base
