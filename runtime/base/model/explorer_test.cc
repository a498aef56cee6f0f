// The explorer itself: what it must report, what it must not, and that it explores as much as it
// says.
#include "kioto/runtime/base/model/explore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "kioto/runtime/base/model/atomic.h"
#include "kioto/runtime/base/model/mutex.h"
#include "kioto/runtime/base/model/thread.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::model {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcqRel = std::memory_order_acq_rel;

TEST(Explorer, OneThreadHasOneExecution) {
  const Report report = Explore(Options().Everything(), [] {
    Atomic<int> x(0);
    for (int i = 0; i < 10; ++i) x.store(i);
    Assert(x.load() == 9, "a store was lost");
  });
  EXPECT_TRUE(report.ok && report.complete) << report.ToString();
  EXPECT_EQ(report.executions, 1);
  EXPECT_EQ(report.steps, 11);
}

TEST(Explorer, ExploresEveryInterleaving) {
  // Two threads of two operations on a word each may interleave in C(4, 2) ways.
  int64_t executions = 0;
  const Report report = Explore(Options().Everything(), [&executions] {
    Atomic<int> x(0);
    {
      Thread a([&] {
        x.fetch_add(1);
        x.fetch_add(1);
      });
      Thread b([&] {
        x.fetch_add(1);
        x.fetch_add(1);
      });
    }
    ++executions;
  });
  EXPECT_TRUE(report.ok && report.complete) << report.ToString();
  EXPECT_EQ(report.executions, 6);
  EXPECT_EQ(executions, 7);  // and the one that warms up
}

TEST(Explorer, APreemptionBoundLimits) {
  auto body = [] {
    Atomic<int> x(0);
    auto add = [&] {
      for (int i = 0; i < 3; ++i) x.fetch_add(1);
    };
    Thread a(add);
    Thread b(add);
  };
  int64_t last = 0;
  for (int bound : {0, 1, 2, 3}) {
    const Report report = Explore(Options().Preemptions(bound), body);
    EXPECT_TRUE(report.ok && report.complete) << report.ToString();
    EXPECT_GT(report.executions, last);
    last = report.executions;
  }
  EXPECT_LT(last, Explore(Options().Everything(), body).executions);
  const Report cut = Explore(Options().Executions(3), body);
  EXPECT_TRUE(cut.ok);
  EXPECT_FALSE(cut.complete);
}

TEST(Explorer, FindsABugAtItsNumberOfPreemptions) {
  auto body = [] {
    Atomic<int> x(0);
    int seen = 0;
    Thread t([&] {
      if (x.load() != 1) return;
      if (x.load() == 2) seen = 1;
    });
    x.store(1);
    x.store(2);
    x.store(3);
    t.Join();
    Assert(seen == 0, "seen");
  };
  EXPECT_TRUE(Explore(Options().Preemptions(2), body).ok);
  EXPECT_FALSE(Explore(Options().Preemptions(3), body).ok);
}

TEST(Explorer, ReportsTheTraceAndReplays) {
  auto body = [] {
    Atomic<int> x(0);
    Thread t([&] { x.store(x.load() + 1); });
    x.store(x.load() + 1);
    t.Join();
    Assert(x.load() == 2, "an increment was lost");
  };
  const Report report = Explore(Options(), body);
  ASSERT_FALSE(report.ok);
  EXPECT_THAT(report.failure, HasSubstr("T0: an increment was lost (at explorer_test.cc:"));
  EXPECT_THAT(report.trace, HasSubstr("is preempted before this"));
  EXPECT_THAT(report.trace, HasSubstr("a0.store 1 (seq_cst)"));
  const Report again = Explore(Options().Replay(report.schedule), body);
  EXPECT_EQ(again.trace, report.trace);
  EXPECT_THAT(Explore(Options().Replay("nonsense"), body).failure, HasSubstr("no schedule"));
}

