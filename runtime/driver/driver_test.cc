#include "kioto/runtime/driver/driver.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/driver/driver_conformance.h"
#include "kioto/runtime/driver/hosted_driver.h"
#include "kioto/runtime/driver/io_source.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/testing_io.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::internal {
namespace driver_harness {

template <StatusOr<std::unique_ptr<Driver>> (*kMake)(const DriverOptions&), bool kPortable>
class PlainHarness : public DriverHarness {
 public:
  static std::unique_ptr<DriverHarness> Make(const DriverOptions& options) {
    return std::make_unique<PlainHarness>(options);
  }
  explicit PlainHarness(DriverOptions options) {
    options.portable |= kPortable;
    driver_ = *kMake(options);
  }
  Driver& driver() override { return *driver_; }
  void Park(int64_t deadline_ns) override { driver_->Park(deadline_ns); }

 private:
  std::unique_ptr<Driver> driver_;
};

// A host whose loop waits, with a guest that never has a task.
template <bool kPortable>
class AttachedHarness : public DriverHarness, DriveHook {
 public:
  static std::unique_ptr<DriverHarness> Make(const DriverOptions& options) {
    return std::make_unique<AttachedHarness>(options);
  }
  explicit AttachedHarness(DriverOptions options) {
    options.portable |= kPortable;
    uv_loop_init(&loop_);
    uv_timer_init(&loop_, &timer_);
    uv_async_init(&loop_, &keep_, [](uv_async_t*) {});
    driver_ = *MakeAttachedDriver(&loop_, options, this);
  }
  ~AttachedHarness() override {
    bool done = false;
    driver_->Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &done);
    while (!done) uv_run(&loop_, UV_RUN_ONCE);
    driver_.reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&keep_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }
  Driver& driver() override { return *driver_; }
  void Park(int64_t deadline_ns) override {
    uv_timer_stop(&timer_);
    if (deadline_ns != kNever) {
      uv_update_time(&loop_);
      const int64_t now = NowNanos();
      const int64_t wait_ms = deadline_ns > now ? (deadline_ns - now) / kTickNs + 1 : 0;
      uv_timer_start(&timer_, [](uv_timer_t*) {}, static_cast<uint64_t>(wait_ms), 0);
    }
    uv_run(&loop_, UV_RUN_ONCE);
  }
  bool parks_itself() const override { return false; }

 private:
  bool RunReady(int, int64_t) override { return false; }
  bool KeepAlive() override { return true; }

  uv_loop_t loop_;
  uv_timer_t timer_;
  uv_async_t keep_;
  std::unique_ptr<AttachedDriver> driver_;
};

// A host that waits in poll(2), with a guest that never has a task.
template <bool kPortable>
class HostedHarness : public DriverHarness, DriveHook {
 public:
  static std::unique_ptr<DriverHarness> Make(const DriverOptions& options) {
    return std::make_unique<HostedHarness>(options);
  }
  explicit HostedHarness(DriverOptions options) : clock_(options.clock) {
    options.portable |= kPortable;
    driver_ = *MakeHostedDriver(options, this);
  }
  ~HostedHarness() override {
    bool done = false;
    driver_->Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &done);
    EXPECT_TRUE(done);
    EXPECT_EQ(driver_->PollFd(), -1);
  }
  Driver& driver() override { return *driver_; }
  void Park(int64_t deadline_ns) override {
    const int64_t until = std::min(deadline_ns, driver_->NextDeadline());
    const int64_t now = clock_->Now();
    int wait_ms = until > now ? static_cast<int>((until - now - 1) / kTickNs + 1) : 0;
    if (until == kNever) wait_ms = -1;
    pollfd fd = {driver_->PollFd(), POLLIN, 0};
    poll(&fd, 1, wait_ms);
    EXPECT_FALSE(driver_->Drive(64, kTickNs) && !clock_->paused());
  }
  bool parks_itself() const override { return false; }

 private:
  bool RunReady(int, int64_t) override { return false; }
  bool KeepAlive() override { return true; }

  RuntimeClock* const clock_;
  std::unique_ptr<HostedDriver> driver_;
};

}  // namespace driver_harness

