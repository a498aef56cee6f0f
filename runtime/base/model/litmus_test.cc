// Litmus tests: for each shape of weak memory, what C++ forbids is never seen, and what it allows
// is.
#include <gtest/gtest.h>

#include "kioto/runtime/base/model/atomic.h"
#include "kioto/runtime/base/model/explore.h"
#include "kioto/runtime/base/model/thread.h"

namespace kioto::model {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcqRel = std::memory_order_acq_rel;
constexpr auto kSeqCst = std::memory_order_seq_cst;

// A model whose body asserts that the weak outcome is absent.
template <class Body>
void ExpectForbidden(Body body) {
  const Report report = Explore(Options().Everything(), body);
  EXPECT_TRUE(report.ok && report.complete) << report.ToString();
  const Report random = Explore(Options().Random(2000), body);
  EXPECT_TRUE(random.ok) << random.ToString();
}

template <class Body>
void ExpectAllowed(Body body) {
  const Report report = Explore(Options(), body);
  EXPECT_FALSE(report.ok) << "the weak outcome was not found: " << report.ToString();
  const Report again = Explore(Options().Replay(report.schedule), body);
  EXPECT_EQ(again.failure, report.failure) << report.schedule;
  EXPECT_EQ(again.executions, 1);
  const Report random = Explore(Options().Random(5000), body);
  EXPECT_FALSE(random.ok) << "the weak outcome was not found at random";
  EXPECT_EQ(Explore(Options().Replay(random.schedule), body).failure, random.failure)
      << random.schedule;
}

auto StoreBuffering(std::memory_order store, std::memory_order load) {
  return [=] {
    Atomic<int> x(0), y(0);
    int r1 = 0, r2 = 0;
    Thread t([&] {
      x.store(1, store);
      r1 = y.load(load);
    });
    y.store(1, store);
    r2 = x.load(load);
    t.Join();
    Assert(r1 == 1 || r2 == 1, "both loads missed both stores");
  };
}

TEST(Litmus, StoreBuffering) {
  ExpectForbidden(StoreBuffering(kSeqCst, kSeqCst));
  ExpectAllowed(StoreBuffering(kRelease, kAcquire));
  ExpectAllowed(StoreBuffering(kSeqCst, kAcquire));
  ExpectAllowed(StoreBuffering(kRelease, kSeqCst));
}

TEST(Litmus, StoreBufferingWithExchangesOfOneWord) {
  // Dekker on one word: whoever comes second sees the first.
  ExpectForbidden([] {
    Atomic<int> word(0), x(0), y(0);
    int r1 = 0, r2 = 0;
    Thread t([&] {
      x.store(1, kRelaxed);
      word.fetch_or(1, kAcqRel);
      r1 = y.load(kRelaxed);
    });
    y.store(1, kRelaxed);
    word.fetch_or(2, kAcqRel);
    r2 = x.load(kRelaxed);
    t.Join();
    Assert(r1 == 1 || r2 == 1, "both loads missed both stores");
  });
}

auto MessagePassing(std::memory_order store, std::memory_order load) {
  return [=] {
    Atomic<int> data(0), flag(0);
    Thread t([&] {
      data.store(1, kRelaxed);
      flag.store(1, store);
    });
    if (flag.load(load) == 1) Assert(data.load(kRelaxed) == 1, "the flag came before the data");
  };
}

TEST(Litmus, MessagePassing) {
  ExpectForbidden(MessagePassing(kRelease, kAcquire));
  ExpectForbidden(MessagePassing(kSeqCst, kSeqCst));
  ExpectAllowed(MessagePassing(kRelaxed, kAcquire));
  ExpectAllowed(MessagePassing(kRelease, kRelaxed));
}

auto PassCell(std::memory_order store, std::memory_order load) {
  return [=] {
    Cell<int> data(0);
    Atomic<bool> flag(false);
    Thread t([&] {
      data.Write() = 1;
      flag.store(true, store);
    });
    if (flag.load(load)) Assert(data.Read() == 1, "the flag came before the data");
  };
}

TEST(Litmus, MessagePassingOfPlainDataIsARaceWithoutOrders) {
  ExpectForbidden(PassCell(kRelease, kAcquire));
  ExpectAllowed(PassCell(kRelaxed, kAcquire));
  ExpectAllowed(PassCell(kRelease, kRelaxed));
}

auto Iriw(std::memory_order store, std::memory_order load) {
  return [=] {
    Atomic<int> x(0), y(0);
    int a = 0, b = 0, c = 0, d = 0;
    {
      Thread t1([&] { x.store(1, store); });
      Thread t2([&] { y.store(1, store); });
      Thread t3([&] {
        a = x.load(load);
        b = y.load(load);
      });
      c = y.load(load);
      d = x.load(load);
    }
    Assert(!(a == 1 && b == 0 && c == 1 && d == 0),
           "two readers saw two stores in opposite orders");
  };
}

TEST(Litmus, IndependentReadsOfIndependentWrites) {
  ExpectForbidden(Iriw(kSeqCst, kSeqCst));
  ExpectAllowed(Iriw(kRelease, kAcquire));
  ExpectAllowed(Iriw(kSeqCst, kAcquire));
}

TEST(Litmus, LoadBufferingIsNotProduced) {
  // C++ allows it for relaxed operations; the explorer does not (execution.h).
  ExpectForbidden([] {
    Atomic<int> x(0), y(0);
    int r1 = 0, r2 = 0;
    Thread t([&] {
      r1 = x.load(kRelaxed);
      y.store(1, kRelaxed);
    });
    r2 = y.load(kRelaxed);
    x.store(1, kRelaxed);
    t.Join();
    Assert(!(r1 == 1 && r2 == 1), "both loads saw the future");
  });
}

TEST(Litmus, CoherenceOfReads) {
  ExpectForbidden([] {
    Atomic<int> x(0);
    Thread t([&] {
      x.store(1, kRelaxed);
      x.store(2, kRelaxed);
    });
    const int first = x.load(kRelaxed);
    const int second = x.load(kRelaxed);
    Assert(first <= second, "a thread saw a location go back");
  });
}

TEST(Litmus, CoherenceThroughAnotherThread) {
  // What a thread has seen, whoever synchronises with it must see.
  auto body = [](std::memory_order store, std::memory_order load) {
    return [=] {
      Atomic<int> x(0), flag(0);
      Thread writer([&] { x.store(1, kRelaxed); });
      Thread reader([&] {
        if (x.load(kRelaxed) == 1) flag.store(1, store);
      });
      if (flag.load(load) == 1) Assert(x.load(kRelaxed) == 1, "a later read saw an older value");
    };
  };
  ExpectForbidden(body(kRelease, kAcquire));
  ExpectAllowed(body(kRelaxed, kRelaxed));
}

TEST(Litmus, AThreadSeesItsOwnStores) {
  ExpectForbidden([] {
    Atomic<int> x(0);
    Thread t([&] { x.store(1, kRelaxed); });
    x.store(2, kRelaxed);
    Assert(x.load(kRelaxed) != 0, "a thread missed its own store");
  });
}

// Head: a release store. Then `continuation`, by another thread. Then an acquire load of what came
// last.
template <class Continuation>
auto ReleaseSequence(Continuation continuation) {
  return [=] {
    Cell<int> data(0);
    Atomic<int> flag(0);
    Thread head([&] {
      data.Write() = 1;
      flag.store(1, kRelease);
    });
    Thread middle([&] {
      if (flag.load(kRelaxed) == 1) continuation(flag);
    });
    if (flag.load(kAcquire) == 2) Assert(data.Read() == 1, "the data was missed");
  };
}

TEST(Litmus, ReleaseSequence) {
  ExpectForbidden(ReleaseSequence([](Atomic<int>& flag) { flag.fetch_add(1, kRelaxed); }));
  ExpectForbidden(ReleaseSequence([](Atomic<int>& flag) {
    int expected = 1;
    flag.compare_exchange_strong(expected, 2, kRelaxed);
  }));
  // A plain store of another thread ends it.
  ExpectAllowed(ReleaseSequence([](Atomic<int>& flag) { flag.store(2, kRelaxed); }));
}

TEST(Litmus, ReadModifyWritesLoseNothing) {
  ExpectForbidden([] {
    Atomic<int> x(0);
    Thread a([&] { x.fetch_add(1, kRelaxed); });
    Thread b([&] { x.fetch_add(1, kRelaxed); });
    x.fetch_add(1, kRelaxed);
    a.Join();
    b.Join();
    Assert(x.load(kRelaxed) == 3, "an increment was lost");
  });
  ExpectAllowed([] {
    Atomic<int> x(0);
    Thread a([&] { x.store(x.load(kRelaxed) + 1, kRelaxed); });
    x.store(x.load(kRelaxed) + 1, kRelaxed);
    a.Join();
    Assert(x.load(kRelaxed) == 2, "an increment was lost");
  });
}

TEST(Litmus, WriteToReadCausality) {
  auto body = [](std::memory_order store, std::memory_order load) {
    return [=] {
      Atomic<int> x(0), y(0);
      Thread a([&] { x.store(1, store); });
      Thread b([&] {
        if (x.load(load) == 1) y.store(1, store);
      });
      if (y.load(load) == 1) Assert(x.load(load) == 1, "an effect came before its cause");
    };
  };
  ExpectForbidden(body(kRelease, kAcquire));
  ExpectAllowed(body(kRelaxed, kRelaxed));
}

TEST(Litmus, SeqCstLoadSeesWhatASeqCstReadModifyWriteMade) {
  // Dekker of a store by RMW and a load.
  ExpectForbidden([] {
    Atomic<int> x(0), y(0);
    int r1 = 0, r2 = 0;
    Thread t([&] {
      x.fetch_add(1, kSeqCst);
      r1 = y.load(kSeqCst);
    });
    y.exchange(1, kSeqCst);
    r2 = x.load(kSeqCst);
    t.Join();
    Assert(r1 == 1 || r2 == 1, "both loads missed both stores");
  });
  ExpectAllowed([] {
    Atomic<int> x(0), y(0);
    int r1 = 0, r2 = 0;
    Thread t([&] {
      x.fetch_add(1, kAcqRel);
      r1 = y.load(kSeqCst);
    });
    y.exchange(1, kAcqRel);
    r2 = x.load(kSeqCst);
    t.Join();
    Assert(r1 == 1 || r2 == 1, "both loads missed both stores");
  });
}

}  // namespace
}  // namespace kioto::model
