// What is the attached driver's alone: manners towards the host.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <uv.h>

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/driver/testing_io.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::internal {
namespace {

uv_handle_t* AsHandle(void* handle) { return static_cast<uv_handle_t*>(handle); }

// A host's loop, and a guest whose tasks are a counter.
class AttachedTest : public ::testing::TestWithParam<bool>, protected DriveHook {
 protected:
  AttachedTest() {
    uv_loop_init(&loop_);
    Attach();
  }
  ~AttachedTest() override {
    if (driver_ != nullptr) DetachAndDestroy();
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
    CurrentThread().drivers = nullptr;
  }

  void Attach() {
    DriverOptions options;
    options.clock = &set_.clock;
    options.portable |= GetParam();
    driver_ = *MakeAttachedDriver(&loop_, options, this);
    set_.drivers = {driver_.get()};
    CurrentThread().drivers = &set_;
  }
  void DetachAndDestroy() {
    bool done = false;
    driver_->Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &done);
    while (!done) uv_run(&loop_, UV_RUN_NOWAIT);
    driver_.reset();
    set_.drivers.clear();
  }

  bool RunReady(int max_tasks, int64_t) override {
    ++turns_;
    if (in_turn_) in_turn_();
    int n = ready_.load(std::memory_order_acquire);  // acquire: pairs with Wake
    n = n < max_tasks ? n : max_tasks;
    ran_ += n;
    const bool more = ready_.fetch_sub(n, std::memory_order_acq_rel) > n;  // acq_rel: pairs with Wake
    if (after_tasks_) after_tasks_();
    return more;
  }
  bool KeepAlive() override { return keep_alive_; }
  // As a scheduler does: push, then hurry.
  void Wake(int tasks = 1) {
    ready_.fetch_add(tasks, std::memory_order_acq_rel);  // acq_rel: pairs with RunReady
    driver_->Unpark();
  }

  // As a host that has had enough.
  void CloseEveryHandle() {
    uv_walk(
        &loop_, [](uv_handle_t* handle, void*) { if (uv_is_closing(handle) == 0) uv_close(handle, nullptr); }, nullptr);
  }

  // Runs `fn` in a callback of the host.
  void InHostCallback(std::function<void()> fn) {
    auto* timer = new uv_timer_t;
    timer->data = new std::function<void()>(std::move(fn));
    uv_timer_init(&loop_, timer);
    uv_timer_start(
        timer,
        [](uv_timer_t* fired) {
          auto* call = static_cast<std::function<void()>*>(fired->data);
          (*call)();
          delete call;
          uv_close(AsHandle(fired), [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
        },
        1, 0);
  }

  uv_loop_t loop_;
  DriverSet set_;
  std::unique_ptr<AttachedDriver> driver_;
  std::function<void()> in_turn_;      // called before the tasks of a turn
  std::function<void()> after_tasks_;  // called after them
  int turns_ = 0;
  int ran_ = 0;
  bool keep_alive_ = false;
  base::Atomic<int> ready_{0};
};

TEST_P(AttachedTest, DoesNotKeepAnEmptyHostAlive) {
  EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);
  EXPECT_EQ(uv_loop_alive(&loop_), 0);
}

TEST_P(AttachedTest, AnIdleGuestCostsNoTurns) {
  InHostCallback([] {});
  CountingWaker task;
  TimerEntry far;
  far.Arm(*driver_->wheel(), set_.clock.Now() + 3'600'000 * kTickNs, task.waker());
  int loop_turns = 0;
  uv_prepare_t prepare;
  uv_prepare_init(&loop_, &prepare);
  prepare.data = &loop_turns;
  uv_prepare_start(&prepare, [](uv_prepare_t* p) { ++*static_cast<int*>(p->data); });
  uv_unref(AsHandle(&prepare));
  uv_run(&loop_, UV_RUN_DEFAULT);  // until the host's timer
  EXPECT_LE(loop_turns, 4);
  uv_close(AsHandle(&prepare), nullptr);
  uv_run(&loop_, UV_RUN_NOWAIT);
}

TEST_P(AttachedTest, AWakeFromAHostCallbackRuns) {
  InHostCallback([this] {
    keep_alive_ = true;
    Wake();
  });
  in_turn_ = [this] { keep_alive_ = ready_.load(std::memory_order_acquire) > 1; };  // acquire: pairs with Wake
  uv_run(&loop_, UV_RUN_DEFAULT);
  while (ran_ == 0) uv_run(&loop_, UV_RUN_NOWAIT);
  EXPECT_EQ(ran_, 1);
  EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);
}

TEST_P(AttachedTest, KeepsTheHostAliveWhileThereIsWork) {
  keep_alive_ = true;
  Wake();
  while (ran_ == 0) uv_run(&loop_, UV_RUN_NOWAIT);
  EXPECT_NE(uv_loop_alive(&loop_), 0);
  in_turn_ = [this] {
    // acquire: pairs with Wake
    if (ran_ + ready_.load(std::memory_order_acquire) == 2) keep_alive_ = false;
  };
  std::thread other([this] { Wake(); });
  EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);  // ends by the wake alone
  other.join();
  EXPECT_EQ(ran_, 2);
}