std::vector<DriverFlavor> ConformingIoDrivers() {
  using namespace driver_harness;
  return {{"owned", PlainHarness<MakeOwnedDriver, false>::Make},
          {"owned_portable", PlainHarness<MakeOwnedDriver, true>::Make},
          {"attached", AttachedHarness<false>::Make},
          {"attached_portable", AttachedHarness<true>::Make},
          {"hosted", HostedHarness<false>::Make},
          {"hosted_portable", HostedHarness<true>::Make}};
}

std::vector<DriverFlavor> ConformingDrivers() {
  using namespace driver_harness;
  std::vector<DriverFlavor> drivers = ConformingIoDrivers();
  drivers.push_back({"park", PlainHarness<MakeParkDriver, false>::Make});
  return drivers;
}

namespace {

TEST(Driver, WithoutTimeItStillParks) {
  RuntimeClock clock;
  DriverOptions options;
  options.time = false;
  options.clock = &clock;
  for (auto make : {MakeOwnedDriver, MakeParkDriver}) {
    auto driver = make(options);
    ASSERT_TRUE(driver.ok());
    EXPECT_EQ((*driver)->wheel(), nullptr);
    const int64_t deadline = clock.Now() + kTickNs;
    while (clock.Now() < deadline) (*driver)->Park(deadline);
    (*driver)->Unpark();
    (*driver)->Park(kNever);
    (*driver)->Turn();
    (*driver)->Shutdown();
  }
}

#if !KIOTO_DRIVER_IS_PORTABLE
TEST(OwnedDriver, ADeadlineThatStaysIsNotSetAgain) {
  using base::sys::Call;
  using base::sys::Fault;
  RuntimeClock clock;
  DriverOptions options;
  options.clock = &clock;
  auto driver = MakeOwnedDriver(options);
  ASSERT_TRUE(driver.ok());
  base::Atomic<bool> stop{false};
  std::thread wakes([&] {
    while (!stop.load()) {
      (*driver)->Unpark();
      std::this_thread::yield();
    }
  });
  const int64_t far = clock.Now() + 3'600'000'000'000;
  {
    base::sys::ScopedFault interrupted(Call::kTimerfdSettime, Fault::First(1, EINTR));
    while (interrupted.hits() == 0) (*driver)->Park(far);
  }
  {
    base::sys::ScopedFault refused(Call::kTimerfdSettime, Fault::Every(EINVAL));  // would end the program
    for (int i = 0; i < 1'000; ++i) (*driver)->Park(far);
    EXPECT_EQ(refused.hits(), 0);
  }
  // Another one is, and so is none.
  for (const int64_t deadline : {far - kTickNs, kNever}) {
    base::sys::ScopedFault interrupted(Call::kTimerfdSettime, Fault::First(1, EINTR));
    while (interrupted.hits() == 0) (*driver)->Park(deadline);
  }
  stop.store(true);
  wakes.join();
}

TEST(OwnedDriver, SaysThatItCanNotMakeItsAlarm) {
  RuntimeClock clock;
  DriverOptions options;
  options.clock = &clock;
  base::sys::ScopedFault none_left(base::sys::Call::kTimerfdCreate, base::sys::Fault::First(1, EMFILE));
  const Status status = MakeOwnedDriver(options).status();
  EXPECT_EQ(ErrnoOf(status), EMFILE);
  EXPECT_NE(status.message().find("timerfd_create"), std::string::npos) << status;
}
#endif

class NoTasks : public DriveHook {
 public:
  bool RunReady(int, int64_t) override {
    if (driver != nullptr) driver->Detach([](void* self) { ++static_cast<NoTasks*>(self)->ended; }, this);
    return false;
  }
  bool KeepAlive() override { return false; }

  HostedDriver* driver = nullptr;  // to detach in the next turn
  int ended = 0;
};

bool IsReadable(int fd) {
  pollfd poll_fd = {fd, POLLIN, 0};
  return poll(&poll_fd, 1, 0) == 1;
}

TEST(HostedDriver, ItsFdIsReadableWhileThereIsSomethingToDo) {
  RuntimeClock clock;
  DriverOptions options;
  options.clock = &clock;
  NoTasks hook;
  auto driver = *MakeHostedDriver(options, &hook);
  EXPECT_FALSE(driver->Drive(1, kTickNs));
  EXPECT_FALSE(IsReadable(driver->PollFd()));
  EXPECT_EQ(driver->NextDeadline(), kNever);
  for (int i = 0; i < 3; ++i) {
    std::thread([&] { driver->Unpark(); }).join();
    EXPECT_TRUE(IsReadable(driver->PollFd()));
    EXPECT_EQ(driver->NextDeadline(), 0);
    driver->Drive(1, kTickNs);
    EXPECT_FALSE(IsReadable(driver->PollFd()));
    EXPECT_EQ(driver->NextDeadline(), kNever);
  }
  CountingWaker task;
  TimerEntry entry;
  const int64_t deadline = clock.Now() + 3'600'000 * kTickNs;
  entry.Arm(*driver->wheel(), deadline, task.waker());
  EXPECT_TRUE(IsReadable(driver->PollFd())) << "the host may be waiting for longer";
  driver->Drive(1, kTickNs);
  EXPECT_FALSE(IsReadable(driver->PollFd()));
  EXPECT_GE(driver->NextDeadline(), deadline);
  EXPECT_LT(driver->NextDeadline(), deadline + 2 * kTickNs);
}

TEST(HostedDriver, DetachedInItsTurnItEndsBehindIt) {
  RuntimeClock clock;
  DriverOptions options;
  options.clock = &clock;
  NoTasks hook;
  auto driver = *MakeHostedDriver(options, &hook);
  hook.driver = driver.get();
  EXPECT_FALSE(driver->Drive(1, kTickNs));
  EXPECT_EQ(hook.ended, 1);
  EXPECT_EQ(driver->PollFd(), -1);
  EXPECT_FALSE(driver->Drive(1, kTickNs));
  driver->Unpark();  // harmless
}

// It used to hurry its driver, which is a system call, under the source's spin lock.
TEST(PortableReactor, HurriesWithNoLockHeld) {
  uv_loop_t loop;
  ASSERT_EQ(uv_loop_init(&loop), 0);
  TestPair pair;
  const int fd = pair.here.Release();
  struct Asked {
    IoSource* source = IoSource::Allocate();
    CountingWaker task;
    IoWaiter waiter;
    int times = 0;
  } asked;
  {
    auto reactor = MakePortableReactor(
        &loop, /*unref=*/false,
        [](void* arg) {
          auto* asked = static_cast<Asked*>(arg);
          asked->source->Register(asked->task.waker(), Direction::kRead, &asked->waiter);  // takes the source's lock
          ++asked->times;
        },
        &asked);
    EXPECT_TRUE(asked.source->Watch(fd, IoSource::kWatchIn, reactor.get(), "read").ok());
    EXPECT_EQ(asked.times, 1);
    asked.waiter.Cancel();
    int kept = -1;
    std::thread([&] { kept = asked.source->Retire(fd, /*close=*/false); }).join();  // leaves the request to the loop's thread
    EXPECT_EQ(asked.times, 2);
    EXPECT_NE(kept, fd);
    pair.here = IoHandle(kept);
    asked.waiter.Cancel();
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  EXPECT_EQ(uv_loop_close(&loop), 0);
}

TEST(DriverSet, SaysWhyThereIsNoTime) {
  EXPECT_EQ(TimeUnavailable("Sleep").message(), OutsideRuntimeError("Sleep").message());
  EXPECT_EQ(IoUnavailable("Read").message(), OutsideRuntimeError("Read").message());
  DriverSet set;
  CurrentThread().drivers = &set;
  EXPECT_EQ(TimeUnavailable("Sleep").message(),
            PartIsOffError("time", "Sleep", "WithoutTime()").message());
  EXPECT_EQ(set.WheelForThisThread(), nullptr);
  CurrentThread().drivers = nullptr;
}

TEST(ThreadContext, IsOfThisThread) {
  EXPECT_EQ(CurrentThread().driver, nullptr);
  EXPECT_EQ(&CurrentThread(), &CurrentThread());
}

}  // namespace
}  // namespace kioto::internal
