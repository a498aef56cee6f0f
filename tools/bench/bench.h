// What a workload of kioto_bench gets: its runtime, and where to report.
#ifndef KIOTO_TOOLS_BENCH_BENCH_H_
#define KIOTO_TOOLS_BENCH_BENCH_H_

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::bench {

using Clock = std::chrono::steady_clock;

struct Bench {
  std::string name;
  int threads;       // 0: current-thread
  std::string addr;  // of serve_* rows
  Runtime runtime;
  size_t size_asked = 0;   // --size
  size_t times_asked = 0;  // --times

  // How many things there are at a time, and how often each does its work; the usual number unless another is asked for.
  // What the curves and the exact bars run on.
  size_t Size(size_t usual) const { return size_asked != 0 ? size_asked : usual; }
  size_t Times(size_t usual) const { return times_asked != 0 ? times_asked : usual; }

  // One line: workload threads ops seconds ns_per_op.
  void Report(size_t ops, Clock::duration took) const {
    const double seconds = std::chrono::duration<double>(took).count();
    std::printf("%s %d %zu %.4f %.1f\n", name.c_str(), threads, ops, seconds, seconds * 1e9 / static_cast<double>(ops));
  }
};

// A result that is not what it must be ends the program: a row counts only if its work was done.
inline void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "kioto_bench: wrong result: %s\n", what);
  std::exit(1);
}

// Awaits each of `futures` (a container of futures that give something with ok()), in order.
template <class Futures>
auto AwaitEach(Futures futures) {
  return PollFn([futures = std::move(futures), next = size_t{0}](Context& cx) mutable -> Poll<Unit> {
    for (; next < futures.size(); ++next) {
      auto polled = futures[next].PollOnce(cx);
      if (polled.pending()) return kPending;
      Check(polled->ok(), "a task failed");
    }
    return Unit{};
  });
}

using Workload = void (*)(Bench&);
struct Row {
  const char* name;
  Workload run;
};

// The rows of each area, ended by {nullptr, nullptr}.
extern const Row kTaskRows[];
extern const Row kChannelRows[];
extern const Row kBroadcastRows[];
extern const Row kLockRows[];
extern const Row kTimerRows[];
extern const Row kHttpRows[];
extern const Row kSocketRows[];
extern const Row kDatagramRows[];
extern const Row kTransferRows[];
extern const Row kCodecRows[];
extern const Row kFileRows[];
extern const Row kChildRows[];
extern const Row kWaiterRows[];
extern const Row kMixedRows[];

// Resident bytes of this process.
size_t ResidentBytes();

}  // namespace kioto::bench

#endif  // KIOTO_TOOLS_BENCH_BENCH_H_
