// The system's own limit on the threads of a user: F1 of the checks (README.md).
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/jobs.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kSecond = 1'000'000'000;

// In its scope this user gets no thread.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    EXPECT_EQ(::getrlimit(RLIMIT_NPROC, &before_), 0);
    const rlimit none = {0, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
  }
  ~NoMoreThreads() { EXPECT_EQ(::setrlimit(RLIMIT_NPROC, &before_), 0); }
  NoMoreThreads(const NoMoreThreads&) = delete;
  NoMoreThreads& operator=(const NoMoreThreads&) = delete;

 private:
  rlimit before_;
};

// A runtime's threads, the first of a pool, and those that a pool would grow by.
void MeetTheLimitOnThreads() {
  const int jobs = std::max(2, Scaled(10'000));
  Runtime runtime = *RuntimeBuilder::CurrentThread().BlockingQueue(static_cast<size_t>(jobs)).Build();
  base::Atomic<int> ran{0};
  base::Atomic<bool> go{false};
  const auto job = [&ran] { ran.fetch_add(1); };
  std::vector<JoinHandle<Unit>> refused, queued;
  {
    NoMoreThreads limited;
    const StatusOr<Runtime> other = RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
    EXPECT_FALSE(other.ok());
    EXPECT_TRUE(absl::StrContains(other.status().message(), "thread")) << other.status();
    for (int i = 0; i < jobs; ++i) refused.push_back(runtime.SpawnBlocking(job));
  }
  EXPECT_EQ(CountDone(runtime, std::move(refused)), 0);
  queued.push_back(runtime.SpawnBlocking([&go] {
    while (!go.load()) std::this_thread::yield();
  }));
  {
    NoMoreThreads limited;
    for (int i = 1; i < jobs; ++i) queued.push_back(runtime.SpawnBlocking(job));
    go.store(true);
    const int64_t start = base::MonotonicNanos();
    EXPECT_EQ(CountDone(runtime, std::move(queued)), jobs);
    EXPECT_LE(base::MonotonicNanos() - start, 10 * kSecond);
  }
  EXPECT_EQ(ran.load(), jobs - 1);
  EXPECT_TRUE(runtime.Shutdown().clean());
}

// The limit does not bind root, so the process that meets it becomes nobody first.
// check: F1
TEST(ThreadLimitChecksDeathTest, TheLimitOnThreadsOrphansNoJob) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr uid_t kNobody = 65534;
  EXPECT_EXIT(
      {
        if (::geteuid() != 0 || ::setuid(kNobody) == 0) {
          MeetTheLimitOnThreads();
        } else {
          std::printf("root, and may not become anybody else: the limit binds nobody here\n");
        }
        std::fflush(stdout);  // what failed, too, is there
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace kioto
