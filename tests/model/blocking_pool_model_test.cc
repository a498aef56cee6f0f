// The blocking pool: jobs that come while a thread gives up waiting (R1 of runtime/blocking/pool.h), while the pool ends (R2), and
// while its last thread goes to a loan (R3); and that each thread brings the next (pool.cc). It has no memory order of its own: all is under its lock, and in the token of a
// parker.
#include "kioto/runtime/blocking/pool.h"

#include <gtest/gtest.h>

#include <climits>
#include <memory>
#include <utility>

#include "kioto/runtime/task/scheduler_list.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::BlockingOptions;
using kioto::internal::BlockingPool;
using kioto::internal::TaskHeader;
using kioto::internal::TaskState;
using kioto::internal::TaskVTable;
using kioto::internal::WakeTarget;

// What has become of the jobs.
struct Counts {
  Atomic<uint32_t> ended{0};  // and a futex
  Atomic<int> ran{0};
};

struct Job final : TaskHeader {
  Job(BlockingPool* pool, Counts* counts, uint32_t awaits)
      : TaskHeader(&kTable, pool, 1, base::SourceLocation()), counts(counts), awaits(awaits) {
    Assert(DropJoin() == TaskState::ToDetached::kDetached, "a new job has an output");
  }
  void End(bool ran) {
    if (ran) counts->ran.fetch_add(1, std::memory_order_relaxed);
    counts->ended.fetch_add(1, std::memory_order_release);  // release: pairs with AwaitEnded
    FutexWake(counts->ended, INT_MAX);
  }

  static const TaskVTable kTable;
  Counts* const counts;
  const uint32_t awaits;  // so many others have ended before it does
};

void AwaitEnded(Counts& counts, uint32_t jobs) {
  // acquire: pairs with the release in End
  for (uint32_t now; (now = counts.ended.load(std::memory_order_acquire)) < jobs;) FutexWait(counts.ended, now);
}

const TaskVTable Job::kTable = {
    {[](WakeTarget*) {}, [](WakeTarget* target) { delete static_cast<Job*>(target); },
     [](WakeTarget* target) { target->Unref(); }},
    [](TaskHeader* task, Context&) {
      AwaitEnded(*static_cast<Job*>(task)->counts, static_cast<Job*>(task)->awaits);
      static_cast<Job*>(task)->End(/*ran=*/true);
      return true;
    },
    [](TaskHeader* task, const Status&) { static_cast<Job*>(task)->End(/*ran=*/false); },
    [](TaskHeader*) {},
    [](TaskHeader*) -> const Status* { return nullptr; },
    nullptr,
};

// The pool of an execution, and its end. With one thread each job depends on one that may be about to leave.
class Pool {
 public:
  explicit Pool(int thread_starts = INT_MAX, int max_threads = 1) {
    kioto::internal::listed_schedulers = nullptr;  // an execution that failed has left its own
    Thread::detached_starts = thread_starts;
    pool_ = std::make_shared<BlockingPool>(BlockingOptions{max_threads, /*max_queued=*/4, /*keep_alive_ns=*/1});
  }
  ~Pool() {
    Shutdown();
    Assert(pool_->Waiting().empty() && pool_->owned.size() == 0, "a job is left");
  }
  void Submit(Counts& counts, bool mandatory = false, uint32_t awaits = 0) {
    Job* job = new Job(pool_.get(), &counts, awaits);
    job->mandatory = mandatory;
    StartTask(job);
  }
  template <class Loan>
  void Lend(Loan loan) {
    (void)pool_->Lend(std::move(loan));
  }
  void Shutdown() {
    Assert(pool_->Shutdown(INT64_MAX) == 0, "a job runs on after the end");
    Assert(pool_->threads() == 0, "a thread is left after the end");
  }

 private:
  std::shared_ptr<BlockingPool> pool_;
};

// The thread that ran the first job may be about to leave when the second comes.
void OneAfterTheOther() {
  Counts counts;
  {
    Pool pool;
    pool.Submit(counts);
    AwaitEnded(counts, 1);
    pool.Submit(counts);
    AwaitEnded(counts, 2);
  }
  Assert(counts.ran.Newest() == 2, "a job did not run");
}

// Two threads bring a job each.
void TwoAtOnce() {
  Counts counts;
  {
    Pool pool;
    Thread other([&] { pool.Submit(counts); });
    pool.Submit(counts);
    AwaitEnded(counts, 2);
    other.Join();
  }
  Assert(counts.ran.Newest() == 2, "a job did not run");
}