TEST_P(AttachedTest, ManyReadyTasksTakeTurnsWithTheHost) {
  keep_alive_ = true;
  Wake(1'000);
  int turns = 0;
  for (; ran_ < 1'000; ++turns) {
    EXPECT_LE(turns, 20);
    uv_run(&loop_, UV_RUN_ONCE);
  }
  EXPECT_GE(turns, 1'000 / 64);
  keep_alive_ = false;
  Wake();
  EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);
}

TEST_P(AttachedTest, ANestedLoopNeitherSpinsNorLosesAWake) {
  keep_alive_ = true;
  after_tasks_ = [&] {
    after_tasks_ = nullptr;
    std::thread([this] { Wake(3); }).join();  // its event is swallowed by the nested turns
    const int before = turns_;
    for (int i = 0; i < 5; ++i) uv_run(&loop_, UV_RUN_NOWAIT);
    EXPECT_EQ(turns_, before);
  };
  Wake();
  for (int i = 0; ran_ < 4; ++i) {
    ASSERT_LT(i, 20);
    uv_run(&loop_, UV_RUN_ONCE);
  }
  keep_alive_ = false;
  Wake();
  EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);
}

TEST_P(AttachedTest, ATimerRunsItsTask) {
  keep_alive_ = true;
  CountingWaker task;
  TimerEntry entry;
  int turns_after = 0;
  in_turn_ = [&] {
    if (task.wakes() == 0) return;
    ++turns_after;
    keep_alive_ = false;
  };
  const int64_t deadline = set_.clock.Now() + 3 * kTickNs;
  entry.Arm(*driver_->wheel(), deadline, task.waker());
  while (turns_after == 0) uv_run(&loop_, UV_RUN_ONCE);
  EXPECT_GE(set_.clock.Now(), deadline);
}

TEST_P(AttachedTest, ASocketWatchedInAHostCallbackIsLive) {
  keep_alive_ = true;
  Wake(0);
  TestPair pair;
  char byte;
  PolledTask task(TestRead{&pair.here, &byte, 1});
  base::Atomic<bool> watched{false};
  std::thread other([&] {
    while (!watched.load(std::memory_order_acquire)) std::this_thread::yield();  // acquire: pairs with the store below
    pair.Send("x");
  });
  InHostCallback([&] {
    EXPECT_TRUE(task.Poll().pending());
    watched.store(true, std::memory_order_release);  // release: pairs with the thread's acquire
  });
  while (task.wakes() == 0) uv_run(&loop_, UV_RUN_ONCE);  // blocks for ever if the watch is not live
  other.join();
  EXPECT_EQ(**task.Poll(), 1u);
}

// The portable reactor finds out after the tasks that libuv does not watch such an fd; the native one at once.
TEST_P(AttachedTest, ATaskWhoseFdCanNotBeWatchedIsNotSleptOver) {
  struct Scheduled : Wakeable {
    explicit Scheduled(std::function<void()> push) : push(std::move(push)) {}
    void OnWake() override { push(); }
    const std::function<void()> push;
  };
  auto* scheduled = new Scheduled([this] { Wake(); });
  const Waker waker = scheduled->MakeWaker();
  IoHandle handle(base::sys::Open("/dev/null", O_RDONLY, 0));
  ASSERT_TRUE(handle.is_open());
  keep_alive_ = true;
  const auto poll = [&] {
    PollScope scope;
    Context cx(waker, scope);
    return handle.PollReady(cx, Direction::kRead, "ready");
  };
  int polls = 0;
  bool waits = false;
  in_turn_ = [&] {
    if (polls++ == 0) waits = poll().pending();
  };
  Wake(0);
  while (polls == 0) uv_run(&loop_, UV_RUN_NOWAIT);
  EXPECT_EQ(waits, GetParam() || KIOTO_DRIVER_IS_PORTABLE);
  if (waits) {
    EXPECT_EQ(ready_.load(std::memory_order_acquire), 1);  // acquire: pairs with Wake
    EXPECT_EQ(uv_backend_timeout(&loop_), 0) << "a task is ready, and the loop would sleep";
    while (ran_ == 0) uv_run(&loop_, UV_RUN_NOWAIT);
    EXPECT_TRUE(poll().ready());
  }
  keep_alive_ = false;
  Wake();
  EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);
  scheduled->Unref();
}

