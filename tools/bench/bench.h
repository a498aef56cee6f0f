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

// Awaits each of `futures` (a container), in order.
template <class Futures>
auto AwaitEach(Futures futures) {
  return PollFn([futures = std::move(futures), next = size_t{0}](Context& cx) mutable -> Poll<Unit> {
    for (; next < futures.size(); ++next) {
      if (futures[next].PollOnce(cx).pending()) return kPending;
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

// Resident bytes of this process.
size_t ResidentBytes();

}  // namespace kioto::bench

#endif  // KIOTO_TOOLS_BENCH_BENCH_H_
