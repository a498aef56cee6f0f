// How a runtime that is attached to a loop ends: inside a task, on another thread, with handles left.
#include <uv.h>

#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

// Never ready; keeps `owned`.
auto Holds(std::shared_ptr<int> owned) {
  return PollFn([owned = std::move(owned)](Context&) -> Poll<int> { return kPending; });
}

class AttachedEndTest : public testing::Test {
 protected:
  AttachedEndTest() {
    uv_loop_init(&loop_);
    StatusOr<Runtime> made = Runtime::Attach(&loop_);
    EXPECT_TRUE(made.ok()) << made.status();
    runtime_ = std::make_unique<Runtime>(*std::move(made));
  }
  ~AttachedEndTest() override { EXPECT_EQ(uv_loop_close(&loop_), 0); }

  void Run() { uv_run(&loop_, UV_RUN_DEFAULT); }

  uv_loop_t loop_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(AttachedEndTest, DetachInsideATaskIsDoneAfterIt) {
  auto owned = std::make_shared<int>(1);
  bool after_detach = false;
  Handle handle = runtime_->handle();
  handle.Spawn(Holds(owned)).Detach();
  handle.Spawn(Lazy([&after_detach, runtime = std::move(runtime_)]() mutable {  // nobody but the task keeps the runtime
    runtime = nullptr;
    after_detach = true;
    return Ready(1);
  })).Detach();
  Run();
  EXPECT_TRUE(after_detach);
  EXPECT_EQ(owned.use_count(), 1);
}

// A destructor that says where it ran.
struct SaysWhere {
  explicit SaysWhere(std::thread::id* where) : where(where) {}
  SaysWhere(SaysWhere&& other) noexcept : where(std::exchange(other.where, nullptr)) {}
  ~SaysWhere() {
    if (where != nullptr) *where = std::this_thread::get_id();
  }
  std::thread::id* where;
};

auto SpawnSayingWhere(const Runtime& runtime, std::thread::id* where) {
  return runtime.Spawn(PollFn([says = SaysWhere(where)](Context&) -> Poll<int> { return kPending; }));
}

TEST_F(AttachedEndTest, DroppedOnAnotherThreadItIsEndedByTheLoop) {
  std::thread::id ended_on;
  auto task = SpawnSayingWhere(*runtime_, &ended_on);
  std::thread([this] { runtime_ = nullptr; }).join();
  EXPECT_FALSE(task.finished());
  Run();
  EXPECT_TRUE(task.finished());
  EXPECT_EQ(ended_on, std::this_thread::get_id());
}

TEST_F(AttachedEndTest, DetachedOnAnotherThreadItIsEndedByTheLoop) {
  std::thread::id ended_on, done_on;
  auto task = SpawnSayingWhere(*runtime_, &ended_on);
  std::thread([&] {
    auto done = [](void* arg) { *static_cast<std::thread::id*>(arg) = std::this_thread::get_id(); };
    EXPECT_EQ(runtime_->Detach(done, &done_on), OkStatus());
    EXPECT_TRUE(IsShutdown(runtime_->Detach(done, &done_on)));
  }).join();
  Run();
  EXPECT_TRUE(task.finished());
  EXPECT_EQ(ended_on, std::this_thread::get_id());
  EXPECT_EQ(done_on, std::this_thread::get_id());
  runtime_ = nullptr;
}

TEST_F(AttachedEndTest, ShutdownOnAnotherThreadWaitsForTheLoop) {
  runtime_->Spawn(Holds(nullptr)).Detach();
  std::thread([this] {
    const ShutdownReport report = runtime_->Shutdown(std::chrono::nanoseconds(0));
    EXPECT_EQ(report.live_tasks, 1u);
  }).join();
  std::thread other([this] { EXPECT_TRUE(runtime_->Shutdown().clean()); });
  Run();
  other.join();
  runtime_ = nullptr;
}

// The last reference may go on another thread while the loop still calls the handles back.
TEST_F(AttachedEndTest, AHandleMayOutliveItElsewhere) {
  std::promise<void> detached;
  std::thread other([handle = std::make_unique<Handle>(runtime_->handle()), &detached]() mutable {
    detached.get_future().wait();
    handle = nullptr;
  });
  runtime_ = nullptr;
  detached.set_value();
  Run();
  other.join();
}

TEST_F(AttachedEndTest, SpawnLocalOnTheLoopsThreadBeforeItRuns) {
  StatusOr<int> joined = 0;
  {
    EnterGuard enter = runtime_->Enter();
    runtime_->Spawn(SpawnLocal(Ready(5)).Then([&](StatusOr<int>& n) { joined = n; })).Detach();
    std::thread([this] {
      EnterGuard enter = runtime_->Enter();
      JoinHandle<int> refused = SpawnLocal(Ready(1));
      EXPECT_TRUE(refused.finished());
    }).join();
  }
  Run();
  EXPECT_EQ(*joined, 5);
  runtime_ = nullptr;
  Run();
}

}  // namespace
}  // namespace kioto
