// Rows of channels and other things that tasks wait for. Those of broadcasts have a file of their own: gcc inlines less in a large
// one, and so one row would change what another costs.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/if.h"
#include "kioto/runtime/future/with.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/semaphore.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

constexpr uint64_t kProducers = 5;
constexpr uint64_t kItems = 400'000;  // by each producer, usually

struct Sum {
  uint64_t count = 0;
  uint64_t sum = 0;
};

// Receives until all senders are gone, and checks what came. A task, as the producers are: all of them have the workers, and no
// thread more.
template <class Receiver>
auto ReceiveAll(Receiver receiver, Sum& got) {
  return Spawn(With(std::move(receiver), [&got](Receiver& receiver) {
    return Loop([&] {
      return receiver.Recv().Then([&](std::optional<uint64_t>& item) -> Flow<> {
        if (!item.has_value()) return Break();
        ++got.count;
        got.sum += *item;
        return Continue();
      });
    });
  }));
}

void CheckItems(const Sum& got, uint64_t items) {
  Check(got.count == kProducers * items && got.sum == kProducers * (items * (items - 1) / 2), "items of a channel");
}

void MpscBounded(Bench& bench) {
  const uint64_t items = bench.Times(kItems);
  Sum got;
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([&] {
              auto channel = sync::Mpsc<uint64_t>(bench.Size(1000));
              for (uint64_t i = 0; i < kProducers; ++i) {
                Spawn(With(channel.sender, uint64_t{0}, [items](sync::MpscSender<uint64_t>& sender, uint64_t& item) {
                  return Loop([&, items] {
                    return sender.Send(item).AndThen(
                        [&, items]() -> Flow<> { return ++item < items ? Flow<>(Continue()) : Flow<>(Break()); });
                  });
                })).Detach();
              }
              channel.sender.reset();
              return ReceiveAll(std::move(channel.receiver), got);
            })
            .ok(),
        "mpsc_bounded");
  CheckItems(got, items);
  bench.Report(got.count, Clock::now() - start);
}

void MpscUnbounded(Bench& bench) {
  const uint64_t items = bench.Times(kItems);
  Sum got;
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([&] {
              auto channel = sync::MpscUnbounded<uint64_t>();
              for (uint64_t i = 0; i < kProducers; ++i) {
                Spawn(PollFn([sender = channel.sender, item = uint64_t{0}, items](Context& cx) mutable -> Poll<Unit> {
                  while (item < items) {
                    Check(sender.Send(uint64_t{item}).ok(), "a send");
                    if (item++ % 1000 != 0) continue;
                    cx.Yield();  // or the queue would hold them all
                    return kPending;
                  }
                  sender.reset();
                  return Unit{};
                })).Detach();
              }
              channel.sender.reset();
              return ReceiveAll(std::move(channel.receiver), got);
            })
            .ok(),
        "mpsc_unbounded");
  CheckItems(got, items);
  bench.Report(got.count, Clock::now() - start);
}

void MpscPingpong(Bench& bench) {
  const size_t trips = bench.Times(500'000);
  using Sender = sync::MpscSender<size_t>;
  using Receiver = sync::MpscReceiver<size_t>;
  auto there = sync::Mpsc<size_t>(1);
  auto back = sync::Mpsc<size_t>(1);
  bench.runtime
      .Spawn(With(std::move(there.receiver), std::move(back.sender), [](Receiver& in, Sender& out) {
        return Loop([&] {
          return in.Recv().Then([&](std::optional<size_t>& item) {
            return If(!item.has_value(), Break, [&] { return out.Send(*item); });
          });
        });
      }))
      .Detach();
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn(bench.runtime.Spawn(
                With(std::move(there.sender), std::move(back.receiver), size_t{0}, [trips](Sender& out, Receiver& in, size_t& i) {
                  return Loop([&] {
                    return out.Send(i).AndThen([&] {
                      return in.Recv().Then([&](std::optional<size_t>& item) -> Flow<> {
                        Check(item.has_value() && *item == i, "the item that came back");
                        return ++i < trips ? Flow<>(Continue()) : Flow<>(Break());
                      });
                    });
                  });
                })))
            .ok(),
        "mpsc_pingpong");
  bench.Report(trips, Clock::now() - start);
}

void Oneshots(Bench& bench) {
  const uint64_t values = bench.Times(3'000'000);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([values] {
              return Loop([i = uint64_t{0}, values]() mutable {
                auto channel = sync::Oneshot<uint64_t>();
                Check(channel.sender.Send(i), "a send");
                return std::move(channel.receiver).Then([&](auto& value) -> Flow<> {
                  Check(value.ok() && *value == i, "the value of a oneshot");
                  return ++i < values ? Flow<>(Continue()) : Flow<>(Break());
                });
              });
            })
            .ok(),
        "oneshot");
  bench.Report(values, Clock::now() - start);
}

void NotifyPingpong(Bench& bench) {
  const size_t times = bench.Times(500'000);
  auto a = std::make_shared<sync::Notify>();
  auto b = std::make_shared<sync::Notify>();
  JoinHandle<Unit> partner = bench.runtime.Spawn(With(a, b, [](auto& a, auto& b) {
    return Loop([&] { return a->Notified().Then([&](Unit&) { b->NotifyOne(); }); });
  }));
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn(bench.runtime.Spawn(With(a, b, size_t{0}, [times](auto& a, auto& b, size_t& trips) {
              return Loop([&] {
                a->NotifyOne();
                return b->Notified().Then(
                    [&](Unit&) -> Flow<> { return ++trips < times ? Flow<>(Continue()) : Flow<>(Break()); });
              });
            })))
            .ok(),
        "notify");
  bench.Report(times, Clock::now() - start);
  partner.Abort();
}

void SemaphoreContended(Bench& bench) {
  static constexpr size_t kTasks = 16;
  const size_t permits = bench.Times(100'000);  // of each task
  sync::Semaphore semaphore(4);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([&semaphore, permits] {
              std::vector<JoinHandle<StatusOr<Unit>>> tasks;
              for (size_t i = 0; i < kTasks; ++i) {
                tasks.push_back(Spawn(Loop([&semaphore, left = permits]() mutable {
                  return semaphore.Acquire().AndThen([&](sync::SemaphorePermit& permit) -> Flow<> {
                    permit.Release();
                    return --left > 0 ? Flow<>(Continue()) : Flow<>(Break());
                  });
                }).Then([](auto& result) -> StatusOr<Unit> {
                  if (!result.ok()) return internal::StatusIn(result);
                  return Unit{};
                })));
              }
              return AwaitEach(std::move(tasks));
            })
            .ok(),
        "semaphore_contended");
  Check(semaphore.AvailablePermits() == 4, "the permits of a semaphore");
  bench.Report(kTasks * permits, Clock::now() - start);
}

}  // namespace

const Row kChannelRows[] = {
    {"mpsc_bounded", MpscBounded},   {"mpsc_unbounded", MpscUnbounded}, {"mpsc_pingpong", MpscPingpong},
    {"oneshot", Oneshots},           {"notify", NotifyPingpong},        {"semaphore_contended", SemaphoreContended},
    {nullptr, nullptr},
};

}  // namespace kioto::bench