TEST(Explorer, RandomSchedulesDependOnTheSeedAlone) {
  auto body = [] {
    Atomic<int> x(0);
    Thread t([&] {
      for (int i = 0; i < 20; ++i) x.fetch_add(1);
      Assert(x.load() != 31, "met");
    });
    for (int i = 0; i < 20; ++i) x.fetch_add(1);
  };
  const Report first = Explore(Options().Random(10000, 7), body);
  ASSERT_FALSE(first.ok);
  const Report second = Explore(Options().Random(10000, 7), body);
  EXPECT_EQ(first.schedule, second.schedule);
  EXPECT_EQ(first.executions, second.executions);
  EXPECT_NE(first.schedule, Explore(Options().Random(10000, 8), body).schedule);
}

TEST(Explorer, ReportsARaceOnACell) {
  auto write = [] {
    Cell<int> cell(0);
    Thread t([&] { cell.Write() = 1; });
    cell.Write() = 2;
  };
  EXPECT_THAT(Explore(Options(), write).failure, HasSubstr("race: a write of plain data"));
  auto read = [] {
    Cell<int> cell(0);
    Thread t([&] { cell.Write() = 1; });
    Assert(cell.Read() < 2, "");
  };
  EXPECT_THAT(Explore(Options(), read).failure, HasSubstr("race: a "));
  auto readers = [] {
    Cell<int> cell(0);
    Thread t([&] { Assert(cell.Read() == 0, ""); });
    Assert(cell.Read() == 0, "");
  };
  EXPECT_TRUE(Explore(Options(), readers).ok);
}

TEST(Explorer, MutexesExcludeAndSynchronise) {
  auto body = [](bool lock) {
    return [lock] {
      Cell<int> cell(0);
      Mutex mutex;
      auto add = [&] {
        if (lock) mutex.Lock();
        ++cell.Write();
        if (lock) mutex.Unlock();
      };
      {
        Thread a(add);
        Thread b(add);
        add();
      }
      Assert(cell.Read() == 3, "an increment was lost");
    };
  };
  const Report report = Explore(Options().Everything(), body(true));
  EXPECT_TRUE(report.ok && report.complete) << report.ToString();
  EXPECT_FALSE(Explore(Options(), body(false)).ok);
}

TEST(Explorer, ReportsADeadlock) {
  const Report report = Explore(Options(), [] {
    Mutex a, b;
    Thread t([&] {
      a.Lock();
      b.Lock();
      b.Unlock();
      a.Unlock();
    });
    b.Lock();
    a.Lock();
    a.Unlock();
    b.Unlock();
  });
  EXPECT_THAT(report.failure, HasSubstr("deadlock: "));
  EXPECT_THAT(report.failure, HasSubstr("waits for a mutex"));
}

TEST(Explorer, ReportsALivelock) {
  const Report report = Explore(Options().Steps(100), [] {
    Atomic<bool> never(false);
    while (!never.load(kAcquire)) SpinHint();
  });
  EXPECT_THAT(report.failure, HasSubstr("does not come to an end"));
}

TEST(Explorer, SpinnersWaitForWhatTheySpinFor) {
  const Report report = Explore(Options().Preemptions(3), [] {
    Atomic<bool> locked(false);
    Cell<int> cell(0);
    auto add = [&] {
      while (locked.exchange(true, kAcquire)) {
        while (locked.load(kRelaxed)) SpinHint();
      }
      ++cell.Write();
      locked.store(false, kRelease);
    };
    Thread a(add);
    Thread b(add);
    add();
    a.Join();
    b.Join();
    Assert(cell.Read() == 3, "an increment was lost");
  });
  EXPECT_TRUE(report.ok && report.complete) << report.ToString();
}

TEST(Explorer, FutexesWaitAndWake) {
  auto body = [](bool wake, bool timed) {
    return [=] {
      Atomic<uint32_t> word(0);
      bool woken = true;
      Thread t([&] {
        while (woken && word.load(kAcquire) == 0) woken = FutexWait(word, 0, timed);
      });
      word.store(1, kRelease);
      if (wake) FutexWake(word);
      t.Join();
    };
  };
  EXPECT_TRUE(Explore(Options().Preemptions(3), body(true, false)).ok);
  EXPECT_THAT(Explore(Options(), body(false, false)).failure, HasSubstr("is parked at"));
  EXPECT_TRUE(Explore(Options(), body(false, true)).ok);
}

