// Rows of broadcasts.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/broadcast.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

// The sender waits where it would overtake a receiver: each gets every value, or the row fails.
void Broadcasts(Bench& bench) {
  static constexpr uint64_t kCapacity = 1024;
  static constexpr uint64_t kBurst = 64;
  const uint64_t values = bench.Times(400'000);
  using Receiver = sync::Broadcast<uint64_t>::Receiver;
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn([values] {
              sync::Broadcast<uint64_t> channel(kCapacity);
              std::vector<JoinHandle<Unit>> receivers;
              for (int i = 0; i < 4; ++i) {
                receivers.push_back(Spawn(With(channel.Subscribe(), uint64_t{0}, [values](Receiver& in, uint64_t& count) {
                  return Loop([&, values] {
                    return in.Recv().Then([&, values](StatusOr<uint64_t>& value) -> Flow<> {
                      if (value.ok()) {
                        Check(*value == count++, "the value of a broadcast");
                        return Continue();
                      }
                      Check(IsClosed(value.status()) && count == values, "the number of values of a broadcast");
                      return Break();
                    });
                  });
                })));
              }
              Spawn(PollFn([channel = std::move(channel), value = uint64_t{0}, values](Context& cx) mutable -> Poll<Unit> {
                if (channel.size() <= kCapacity - kBurst) {
                  const uint64_t end = std::min(value + kBurst, values);
                  while (value < end) Check(channel.Send(value++) == 4, "a broadcast");
                }
                if (value < values) {
                  cx.Yield();
                  return kPending;
                }
                channel.reset();
                return Unit{};
              })).Detach();
              return AwaitEach(std::move(receivers));
            })
            .ok(),
        "broadcast");
  bench.Report(values, Clock::now() - start);
}

}  // namespace

const Row kBroadcastRows[] = {{"broadcast", Broadcasts}, {nullptr, nullptr}};

}  // namespace kioto::bench
