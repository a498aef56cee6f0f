// The readiness word of a source: no event is lost, and none reaches a later owner of the slot. The numbers are those of
// runtime/driver/io_source.h.
#include <gtest/gtest.h>

#include "kioto/runtime/driver/io_source.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::Direction;
using kioto::internal::IoSource;
using kioto::internal::IoWaiter;
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

}  // namespace
}  // namespace kioto::model