TEST(Explorer, ReportsUseAfterFree) {
  struct Node {
    Atomic<int> refs{2};
  };
  auto body = [](std::memory_order order) {
    return [order] {
      Node* node = new Node;
      auto unref = [node, order] {
        if (node->refs.fetch_sub(1, order) == 1) delete node;
      };
      Thread t(unref);
      unref();
    };
  };
  const Report good = Explore(Options().Everything(), body(kAcqRel));
  EXPECT_TRUE(good.ok && good.complete) << good.ToString();
  EXPECT_THAT(Explore(Options(), body(kRelaxed)).failure,
              HasSubstr("is destroyed, and nothing makes sure"));

  const Report used = Explore(Options(), [] {
    Node* node = new Node;
    Thread t([node] { node->refs.fetch_sub(1, kAcqRel); });
    while (node->refs.load(kAcquire) == 2) SpinHint();
    delete node;
  });
  EXPECT_TRUE(used.ok) << used.ToString();
  const Report after = Explore(Options(), [] {
    Node* node = new Node;
    Thread t([node] {
      node->refs.fetch_sub(1, kAcqRel);
      node->refs.fetch_add(1, kAcqRel);
    });
    while (node->refs.load(kAcquire) == 2) SpinHint();
    delete node;
  });
  EXPECT_FALSE(after.ok);
}

TEST(Explorer, ReportsUnpublishedObjects) {
  auto body = [](std::memory_order order) {
    return [order] {
      Atomic<Atomic<int>*> box(nullptr);
      Thread t([&] { box.store(new Atomic<int>(1), order); });
      if (Atomic<int>* inner = box.load(kAcquire))
        Assert(inner->load(kRelaxed) == 1, "not made yet");
      t.Join();
      delete box.load(kRelaxed);
    };
  };
  EXPECT_TRUE(Explore(Options().Everything(), body(kRelease)).ok);
  EXPECT_THAT(Explore(Options(), body(kRelaxed)).failure, HasSubstr("construction"));
}

TEST(Explorer, ReportsLeaksAndDoubleFrees) {
  auto leak = [] { static_cast<void>(new std::string(100, 'x')); };
  EXPECT_THAT(Explore(Options(), leak).failure, HasSubstr("2 blocks of memory were not freed"));
  EXPECT_TRUE(Explore(Options().AllowLeaks(), leak).ok);
  EXPECT_THAT(Explore(Options(),
                      [] {
                        void* volatile p = ::operator new(8);
                        ::operator delete(p);
                        ::operator delete(p);
                      })
                  .failure,
              HasSubstr("freed twice"));
  EXPECT_TRUE(Explore(Options(), [] {
                struct alignas(64) Wide {
                  char bytes[64];
                };
                auto wide = std::make_unique<Wide>();
                Assert(reinterpret_cast<uintptr_t>(wide.get()) % 64 == 0, "not aligned");
                auto array = std::make_unique<int[]>(100);
                array[99] = 1;
              }).ok);
}

TEST(Explorer, AMemoryFaultIsAFailure) {
  for (int i = 0; i < 3; ++i) {
    const Report report = Explore(Options(), [] {
      volatile int* volatile null = nullptr;
      *null = 1;
    });
    EXPECT_THAT(report.failure, HasSubstr("memory fault"));
  }
}