TEST_P(AttachedTest, AHostMayStopItsLoopAnyTime) {
  keep_alive_ = true;
  in_turn_ = [this] { uv_stop(&loop_); };
  for (int i = 1; i <= 10; ++i) {
    Wake();
    while (ran_ < i) uv_run(&loop_, UV_RUN_DEFAULT);
  }
}

TEST_P(AttachedTest, AHostMayCloseEveryHandle) {
  TestPair pair;
  char byte;
  PolledTask task(TestRead{&pair.here, &byte, 1});
  EXPECT_TRUE(task.Poll().pending());
  Wake();
  while (ran_ == 0) uv_run(&loop_, UV_RUN_ONCE);
  CloseEveryHandle();
  Wake();
  uv_run(&loop_, UV_RUN_DEFAULT);
  Wake();
  bool done = false;
  driver_->Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &done);
  EXPECT_TRUE(done);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(IsShutdown((*task.Poll()).status()));
  Wake();
  driver_.reset();
  set_.drivers.clear();
}

TEST_P(AttachedTest, DetachFromATaskIsOneMoreTurn) {
  keep_alive_ = true;
  int done = 0;
  in_turn_ = [&] {
    in_turn_ = nullptr;
    driver_->Detach([](void* count) { ++*static_cast<int*>(count); }, &done);
  };
  Wake();
  while (done == 0) uv_run(&loop_, UV_RUN_NOWAIT);
  EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);
  EXPECT_EQ(done, 1);
  Wake();  // late, and harmless
  driver_.reset();
  set_.drivers.clear();
}

// No close callback will say that the handles are gone; and who is told may destroy the driver, whose turn it still is.
TEST_P(AttachedTest, DetachFromATaskWhoseHostHasClosedEveryHandleIsDoneAtTheEndOfTheTurn) {
  after_tasks_ = [this] {
    CloseEveryHandle();
    driver_->Detach([](void* self) { static_cast<std::unique_ptr<AttachedDriver>*>(self)->reset(); }, &driver_);
    EXPECT_NE(driver_, nullptr) << "the turn that detaches it is still its own";
  };
  Wake();
  while (ran_ == 0) uv_run(&loop_, UV_RUN_NOWAIT);
  EXPECT_EQ(driver_, nullptr);
  set_.drivers.clear();
}

TEST_P(AttachedTest, TheDriverMayBeDestroyedWhereDetachIsDone) {
  driver_->Detach([](void* self) { static_cast<std::unique_ptr<AttachedDriver>*>(self)->reset(); }, &driver_);
  while (driver_ != nullptr) uv_run(&loop_, UV_RUN_NOWAIT);
  set_.drivers.clear();
}

TEST_P(AttachedTest, WakesRaceWithDetach) {
  for (int round = 0; round < 300; ++round) {
    if (driver_ == nullptr) Attach();
    base::Atomic<bool> go{false};
    std::vector<std::thread> wakers;
    for (int t = 0; t < 2; ++t) {
      wakers.emplace_back([&] {
        while (!go.load(std::memory_order_acquire)) std::this_thread::yield();  // acquire: pairs with the store below
        for (int i = 0; i < 20; ++i) Wake();
      });
    }
    go.store(true, std::memory_order_release);  // release: pairs with the threads' acquire
    if (round % 2 == 0) uv_run(&loop_, UV_RUN_NOWAIT);
    bool done = false;
    driver_->Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &done);
    while (!done) uv_run(&loop_, UV_RUN_NOWAIT);
    for (auto& waker : wakers) waker.join();
    driver_.reset();
    set_.drivers.clear();
    EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);
  }
}

TEST_P(AttachedTest, APausedClockAdvancesWhenNothingIsReady) {
  keep_alive_ = true;
  set_.clock.Pause();
  const int64_t start = set_.clock.Now();
  CountingWaker task;
  TimerEntry entry;
  entry.Arm(*driver_->wheel(), start + 3'600'000 * kTickNs, task.waker());
  while (task.wakes() == 0) uv_run(&loop_, UV_RUN_ONCE);
  EXPECT_EQ(set_.clock.Now(), start + 3'600'000 * kTickNs);
  keep_alive_ = false;
  Wake();
  EXPECT_EQ(uv_run(&loop_, UV_RUN_DEFAULT), 0);
}

INSTANTIATE_TEST_SUITE_P(Reactors, AttachedTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "portable" : "native"; });

}  // namespace
}  // namespace kioto::internal
