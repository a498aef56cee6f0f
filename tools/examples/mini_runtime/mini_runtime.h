// MiniRuntime: what a runtime is, in a page: a queue of tasks, some threads, a list of timers, one lock; on futures and std alone.
// The real one differs in speed, not in what it has to do:
//   a task is polled by one thread at a time; it says "pending" only after it has left its waker with somebody;
//   a wake puts it into the queue, once; a wake during its poll must not be lost: it is polled again;
//   no lock is held while code of others runs: polls, destructors, wakes.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_RUNTIME_MINI_RUNTIME_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_RUNTIME_MINI_RUNTIME_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "kioto/runtime/future/future.h"

class MiniRuntime {
  using Clock = std::chrono::steady_clock;
  struct Core;
  // What a waker wakes. Idle: somebody has its waker. Woken: a wake came while it was polled.
  struct Task : kioto::Wakeable {
    enum State { kIdle, kQueued, kPolled, kWoken, kDone };
    virtual bool Poll(kioto::Context& cx) = 0;  // whether it is done
    virtual void Drop() = 0;
    void OnWake() override { core->Woken(this); }
    std::shared_ptr<Core> core;  // a waker may outlive the runtime
    State state = kQueued;       // under the core's lock
  };
  template <class F>
  struct TaskOf final : Task {
    explicit TaskOf(F f) : future(std::make_unique<F>(std::move(f))) {}
    bool Poll(kioto::Context& cx) override { return future->PollOnce(cx).ready(); }
    void Drop() override { future.reset(); }
    std::unique_ptr<F> future;
  };
  struct Core {
    void Woken(Task* task) {
      std::lock_guard<std::mutex> lock(mutex);
      if (task->state == Task::kIdle) Push(task);
      if (task->state == Task::kPolled) task->state = Task::kWoken;
    }
    void Push(Task* task) {  // with the lock held
      task->state = Task::kQueued;
      queue.push_back(task);
      changed.notify_one();
    }
    void RunOne(std::unique_lock<std::mutex>& lock) {
      Task* const task = queue.front();
      queue.pop_front();
      task->state = Task::kPolled;
      lock.unlock();
      kioto::internal::PollScope poll;  // one poll's budget, and whether it yielded
      const kioto::Waker waker = task->MakeWaker();
      kioto::Context cx(waker, poll);
      const bool done = task->Poll(cx);
      if (done) task->Drop();
      lock.lock();
      const bool again = task->state == Task::kWoken || poll.yielded;
      task->state = done ? Task::kDone : Task::kIdle;
      if (!done) return again ? Push(task) : void();
      tasks.erase(task);
      task->Unref();
    }
    void Work() {
      std::unique_lock<std::mutex> lock(mutex);
      while (!stopping) {
        if (!timers.empty() && timers.begin()->first <= Clock::now()) {
          const kioto::Waker due = timers.extract(timers.begin()).mapped();
          lock.unlock();
          due.Wake();
          lock.lock();
        } else if (!queue.empty()) {
          RunOne(lock);
        } else {
          const Clock::time_point next = timers.empty() ? Clock::now() + std::chrono::hours(1) : timers.begin()->first;
          changed.wait_until(lock, next);
        }
      }
    }

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Task*> queue;
    std::set<Task*> tasks;  // all that are not done; one reference each
    std::multimap<Clock::time_point, kioto::Waker> timers;
    bool stopping = false;
  };

 public:
  class [[nodiscard]] SleepFuture : public kioto::FutureBase<SleepFuture, kioto::Unit> {
   public:
    SleepFuture(std::shared_ptr<Core> core, Clock::time_point until) : core_(std::move(core)), until_(until) {}
    kioto::Poll<kioto::Unit> PollOnce(kioto::Context& cx) {
      if (Clock::now() >= until_) return kioto::Unit{};
      std::lock_guard<std::mutex> lock(core_->mutex);
      core_->timers.emplace(until_, cx.waker());
      core_->changed.notify_one();  // it may be the earliest
      return kioto::kPending;
    }

   private:
    const std::shared_ptr<Core> core_;
    const Clock::time_point until_;
  };

  explicit MiniRuntime(int threads) : core_(std::make_shared<Core>()) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { core_->Work(); });
  }
  // Drops the tasks that are left, which cancels them.
  ~MiniRuntime() {
    std::unique_lock<std::mutex> lock(core_->mutex);
    core_->stopping = true;
    lock.unlock();
    core_->changed.notify_all();
    for (std::thread& thread : threads_) thread.join();
    for (Task* task : core_->tasks) task->Drop();
    for (Task* task : core_->tasks) task->Unref();
    core_->timers.clear();
  }

  SleepFuture Sleep(Clock::duration time) { return SleepFuture(core_, Clock::now() + time); }

  template <class F>
  void Spawn(F future) {
    auto* task = new TaskOf<F>(std::move(future));
    task->core = core_;
    std::lock_guard<std::mutex> lock(core_->mutex);
    core_->tasks.insert(task);
    core_->Push(task);
  }

  template <class F>
  typename F::Output BlockOn(F future) {
    auto output = std::make_shared<std::promise<typename F::Output>>();
    Spawn(std::move(future).Map([output](auto&& value) { output->set_value(std::move(value)); }));
    return output->get_future().get();
  }

 private:
  std::shared_ptr<Core> core_;
  std::vector<std::thread> threads_;
};

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_RUNTIME_MINI_RUNTIME_H_
