// The readiness word of a source: no event is lost, and none reaches a later owner of the slot; who waits for what is not
// watched, or no more, is told. The numbers are those of runtime/driver/io_source.h.
#include <errno.h>
#include <gtest/gtest.h>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_source.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::Direction;
using kioto::internal::IoSource;
using kioto::internal::IoWaiter;
using kioto::internal::Reactor;
using kioto::internal::Ready;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int kNoFd = -1;

// A task takes what two events brought, as a socket's read does: waits until it is readable, takes, clears what it saw (R1,
// R2). `listed`: as one of several waiters.
auto Take(bool listed) {
  return [listed] {
    IoSource::ForgetSlab();
    Cell<int> first(0);
    Atomic<int> bytes(0);
    auto* sleeper = new Sleeper;
    IoSource* source = IoSource::Allocate();
    {
      Thread events([&, token = source->token()] {
        first.Write() = 1;
        bytes.fetch_add(1, kRelaxed);
        Assert(IoSource::Dispatch(token, Ready::kReadable), "the source is there");
        bytes.fetch_add(1, kRelaxed);
        Assert(IoSource::Dispatch(token, Ready::kReadable), "the source is there");
      });
      const Waker waker = sleeper->MakeWaker();
      IoWaiter waiter;
      for (int got = 0; got < 2;) {
        const uint64_t seen = source->Register(waker, Direction::kRead, listed ? &waiter : nullptr);
        if ((seen & Ready::kReadable) == 0) {
          sleeper->Sleep();
          continue;
        }
        Assert(first.Read() == 1, "readable without the data");
        got += bytes.exchange(0, kRelaxed);
        if (got < 2) source->Clear(seen, Ready::kReadable);
      }
    }
    (void)source->Retire(kNoFd, /*close=*/false);
    IoSource::FreeSlab();
    sleeper->Drop();
  };
}

// An event comes late, for an owner that goes meanwhile (R3).
void Late() {
  IoSource::ForgetSlab();
  IoSource* source = IoSource::Allocate();
  Thread events([token = source->token()] { (void)IoSource::Dispatch(token, Ready::kReadable); });
  (void)source->Retire(kNoFd, /*close=*/false);
  IoSource* next = IoSource::Allocate();
  Assert(next == source, "the slot is used again");
  events.Join();
  Assert((next->readiness() & Ready::kAll) == 0, "an event of the owner before");
  (void)next->Retire(kNoFd, /*close=*/false);
  IoSource::FreeSlab();
}

// Watches as an epoll set does, or refuses.
class FakeReactor final : public Reactor {
 public:
  explicit FakeReactor(int error = 0) : error_(error) {}
  int fd() const override { return kNoFd; }
  int Harvest() override { return 0; }
  uint64_t WatchBits(uint64_t wanted) const override { return IoSource::kWatchIn | wanted; }
  int Watch(IoSource*, int, uint64_t, uint64_t) override { return -error_; }
  bool Forget(IoSource*, int, bool, int*) override { return false; }

 private:
  const int error_;
};

// A task waits for the first time, on a source that is made meanwhile, while the reactor shuts down (R5).
void WaitAgainstShutdown() {
  IoSource::ForgetSlab();
  auto* sleeper = new Sleeper;
  IoSource* before = IoSource::Allocate();
  {
    FakeReactor reactor;
    Thread ends([&reactor] { reactor.Shutdown(); });
    IoSource* source = IoSource::Allocate();
    const Waker waker = sleeper->MakeWaker();
    for (;;) {
      const uint64_t seen = source->Register(waker, Direction::kRead, nullptr);
      if ((seen & IoSource::kShutdown) != 0) break;
      if ((seen & IoSource::kWatchIn) == 0 && !source->Watch(kNoFd, IoSource::kWatchIn, &reactor, "wait").ok()) break;
      sleeper->Sleep();
    }
    ends.Join();
    Assert(reactor.sources() == 0, "a reactor that is gone watches a source");
    (void)source->Retire(kNoFd, /*close=*/false);
  }
  (void)before->Retire(kNoFd, /*close=*/false);
  IoSource::FreeSlab();
  sleeper->Drop();
}

// One of several tasks finds the bits of a watch that another one has begun, and that is refused.
void RelyOnARefusedWatch() {
  IoSource::ForgetSlab();
  auto* sleeper = new Sleeper;
  IoSource* source = IoSource::Allocate();
  {
    FakeReactor refuses(ENOSPC);
    Thread other([&] { Assert(!source->Watch(kNoFd, IoSource::kWatchOut, &refuses, "wait").ok(), "it was refused"); });
    const Waker waker = sleeper->MakeWaker();
    IoWaiter waiter;
    for (;;) {  // as IoHandle::PollAny
      (void)source->Register(waker, Ready::Of(Direction::kRead), waiter);
      if ((source->readiness() & IoSource::kWatchIn) == 0) break;
      sleeper->Sleep();
    }
    Assert(!source->Watch(kNoFd, IoSource::kWatchIn, &refuses, "wait").ok(), "it is told so itself");
  }
  (void)source->Retire(kNoFd, /*close=*/false);
  IoSource::FreeSlab();
  sleeper->Drop();
}

TEST(ReadinessModel, NoEventIsLost) {
  ExpectHolds(Options().Preemptions(2), Take(false));
  ExpectHolds(Options().Preemptions(2), Take(true));
  ExpectHolds(Options().Random(10000), Take(true));
  ExpectCaught("io_source.dispatch_order", Options(), Take(false));
  ExpectCaught("io_source.clear_unseen", Options(), Take(false));
}

TEST(ReadinessModel, NoEventReachesALaterOwner) {
  ExpectHolds(Options().Preemptions(3), Late);
  ExpectCaught("io_source.ignore_generation", Options(), Late);
}

TEST(ReadinessModel, AFirstWaitSeesTheShutdown) {
  (void)ShutdownError("made at first use, before the search");
  ExpectHolds(Options().Preemptions(3), WaitAgainstShutdown);
  ExpectHolds(Options().Random(10000), WaitAgainstShutdown);
  ExpectCaught("io_source.size_without_lock", Options(), WaitAgainstShutdown);
}

TEST(ReadinessModel, ARefusedWatchIsToldToWhoReliesOnIt) {
  (void)ErrnoStatus(-ENOSPC, "made at first use, before the search");
  ExpectHolds(Options().Preemptions(2), RelyOnARefusedWatch);
  ExpectCaught("io_source.refuse_in_silence", Options(), RelyOnARefusedWatch);
}

}  // namespace
}  // namespace kioto::model
