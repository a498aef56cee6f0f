// Those who wait and give up by chance, and wakers that come back into what wakes them: G2 and G4 of the checks (README.md).
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/barrier.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/once_cell.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/rwlock.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/set_once.h"
#include "kioto/sync/watch.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// --- G2: waiters that give up ------------------------------------------------------------------------------------------------

constexpr int kTasks = 8;

// `times` futures of make(random), one after the other: each is polled a few times, or until it is ready, or for as long as it
// takes. got(output) gives what is kept for one more turn.
template <class Make, class Got>
auto Impatient(int task, int times, Make make, Got got) {
  using Waits = std::invoke_result_t<Make&, base::FastRandom&>;
  using Kept = std::invoke_result_t<Got&, OutputOf<Waits>>;
  return PollFn([=, random = base::FastRandom(static_cast<uint64_t>(task) + 1), left = times, turns = uint32_t{0},
                 kept = std::optional<Kept>(), waits = std::optional<Waits>()](Context& cx) mutable -> Poll<Unit> {
    kept.reset();
    if (!waits) {
      if (left-- == 0) return Unit{};
      waits.emplace(make(random));
      turns = random.Below(4);
    }
    auto poll = internal::PollChild(*waits, cx);
    if (poll.pending() && turns == 3) return kPending;
    if (poll.ready()) kept.emplace(got(*std::move(poll)));
    if (poll.ready() || turns-- == 0) waits.reset();
    cx.Yield();
    return kPending;
  });
}

// Runs `future(task)` in so many tasks on four workers. One that waits in vain is told.
template <class Make>
void InTasks(Make future) {
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(4).Build();
  std::vector<JoinHandle<Unit>> tasks;
  for (int i = 0; i < kTasks; ++i) tasks.push_back(runtime.Spawn(future(i)));
  for (auto& task : tasks) {
    EXPECT_TRUE(runtime.BlockOn([&] { return Timeout(120s, ByRef(task)); }).ok()) << "somebody waits for ever";
    task.Abort();
  }
  EXPECT_TRUE(runtime.Shutdown().clean());
}
int Each(int waits) { return Scaled(waits) / kTasks + 1; }

