// The snippets of tools/guide/dumps.md, compiled and run.
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/mpsc.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

// [region describe]
// Waits for a turn at a machine of ours.
class [[nodiscard]] TurnFuture : public FutureBase<TurnFuture, Unit> {
 public:
  explicit TurnFuture(int machine) : machine_(machine) {}
  Poll<Unit> PollOnce(Context&) { return kPending; }
  void Describe(WaitTrace& trace) const { trace.Leaf("a turn at machine " + std::to_string(machine_)); }

 private:
  const int machine_;
};
// [end describe]

TEST(Dumps, ShowWhatTasksWaitFor) {
  StatusOr<Runtime> made = Runtime::MultiThread();
  ASSERT_TRUE(made.ok()) << made.status();
  Runtime& runtime = *made;
  // [region dump]
  auto jobs = sync::Mpsc<int>(16);
  auto worker = runtime.Spawn(With(std::move(jobs.receiver),
                                   [](auto& inbox) {
                                     return Select(Case(inbox.Recv().Named("the next job"), [](std::optional<int>&) {}),
                                                   Case(Timeout(1h, TurnFuture(7)), [](Status&) {}));
                                   }),
                              {"worker of line 3"});

  const RuntimeDump dump = runtime.Dump();      // any thread, any time
  std::fputs(dump.ToString().c_str(), stderr);  // for people
  for (const TaskDump& task : dump.tasks) {     // as data
    if (task.state == TaskDump::State::kRunning && task.running_for > 1s) std::abort();
  }
  // [end dump]
  std::string text;
  do {
    std::this_thread::yield();
    text = runtime.Dump().ToString();
  } while (text.find("waiting") == text.npos);
  EXPECT_THAT(text, testing::HasSubstr("\"worker of line 3\", spawned at"));
  EXPECT_THAT(text, testing::HasSubstr("  Select\n    \"the next job\"\n      mpsc::Recv\n    Timeout, "));
  EXPECT_THAT(text, testing::HasSubstr("\n      a turn at machine 7\n"));
}

TEST(Dumps, Stalls) {
  // [region stall]
  StatusOr<Runtime> runtime =
      RuntimeBuilder::MultiThread()
          .TaskDetails()  // polls and age of every task, not only of those with a name
          .OnStall([](const StallReport& stall) {
            std::fprintf(stderr, "worker %d has been in task %llu \"%s\" for %lld ms:\n%s", stall.worker,
                         static_cast<unsigned long long>(stall.task_id), stall.task_name.c_str(),
                         static_cast<long long>(stall.stalled / 1ms), stall.stack.c_str());
          })
          .Build();
  // [end stall]
  EXPECT_TRUE(runtime.ok()) << runtime.status();
}

}  // namespace
}  // namespace kioto