TEST(Explorer, FreezeTellsLocksFromLockFree) {
  const Report with_lock = Explore(Options().Freeze(), [] {
    Mutex mutex;
    auto work = [&] {
      mutex.Lock();
      mutex.Unlock();
    };
    Thread a(work);
    Thread b(work);
  });
  EXPECT_THAT(with_lock.failure, HasSubstr("can not go on while one thread is stopped"));
  const Report with_spin = Explore(Options().Freeze(), [] {
    Atomic<bool> locked(false);
    auto work = [&] {
      while (locked.exchange(true, kAcquire)) SpinHint();
      locked.store(false, kRelease);
    };
    Thread a(work);
    Thread b(work);
  });
  EXPECT_THAT(with_spin.failure, HasSubstr("does not come to an end"));
  const Report without = Explore(Options().Freeze(), [] {
    Atomic<int> x(0);
    auto work = [&] {
      int old = x.load(kRelaxed);
      while (!x.compare_exchange_weak(old, old + 1, kAcqRel, kRelaxed)) {
      }
    };
    Thread a(work);
    Thread b(work);
    work();
  });
  EXPECT_TRUE(without.ok && without.complete) << without.ToString();
}

TEST(Explorer, WeakCompareExchangeMayFailSpuriously) {
  auto body = [] {
    Atomic<int> x(0);
    int expected = 0;
    Assert(x.compare_exchange_weak(expected, 1), "failed");
  };
  EXPECT_TRUE(Explore(Options(), body).ok);
  EXPECT_FALSE(Explore(Options().SpuriousFailures(1), body).ok);
}

TEST(Explorer, MutantsAreSwitchedByName) {
  auto body = [] {
    Cell<int> data(0);
    Atomic<bool> flag(false);
    Thread t([&] {
      data.Write() = 1;
      if (!KIOTO_MUTANT("explorer_test.no_flag"))
        flag.store(true, KIOTO_ORDER("explorer_test.relaxed", kRelease));
    });
    while (!flag.load(kAcquire)) SpinHint();
    Assert(data.Read() == 1, "missed");
  };
  const Report good = Explore(Options(), body);
  EXPECT_TRUE(good.ok && !good.mutant_met) << good.ToString();
  const Report dropped = Explore(Options().Mutant("explorer_test.no_flag"), body);
  EXPECT_TRUE(!dropped.ok && dropped.mutant_met);
  const Report relaxed = Explore(Options().Mutant("explorer_test.relaxed"), body);
  EXPECT_TRUE(!relaxed.ok && relaxed.mutant_met);
  EXPECT_THAT(relaxed.failure, HasSubstr("race"));
  EXPECT_FALSE(Explore(Options().Mutant("explorer_test.misspelled"), body).mutant_met);
  EXPECT_THAT(KnownMutants(), Contains("explorer_test.relaxed"));
}

TEST(Explorer, AModelThatIsNotDeterministicIsReported) {
  int runs = 0;
  const Report report = Explore(Options(), [&runs] {
    Atomic<int> x(0);
    ++runs;
    Thread t([&] {
      for (int i = 0; i < 3; ++i) x.fetch_add(1);
    });
    if (runs % 2 == 0) {
      Thread u([&] { x.fetch_add(1); });
      x.fetch_add(1);
    }
    x.fetch_add(1);
  });
  EXPECT_THAT(report.failure, HasSubstr("not deterministic"));
}

TEST(Explorer, OutsideAnExecutionEverythingIsPlain) {
  static Atomic<int> constant(3);
  Atomic<int> x(1);
  Cell<int> cell(2);
  EXPECT_EQ(x.fetch_add(4), 1);
  EXPECT_EQ(x.load(), 5);
  int expected = 5;
  EXPECT_TRUE(x.compare_exchange_strong(expected, 6));
  EXPECT_FALSE(x.compare_exchange_strong(expected, 7));
  EXPECT_EQ(expected, 6);
  cell.Write() = 3;
  EXPECT_EQ(cell.Read(), 3);
  Mutex mutex;
  mutex.Lock();
  mutex.Unlock();
  // What was made outside stays plain inside.
  const Report report = Explore(Options(), [&] {
    Thread t([&] { cell.Write() = 4; });
    cell.Write() = 5;
    constant.fetch_add(1);
  });
  EXPECT_TRUE(report.ok) << report.ToString();
  EXPECT_GT(constant.load(), 3);
  EXPECT_FALSE(Exploring());
}

}  // namespace
}  // namespace kioto::model