// check: G2
TEST(WaiterChecks, NoPermitOfASemaphoreIsLostOrMade) {
  sync::Semaphore semaphore(3);
  InTasks([&](int task) {
    return Impatient(task, Each(400'000), [&](base::FastRandom& random) { return semaphore.Acquire(1 + random.Below(3)); },
                     [](StatusOr<sync::SemaphorePermit> permit) { return *std::move(permit); });
  });
  EXPECT_EQ(semaphore.AvailablePermits(), 3u);
}

// check: G2
TEST(WaiterChecks, AMutexIsNeverLockedForNobody) {
  sync::Mutex<int> mutex(0);
  base::Atomic<int> locked{0};
  InTasks([&](int task) {
    return Impatient(task, Each(200'000), [&](base::FastRandom&) { return mutex.Lock(); },
                     [&](sync::MutexGuard<int> guard) {
                       ++*guard;
                       locked.fetch_add(1);
                       return guard;
                     });
  });
  EXPECT_EQ(mutex.Get(), locked.load());
  EXPECT_TRUE(mutex.TryLock().ok());
}

// check: G2
TEST(WaiterChecks, NoPlaceInAChannelIsLostOrMade) {
  auto channel = sync::Mpsc<int>(2);
  InTasks([&](int task) {
    return Impatient(task, Each(200'000), [&](base::FastRandom& random) { return channel.sender.Reserve(1 + random.Below(2)); },
                     [](StatusOr<sync::MpscPermits<int>> permits) { return *std::move(permits); });
  });
  EXPECT_EQ(channel.sender.Capacity(), 2u);
}

// One NotifyOne is on its way from one to the next all the time. If it is lost, somebody waits for ever.
// check: G2
TEST(WaiterChecks, NoNotifyOneIsLost) {
  sync::Notify notify;
  base::Atomic<int> passed{0};
  notify.NotifyOne();
  InTasks([&](int task) {
    return Impatient(task, Each(200'000), [&](base::FastRandom&) { return notify.Notified(); },
                     [&](Unit) {
                       passed.fetch_add(1);
                       notify.NotifyOne();
                       return Unit{};
                     });
  });
  std::printf("passed on %d times\n", passed.load());
  EXPECT_GT(passed.load(), 0);
  auto last = notify.Notified();
  EXPECT_TRUE(last.Enable());
}

// --- G4: wakers that come back -----------------------------------------------------------------------------------------------

// Calls `fn` when it is woken, or when it is let go of, once.
template <class Fn>
class Calls final : public Wakeable {
 public:
  Calls(Fn fn, bool at_end) : fn_(std::move(fn)), at_end_(at_end) {}
  ~Calls() override {
    if (at_end_) fn_();
  }
  // A waker that is the only reference.
  static Waker Make(Fn fn, bool at_end) {
    auto* target = new Calls(std::move(fn), at_end);
    Waker waker = target->MakeWaker();
    target->Unref();
    return waker;
  }

 private:
  void OnWake() override {
    if (!at_end_ && !std::exchange(called_, true)) fn_();
  }
  Fn fn_;
  const bool at_end_;
  bool called_ = false;
};

template <class F>
bool PollWith(F& future, const Waker& waker) {
  internal::PollScope scope;
  Context cx(waker, scope);
  return future.PollOnce(cx).ready();
}

// waits(object) is a future that is pending until act(object). Its waker calls act too, when it is woken and when it is let go
// of, polls another such future, and destroys the first.
template <class Make, class Waits, class Act>
void ComesBack(const char* what, Make make, Waits waits, Act act) {
  for (bool at_end : {false, true}) {
    auto object = make();
    const CountingWaker other;
    std::optional<decltype(waits(*object))> first, second;
    int calls = 0;
    const auto again = [&] {
      ++calls;
      act(*object);
      second.emplace(waits(*object));
      (void)PollWith(*second, other.waker());
      second.reset();
      if (!at_end) first.reset();
    };
    first.emplace(waits(*object));
    EXPECT_FALSE(PollWith(*first, Calls<decltype(again)>::Make(again, at_end))) << what;
    if (at_end) (void)PollWith(*first, other.waker());  // another waker in its place
    EXPECT_EQ(calls, at_end ? 1 : 0) << what;
    act(*object);
    EXPECT_EQ(calls, 1) << what;
  }
}

// check: G4
TEST(WaiterChecks, ALockOrANotifyMayBeUsedByTheWakersItWakes) {
  using sync::Notify, sync::Semaphore;
  const auto semaphore = [] { return std::make_unique<Semaphore>(0); };
  ComesBack("Semaphore::AddPermits", semaphore, [](Semaphore& s) { return s.Acquire(2); }, [](Semaphore& s) { s.AddPermits(2); });
  ComesBack("Semaphore::Close", semaphore, [](Semaphore& s) { return s.Acquire(); }, [](Semaphore& s) { s.Close(); });
  const auto notify = [] { return std::make_unique<Notify>(); };
  ComesBack("NotifyOne", notify, [](Notify& n) { return n.Notified(); }, [](Notify& n) { n.NotifyOne(); });
  ComesBack("NotifyAll", notify, [](Notify& n) { return n.Notified(); }, [](Notify& n) { n.NotifyAll(); });
  struct Locked {
    sync::Mutex<int> mutex;
    std::optional<sync::MutexGuard<int>> guard = *mutex.TryLock();
  };
  ComesBack("Mutex", [] { return std::make_unique<Locked>(); }, [](Locked& l) { return l.mutex.Lock(); },
            [](Locked& l) { l.guard.reset(); });
  struct Written {
    sync::RwLock<int> lock;
    std::optional<sync::WriteGuard<int>> guard = *lock.TryWrite();
  };
  ComesBack("RwLock", [] { return std::make_unique<Written>(); }, [](Written& w) { return w.lock.Read(); },
            [](Written& w) { w.guard.reset(); });
}

// check: G4
TEST(WaiterChecks, AChannelMayBeUsedByTheWakersItWakes) {
  using Bounded = sync::MpscHandles<int>;
  const auto bounded = [] { return std::make_unique<Bounded>(sync::Mpsc<int>(2)); };
  const auto full = [=] {
    auto channel = bounded();
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(channel->sender.TrySend(i).ok());
    return channel;
  };
  ComesBack("Mpsc: a send", bounded, [](Bounded& c) { return c.receiver.Recv(); }, [](Bounded& c) { (void)c.sender.TrySend(1); });
  ComesBack("Mpsc: a receive", full, [](Bounded& c) { return c.sender.Reserve(); }, [](Bounded& c) { (void)c.receiver.TryRecv(); });
  ComesBack("Mpsc: Close", full, [](Bounded& c) { return c.sender.Send(3); }, [](Bounded& c) { c.receiver.Close(); });
  ComesBack("Mpsc: the end", bounded, [](Bounded& c) { return c.receiver.Recv(); }, [](Bounded& c) { c.sender.reset(); });
  using Unbounded = sync::MpscUnboundedHandles<int>;
  ComesBack("MpscUnbounded", [] { return std::make_unique<Unbounded>(sync::MpscUnbounded<int>()); },
            [](Unbounded& c) { return c.receiver.Recv(); }, [](Unbounded& c) { (void)c.sender.Send(1); });
  using Once = sync::OneshotChannel<int>;
  ComesBack("Oneshot", [] { return std::make_unique<Once>(sync::Oneshot<int>()); }, [](Once& c) { return c.sender.Closed(); },
            [](Once& c) { c.receiver.Close(); });
  struct Room {
    sync::Broadcast<int> room;
    sync::BroadcastReceiver<int> inbox = room.Subscribe();
  };
  ComesBack("Broadcast", [] { return std::make_unique<Room>(); }, [](Room& r) { return r.inbox.Recv(); },
            [](Room& r) { r.room.Send(1); });
  struct Watched {
    sync::Watch<int> watch;
    sync::WatchReceiver<int> seen = watch.Subscribe();
  };
  ComesBack("Watch", [] { return std::make_unique<Watched>(); }, [](Watched& w) { return w.seen.Changed(); },
            [](Watched& w) { w.watch.Set(1); });
}

// check: G4
TEST(WaiterChecks, ACellOrATokenMayBeUsedByTheWakersItWakes) {
  using Cell = sync::SetOnce<int>;
  ComesBack("SetOnce", [] { return std::make_unique<Cell>(); }, [](Cell& c) { return c.Wait(); }, [](Cell& c) { (void)c.Set(1); });
  struct Turn {
    CountingWaker waker;
    sync::OnceCell<int> cell;
    std::optional<Future<const int*>> first = cell.GetOrInit([] { return Never<int>(); }).Boxed();
    Turn() { EXPECT_FALSE(PollWith(*first, waker.waker())); }
  };
  ComesBack("OnceCell", [] { return std::make_unique<Turn>(); }, [](Turn& t) { return t.cell.GetOrInit([] { return 1; }); },
            [](Turn& t) { t.first.reset(); });
  ComesBack("CancellationToken", [] { return std::make_unique<CancellationToken>(); },
            [](CancellationToken& t) { return t.ChildToken().Cancelled(); }, [](CancellationToken& t) { t.Cancel(); });
  ComesBack("Barrier", [] { return std::make_unique<sync::Barrier>(2); }, [](sync::Barrier& b) { return b.Wait(); },
            [](sync::Barrier& b) {
              auto arrives = b.Wait();
              (void)PollWith(arrives, CountingWaker().waker());
            });
}

}  // namespace
}  // namespace kioto
