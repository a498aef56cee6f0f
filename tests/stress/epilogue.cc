// What holds at the end of each test of a program that links this: its threads, its fds (but files) and what it counts are gone. (A loop that
// goes with a handle left on it ends the program.)
#include <dirent.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <set>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

std::set<int> Threads() {
  std::set<int> threads;
  DIR* dir = ::opendir("/proc/self/task");
  KIOTO_CHECK(dir != nullptr, "no /proc/self/task");
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') threads.insert(std::atoi(entry->d_name));
  }
  ::closedir(dir);
  return threads;
}

class Epilogue : public testing::EmptyTestEventListener {
  void OnTestProgramStart(const testing::UnitTest&) override {
    // With the first thread a sanitizer may start one of its own, with the first loop libuv opens a pipe: for ever.
    std::thread([] {}).join();
    KIOTO_CHECK(Runtime::CurrentThread().ok(), "no runtime");
  }
  void OnTestStart(const testing::TestInfo&) override {
    threads_ = Threads();
    fds_ = OpenFdSet();
  }
  void OnTestEnd(const testing::TestInfo& test) override {
    if (test.result()->Failed()) return;  // it may have stopped halfway, and left things
    // A thread is listed a little longer than it can be joined, and one of a pool that was not waited for ends when it may.
    const int64_t deadline = base::MonotonicNanos() + int64_t{10} * 1'000'000'000;
    while ((!New(Threads(), threads_).empty() || !New(OpenFdSet(), fds_).empty()) && base::MonotonicNanos() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_THAT(New(Threads(), threads_), testing::IsEmpty()) << "a thread is left";
    EXPECT_THAT(New(OpenFdSet(), fds_), testing::IsEmpty()) << "an fd is left";
    EXPECT_EQ(Counted::alive(), 0);
    if (testing::UnitTest::GetInstance()->failed_test_count() > 0) return;  // what the failed one has left may have gone
    EXPECT_EQ(OpenFdSet(), fds_) << "an fd of others was closed";
  }

  // What is there now and was not there before. (What a test that failed has left may go at any time.)
  static std::set<int> New(const std::set<int>& now, const std::set<int>& before) {
    std::set<int> added;
    std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::inserter(added, added.end()));
    return added;
  }

  std::set<int> threads_;
  std::set<int> fds_;
};

// Before the program's main, whoever wrote it.
[[maybe_unused]] const bool kListens = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new Epilogue);
  return true;
}();

}  // namespace
}  // namespace kioto
