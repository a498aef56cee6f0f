// Sequences of operations on semaphores and Notify, by chance (sequence.h).
#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/semaphore.h"
#include "kioto/tests/stress/sequence.h"

namespace kioto {
namespace {

class Permits {
 public:
  static constexpr uint32_t kOperations = 7;
  explicit Permits(base::FastRandom& random) : random_(random), free_(random.Below(4)), semaphore_(free_) {}

  void Step(uint32_t operation) {
    const size_t n = random_.Below(4);
    switch (operation) {
      case 0:
        Try(n);
        break;
      case 1:
        waiting_.push_back({n, std::make_unique<Acquire>(semaphore_.Acquire(n))});
        Join();
        break;
      case 2:
        if (!held_.empty()) Free(TakeFrom(held_, random_.Below(static_cast<uint32_t>(held_.size()))).count());
        break;
      case 3:
        if (!waiting_.empty()) GiveUp(random_.Below(static_cast<uint32_t>(waiting_.size())));
        break;
      case 4:
        semaphore_.AddPermits(n);
        Free(n);
        break;
      case 5:
        EXPECT_EQ(semaphore_.ForgetPermits(n), std::min(n, free_));
        free_ -= std::min(n, free_);
        break;
      case 6:
        if (n > 0 || closed_) break;
        semaphore_.Close();
        closed_ = true;
        break;
    }
    Compare();
  }

 private:
  using Acquire = PolledTask<sync::AcquireFuture>;
  struct Waiting {
    size_t left;  // that it has not been given yet
    std::unique_ptr<Acquire> task;
    size_t given = 0;
  };

  void Try(size_t n) {
    auto permit = semaphore_.TryAcquire(n);
    if (closed_) {
      EXPECT_TRUE(IsClosed(permit.status()));
    } else if (n == 0 || (n <= free_ && Queued() == 0)) {
      ASSERT_TRUE(permit.ok());
      free_ -= n;
      held_.push_back(*std::move(permit));
    } else {
      EXPECT_TRUE(IsEmpty(permit.status()));
    }
  }
  // The one that has just come, polled for the first time.
  void Join() {
    Waiting& mine = waiting_.back();
    if (closed_) return Look(waiting_.size() - 1);
    if (mine.left > 0) {
      in_queue_.push_back(mine.task.get());
      Feed();
    }
    Look(waiting_.size() - 1);
  }
  size_t Queued() const { return in_queue_.size(); }
  Waiting& Of(Acquire* task) {
    return *std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.task.get() == task; });
  }
  // The first in the queue is given what is free, piece by piece.
  void Feed() {
    while (!in_queue_.empty() && free_ > 0) {
      Waiting& first = Of(in_queue_.front());
      const size_t now = std::min(first.left, free_);
      free_ -= now;
      first.left -= now;
      first.given += now;
      if (first.left > 0) return;
      in_queue_.pop_front();
    }
  }
  void Free(size_t n) {
    free_ += n;
    if (!closed_) Feed();
  }
  void GiveUp(size_t index) {
    Waiting gone = TakeFrom(waiting_, index);
    in_queue_.erase(std::remove(in_queue_.begin(), in_queue_.end(), gone.task.get()), in_queue_.end());
    gone.task.reset();
    Free(gone.given);
  }
  // Polls one, which is ready if it has all, or all is over.
  void Look(size_t index) {
    Waiting& mine = waiting_[index];
    auto poll = mine.task->Poll();
    ASSERT_EQ(poll.ready(), closed_ || mine.left == 0);
    if (poll.pending()) return;
    EXPECT_EQ(poll->ok(), !closed_);
    if (poll->ok()) {
      held_.push_back(**std::move(poll));
    } else {
      Free(mine.given);
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  void Compare() {
    if (closed_) in_queue_.clear();
    for (size_t i = waiting_.size(); i-- > 0;) {
      if (random_.Below(2) == 0) Look(i);
    }
    EXPECT_EQ(semaphore_.AvailablePermits(), free_);
    EXPECT_EQ(semaphore_.IsClosed(), closed_);
  }

  base::FastRandom& random_;
  size_t free_;
  bool closed_ = false;
  sync::Semaphore semaphore_;
  std::vector<sync::SemaphorePermit> held_;
  std::vector<Waiting> waiting_;
  std::deque<Acquire*> in_queue_;
};

// check: G5
// check: K4
TEST(SequenceChecks, Semaphore) { Sequences<Permits>(40'000); }

class Notified {
 public:
  static constexpr uint32_t kOperations = 6;
  explicit Notified(base::FastRandom& random) : random_(random) {}

  void Step(uint32_t operation) {
    switch (operation) {
      case 0:
        if (waits_.size() < 4) waits_.push_back({std::make_unique<Task>(notify_.Notified())});
        break;
      case 1:
        if (!waits_.empty()) Poll(Any());
        break;
      case 2:
        if (!waits_.empty()) Drop(Any());
        break;
      case 3:
        notify_.NotifyOne();
        One(/*last=*/false);
        break;
      case 4:
        notify_.NotifyLast();
        One(/*last=*/true);
        break;
      case 5:
        notify_.NotifyAll();
        queue_.clear();
        for (Wait& wait : waits_) {
          if (wait.got == kNone) wait.got = kAll;
        }
        break;
    }
  }

 private:
  using Task = PolledTask<sync::NotifiedFuture>;
  enum Got { kNone, kOne, kLast, kAll };
  struct Wait {
    std::unique_ptr<Task> task;
    Got got = kNone;
  };
  size_t Any() { return random_.Below(static_cast<uint32_t>(waits_.size())); }

  void One(bool last) {
    if (queue_.empty()) {
      permit_ = true;
      return;
    }
    Task* const task = last ? queue_.back() : queue_.front();
    last ? queue_.pop_back() : queue_.pop_front();
    for (Wait& wait : waits_) {
      if (wait.task.get() == task) wait.got = last ? kLast : kOne;
    }
  }
  void Poll(size_t index) {
    Task* const task = waits_[index].task.get();
    const bool queued = std::find(queue_.begin(), queue_.end(), task) != queue_.end();
    const bool ready = waits_[index].got != kNone || (!queued && permit_);
    ASSERT_EQ(task->Poll().ready(), ready);
    if (ready) {
      if (waits_[index].got == kNone) permit_ = false;
      (void)TakeFrom(waits_, index);
    } else if (!queued) {
      queue_.push_back(task);
    }
  }
  // What it was given by NotifyOne or NotifyLast goes to another.
  void Drop(size_t index) {
    const Wait gone = TakeFrom(waits_, index);
    queue_.erase(std::remove(queue_.begin(), queue_.end(), gone.task.get()), queue_.end());
    if (gone.got == kOne || gone.got == kLast) One(gone.got == kLast);
  }

  base::FastRandom& random_;
  sync::Notify notify_;
  std::vector<Wait> waits_;
  std::deque<Task*> queue_;
  bool permit_ = false;
};

// check: G5
// check: K4
TEST(SequenceChecks, Notify) { Sequences<Notified>(30'000); }

}  // namespace
}  // namespace kioto