// A job comes while the pool ends: it has run, or was refused, when both are over.
void AtTheEnd() {
  Counts counts;
  {
    Pool pool;
    Thread other([&] { pool.Submit(counts); });
    pool.Shutdown();
    other.Join();
    Assert(counts.ended.load(std::memory_order_acquire) == 1, "a job has no end");
  }
}

// A mandatory job that was accepted runs. One that was refused has ended when Submit returns, and has not run.
void MandatoryAtTheEnd() {
  Counts counts;
  bool refused = false;
  {
    Pool pool;
    Thread other([&] {
      pool.Submit(counts, /*mandatory=*/true);
      refused = counts.ended.load(std::memory_order_acquire) == 1 && counts.ran.load(std::memory_order_relaxed) == 0;
    });
    pool.Shutdown();
    other.Join();
    Assert(counts.ended.load(std::memory_order_acquire) == 1, "a job has no end");
  }
  Assert(refused || counts.ran.Newest() == 1, "a mandatory job that was accepted did not run");
}

// The system gives one thread. Whether a job still waits for it when it goes to the loan, or not: the job has an end, also while
// the loan goes on.
void TheLastThreadGoesToALoan() {
  Counts counts;
  Atomic<uint32_t> release{0};
  {
    Pool pool(/*thread_starts=*/1);
    pool.Submit(counts);
    pool.Submit(counts);
    pool.Lend([&] {
      while (release.load(std::memory_order_acquire) == 0) FutexWait(release, 0);
    });
    AwaitEnded(counts, 2);
    release.store(1, std::memory_order_release);  // release: pairs with the loan's look
    FutexWake(release);
  }
}

// The first job ends after the second, so each needs a thread.
void AJobThatAwaitsTheNext() {
  Counts counts;
  {
    Pool pool(INT_MAX, /*max_threads=*/2);
    pool.Submit(counts, /*mandatory=*/false, /*awaits=*/1);
    pool.Submit(counts);
    AwaitEnded(counts, 2);
  }
  Assert(counts.ran.Newest() == 2, "a job did not run");
}

// The second thread is refused, when a job that came meanwhile has counted on it, and the first one waits, or is gone: then the job
// is refused too, and has ended all the same.
void ARefusedThreadIsCountedOn() {
  Counts counts;
  {
    Pool pool(/*thread_starts=*/1, /*max_threads=*/2);
    pool.Submit(counts);
    Thread other([&] { pool.Submit(counts); });
    pool.Submit(counts);
    AwaitEnded(counts, 3);
    other.Join();
  }
}

TEST(BlockingPoolModel, EachThreadBringsTheNext) {
  ExpectHoldsAlways(Options(), AJobThatAwaitsTheNext);
  ExpectHoldsAlways(Options(), ARefusedThreadIsCountedOn);
  ExpectCaught("blocking_pool.bring_no_next", Options(), AJobThatAwaitsTheNext);
  ExpectCaught("blocking_pool.leave_to_none", Options(), ARefusedThreadIsCountedOn);
}

TEST(BlockingPoolModel, EveryJobRuns) {
  ExpectHoldsAlways(Options(), OneAfterTheOther);
  ExpectHoldsAlways(Options(), TwoAtOnce);
  ExpectCaught("blocking_pool.no_wake", Options(), OneAfterTheOther);
  ExpectCaught("blocking_pool.leave_in_two_steps", Options(), OneAfterTheOther);
}

TEST(BlockingPoolModel, NoJobIsLeftWithoutAThread) {
  ExpectHoldsAlways(Options(), TheLastThreadGoesToALoan);
  ExpectCaught("blocking_pool.leave_orphans", Options(), TheLastThreadGoesToALoan);
}

TEST(BlockingPoolModel, AtTheEndEveryJobHasRunOrIsRefused) {
  ExpectHoldsAlways(Options(), AtTheEnd);
  ExpectHoldsAlways(Options(), MandatoryAtTheEnd);
  ExpectCaught("blocking_pool.drop_mandatory", Options(), MandatoryAtTheEnd);
  ExpectCaught("blocking_pool.late_job", Options(), AtTheEnd);
  ExpectCaught("blocking_pool.end_in_silence", Options(), AtTheEnd);
}

}  // namespace
}  // namespace kioto::model
