// Rows of those who wait, among --size others: what one operation costs must not depend on how many they are. Polled by hand, so
// that nothing else is counted.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/sync/barrier.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/rwlock.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/watch.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

class Woken final : public Wakeable {
 public:
  uint64_t wakes = 0;

 private:
  void OnWake() override { ++wakes; }
};

// `size` futures of make(i), each of which waits.
template <class Make>
class Waiting {
 public:
  using F = std::invoke_result_t<Make&, size_t>;

  Waiting(size_t size, Make make) : make_(make), futures_(size), waker_(woken_->MakeWaker()) {
    for (size_t i = 0; i < size; ++i) WaitAgain(i);
  }
  ~Waiting() { woken_->Unref(); }

  void WaitAgain(size_t i) {
    futures_[i].emplace(make_(i));
    Check(Polled(i).pending(), "one that was to wait does not");
  }
  // The output of one that was served; its place is free.
  OutputOf<F> Take(size_t i) {
    auto poll = Polled(i);
    Check(poll.ready(), "one that was to be served is not");
    futures_[i].reset();
    return *std::move(poll);
  }
  uint64_t wakes() const { return woken_->wakes; }

 private:
  Poll<OutputOf<F>> Polled(size_t i) {
    internal::PollScope scope;
    Context cx(waker_, scope);
    return futures_[i]->PollOnce(cx);
  }

  Make make_;
  Woken* const woken_ = new Woken;
  std::vector<std::optional<F>> futures_;
  Waker waker_;
};

// The first of them is served, and waits again behind the last. Then one in the middle gives up, and waits again.
template <class Make, class Serve>
void OneAfterTheOther(Bench& bench, Make make, Serve serve) {
  const size_t size = bench.Size(1'000), times = bench.Times(1'000'000);
  Waiting<Make> waiting(size, make);
  const auto start = Clock::now();
  for (size_t i = 0; i < times; ++i) {
    serve(waiting, i % size);
    waiting.WaitAgain(i % size);
  }
  Check(waiting.wakes() == times, "not one wake for each that was served");
  for (size_t i = 0; i < times; ++i) waiting.WaitAgain(i * 7'919 % size);
  bench.Report(times, Clock::now() - start);
}

void MutexAmong(Bench& bench) {
  sync::Mutex<uint64_t> mutex;
  std::optional<sync::MutexGuard<uint64_t>> held = *mutex.TryLock();
  OneAfterTheOther(bench, [&](size_t) { return mutex.Lock(); },
                   [&](auto& waiting, size_t first) {
                     held.reset();
                     held.emplace(waiting.Take(first));
                   });
}

void RwLockAmong(Bench& bench) {
  sync::RwLock<uint64_t> lock;
  std::optional<sync::WriteGuard<uint64_t>> held = *lock.TryWrite();
  OneAfterTheOther(bench, [&](size_t) { return lock.Write(); },
                   [&](auto& waiting, size_t first) {
                     held.reset();
                     held.emplace(waiting.Take(first));
                   });
}

void SemaphoreAmong(Bench& bench) {
  sync::Semaphore semaphore(0);
  OneAfterTheOther(bench, [&](size_t) { return semaphore.Acquire(); },
                   [&](auto& waiting, size_t first) {
                     semaphore.AddPermits(1);
                     waiting.Take(first)->Forget();
                   });
}

// Senders wait for room.
void MpscAmong(Bench& bench) {
  auto channel = sync::Mpsc<uint64_t>(1);
  Check(channel.sender.TrySend(0).ok(), "a send");
  OneAfterTheOther(bench, [&](size_t) { return channel.sender.Reserve(); },
                   [&](auto& waiting, size_t first) {
                     Check(channel.receiver.TryRecv().ok(), "an item");
                     waiting.Take(first)->Send(first);
                   });
}

void NotifyAmong(Bench& bench) {
  sync::Notify notify;
  OneAfterTheOther(bench, [&](size_t) { return notify.Notified(); },
                   [&](auto& waiting, size_t first) {
                     notify.NotifyOne();
                     waiting.Take(first);
                   });
}

// A value to all of them, or what else lets them go on, and all wait again: an operation is one receiver's part.
template <class Make, class Send>
void AllAtOnce(Bench& bench, Make make, Send send) {
  const size_t size = bench.Size(1'000), values = std::max<size_t>(1, bench.Times(1'000'000) / size);
  Waiting<Make> waiting(size, make);
  const auto start = Clock::now();
  for (size_t value = 1; value <= values; ++value) {
    send(value);
    for (size_t i = 0; i < size; ++i) {
      Check(waiting.Take(i).ok(), "a receiver");
      waiting.WaitAgain(i);
    }
  }
  Check(waiting.wakes() == size * values, "not one wake for each receiver");
  bench.Report(size * values, Clock::now() - start);
}

void WatchAmong(Bench& bench) {
  sync::Watch<uint64_t> watch(0);
  std::vector<sync::WatchReceiver<uint64_t>> receivers(bench.Size(1'000), watch.Subscribe());
  AllAtOnce(bench, [&](size_t i) { return receivers[i].Changed(); },
            [&](uint64_t value) { Check(watch.Send(value), "a watch"); });
}

void BroadcastAmong(Bench& bench) {
  sync::Broadcast<uint64_t> room(16);
  std::vector<sync::BroadcastReceiver<uint64_t>> receivers;
  for (size_t i = 0; i < bench.Size(1'000); ++i) receivers.push_back(room.Subscribe());
  AllAtOnce(bench, [&](size_t i) { return receivers[i].Recv(); },
            [&](uint64_t value) { Check(room.Send(value) == receivers.size(), "a broadcast"); });
}

// All but one wait for that one, which is the last to arrive.
void BarrierAmong(Bench& bench) {
  sync::Barrier barrier(bench.Size(1'000) + 1);
  const Waker none;
  AllAtOnce(bench, [&](size_t) { return barrier.Wait().Then([](sync::BarrierResult&) { return OkStatus(); }); },
            [&](uint64_t) {
              internal::PollScope scope;
              Context cx(none, scope);
              Check(barrier.Wait().PollOnce(cx).ready(), "the last at a barrier");
            });
}

}  // namespace

const Row kWaiterRows[] = {
    {"mutex_among", MutexAmong}, {"rwlock_among", RwLockAmong},       {"semaphore_among", SemaphoreAmong},
    {"mpsc_among", MpscAmong},   {"notify_among", NotifyAmong},       {"watch_among", WatchAmong},
    {"barrier_among", BarrierAmong}, {"broadcast_among", BroadcastAmong}, {nullptr, nullptr},
};

}  // namespace kioto::bench
