// Many children at once, of tasks on many workers.
#include <signal.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/process/testing/children.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::process {
namespace {

base::Atomic<int> host_calls{0};
void HostHandler(int) { host_calls.fetch_add(1, std::memory_order_relaxed); }  // relaxed: a count alone

#if defined(__SANITIZE_THREAD__)
constexpr bool kSignalsReachEveryThread = false;  // they are kept back until the thread calls into libc; a parked one does not
#else
constexpr bool kSignalsReachEveryThread = true;
#endif

class ManyChildrenTest : public testing::TestWithParam<bool> {
 protected:
  ManyChildrenTest() : calls_(GetParam()) {
    StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(4).Build();
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = std::make_unique<Runtime>(*std::move(runtime));
  }
  ~ManyChildrenTest() override {
    runtime_.reset();
    signal::RestoreUnused();
  }

  void SetUp() override {
    if (!GetParam() && !kSignalsReachEveryThread) GTEST_SKIP() << "a SIGCHLD may reach a thread that never handles it";
  }

  CountedCalls calls_;
  std::unique_ptr<Runtime> runtime_;
};
INSTANTIATE_TEST_SUITE_P(Ways, ManyChildrenTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Pidfd" : "Sigchld"; });

auto TenEchos(int task) {
  std::vector<CommandOutputFuture> echos;
  for (int i = 0; i < 10; ++i) {
    echos.push_back(Command("echo").Arg(absl::StrCat("task ", task, ", child ", i)).KillOnDrop().Output());
  }
  return JoinAll(std::move(echos));
}

// behaviour: tokio/tests/process_issue_42.rs#issue_42
TEST_P(ManyChildrenTest, NoEndIsMissed) {
  std::vector<JoinHandle<std::vector<StatusOr<ProcessOutput>>>> tasks;
  for (int task = 0; task < 10; ++task) tasks.push_back(runtime_->Spawn(TenEchos(task)));
  for (int task = 0; task < 10; ++task) {
    auto outputs = runtime_->BlockOn(std::move(tasks[task]));
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    ASSERT_EQ(outputs->size(), 10u);
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE((*outputs)[i].ok()) << (*outputs)[i].status();
      EXPECT_EQ((*outputs)[i]->out, absl::StrCat("task ", task, ", child ", i, "\n"));
      EXPECT_TRUE((*outputs)[i]->status.success());
    }
  }
  EXPECT_EQ(calls_.reaped.load(), 100);
  EXPECT_EQ(calls_.kills.load(), 0);
  EXPECT_FALSE(HasChildren());
}

// check: I4
TEST_P(ManyChildrenTest, AThousandShortOnesLeaveNoZombie) {
  struct sigaction handler{}, before;
  handler.sa_handler = &HostHandler;
  handler.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGCHLD, &handler, &before), 0);
  host_calls.store(0);
  std::vector<JoinHandle<Status>> tasks;
  for (int task = 0; task < 20; ++task) {
    tasks.push_back(runtime_->Spawn(Loop([left = 50]() mutable {
      return If(left-- == 0, Break, [] {
        return Command("true").Status().Then([](StatusOr<ExitStatus>& status) { return status.status(); });
      });
    })));
  }
  for (JoinHandle<Status>& task : tasks) {
    const Status status = runtime_->BlockOn(std::move(task));
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(calls_.reaped.load(), 1000);
  EXPECT_FALSE(HasChildren());
  EXPECT_GE(host_calls.load(), 1);
  signal::RestoreUnused();
  ASSERT_EQ(::sigaction(SIGCHLD, &before, &handler), 0);
  EXPECT_EQ(handler.sa_handler, &HostHandler) << "it was put back";
}

}  // namespace
}  // namespace kioto::process
