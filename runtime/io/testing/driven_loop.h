// DrivenLoop: a loop of libuv turned by hand, for tests of sockets and signals without a scheduler.
//
//   DrivenLoop loop;                                // this thread is now in a runtime, of a kind
//   auto listener = loop.Run(net::TcpListener::Bind("127.0.0.1:0"));
//   PolledTask accept(listener->Accept());
//   EXPECT_TRUE(accept.Poll().pending());
//   ...
//   loop.Await([&] { return accept.wakes() == 1; });
#ifndef KIOTO_RUNTIME_IO_TESTING_DRIVEN_LOOP_H_
#define KIOTO_RUNTIME_IO_TESTING_DRIVEN_LOOP_H_

#include <memory>
#include <thread>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {

class DrivenLoop {
 public:
  explicit DrivenLoop(bool io = true, bool time = true) : before_(internal::CurrentThread()) {
    internal::DriverOptions options;
    options.io = io;
    options.time = time;
    options.clock = &set_.clock;
    auto driver = io ? internal::MakeOwnedDriver(options) : internal::MakeParkDriver(options);
    EXPECT_TRUE(driver.ok()) << driver.status();
    driver_ = *std::move(driver);
    set_.drivers = {driver_.get()};
    Enter();
  }
  ~DrivenLoop() {
    driver_->Shutdown();
    internal::CurrentThread() = before_;
  }
  DrivenLoop(const DrivenLoop&) = delete;
  DrivenLoop& operator=(const DrivenLoop&) = delete;

  // What is polled on this thread from now on belongs to this loop; or to none.
  void Enter() {
    internal::CurrentThread().drivers = &set_;
    internal::CurrentThread().driver = driver_.get();
  }
  void Leave() { internal::CurrentThread() = before_; }

  // One turn, waiting for something to happen, but not for long: wakes of other threads do not end it.
  void Step() { driver_->Park(set_.clock.paused() ? internal::kNever : set_.clock.Now() + 10'000'000); }
  void Turn() { driver_->Turn(); }

  // Turns until `condition`; fails the test, and gives false, after ten seconds.
  template <class Condition>
  bool Await(Condition condition) {
    return AwaitBy([this] { Step(); }, condition);
  }

  // Polls `task` until it is ready, turning the loop between two polls; never without a wake. When that does not
  // come for ten seconds it fails the test, and gives an error, or the default.
  template <class F>
  OutputOf<F> Run(PolledTask<F>& task) {
    while (true) {
      const int wakes = task.wakes();
      auto poll = task.Poll();
      if (poll.ready()) return *std::move(poll);
      if (task.yielded()) {
        Turn();
      } else if (!Await([&] { return task.wakes() != wakes; })) {
        return NotWoken<OutputOf<F>>();
      }
    }
  }
  template <class F, std::enable_if_t<IsFuture<F>, int> = 0>
  OutputOf<F> Run(F future) {
    PolledTask<F> task(std::move(future));
    return Run(task);
  }

  // Another thread of the same runtime, while the loop's own thread drives.
  class Guest {
   public:
    explicit Guest(DrivenLoop& loop) : before_(internal::CurrentThread()) { internal::CurrentThread().drivers = &loop.set_; }
    ~Guest() { internal::CurrentThread() = before_; }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    template <class F>
    OutputOf<F> Run(F future) {
      PolledTask<F> task(std::move(future));
      while (true) {
        const int wakes = task.wakes();
        auto poll = task.Poll();
        if (poll.ready()) return *std::move(poll);
        const auto goes_on = [&] { return task.wakes() != wakes || task.yielded(); };
        if (!AwaitBy([] { std::this_thread::yield(); }, goes_on)) return NotWoken<OutputOf<F>>();
      }
    }

   private:
    internal::ThreadContext before_;
  };

  internal::RuntimeClock& clock() { return set_.clock; }
  internal::Driver& driver() { return *driver_; }

 private:
  template <class Wait, class Condition>
  static bool AwaitBy(Wait wait, Condition condition) {
    const int64_t give_up = base::MonotonicNanos() + 10'000'000'000;
    while (!condition()) {
      if (base::MonotonicNanos() > give_up) {
        ADD_FAILURE() << "nothing happened for ten seconds";
        return false;
      }
      wait();
    }
    return true;
  }
  template <class T>
  static T NotWoken() {
    if constexpr (std::is_convertible_v<Status, T>) {
      return Status(absl::DeadlineExceededError("the future was not woken for ten seconds"));
    } else {
      return T();
    }
  }

  internal::ThreadContext before_;
  internal::DriverSet set_;
  std::unique_ptr<internal::Driver> driver_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_IO_TESTING_DRIVEN_LOOP_H_
