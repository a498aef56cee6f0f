// What the monitor tells the hook of a poll that takes too long.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

struct Stalls {
  base::Mutex mutex;
  std::vector<std::string> reports;
};

// behaviour: kioto/runtime/scheduler/monitor.h#a_stall_is_told_to_the_hook
TEST(StallReports, SayTheTaskAndTheStack) {
  Stalls stalls;
  base::Parker reported;
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                  .WorkerThreads(1)
                                  .OnStall([&](const StallReport& report) {
                                    {
                                      base::MutexLock lock(stalls.mutex);
                                      stalls.reports.push_back(absl::StrCat(report.worker, " ", report.task_id, " ", report.task_name,
                                                                            " ", report.file, ":", report.line));
                                    }
                                    EXPECT_GE(report.stalled, std::chrono::milliseconds(25));
                                    reported.Unpark();
                                  })
                                  .Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  const int line = __LINE__ + 1;
  auto first = runtime->Spawn(Lazy([&reported] { reported.Park(); }), {"slow"});
  const uint64_t id = first.id();
  EXPECT_TRUE(runtime->BlockOn(std::move(first)).ok());
  EXPECT_EQ(stalls.reports, std::vector<std::string>{absl::StrCat("0 ", id, " slow ", __FILE__, ":", line)});
}

}  // namespace
}  // namespace kioto
