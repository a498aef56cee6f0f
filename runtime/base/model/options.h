// How a model is explored: Options. What came of it: Report.
#ifndef KIOTO_RUNTIME_BASE_MODEL_OPTIONS_H_
#define KIOTO_RUNTIME_BASE_MODEL_OPTIONS_H_

#include <cstdint>
#include <string>
#include <utility>

namespace kioto::model {

// By default: every schedule with at most two preemptions and two stale loads.
class Options {
 public:
  static constexpr int kUnbounded = 1 << 20;

  // How often a thread that could go on may be stopped for another, at most. Blocking and ending
  // are free.
  Options& Preemptions(int n) { return preemptions = n, *this; }
  // How many loads may see something older than the newest store, at most.
  Options& StaleLoads(int n) { return stale_loads = n, *this; }
  // How many compare_exchange_weak may fail for no reason, at most.
  Options& SpuriousFailures(int n) { return spurious_failures = n, *this; }
  // Every schedule, every stale load that C++ allows. For models of a few operations.
  Options& Everything() {
    return Preemptions(kUnbounded).StaleLoads(kUnbounded).SpuriousFailures(kUnbounded);
  }

  // Instead of all schedules: `iterations` of them at random, without those bounds, the same for
  // the same seed.
  Options& Random(int64_t iterations, uint64_t random_seed = 1) {
    return random_iterations = iterations, seed = random_seed, *this;
  }
  // One schedule only, as a Report printed it.
  Options& Replay(std::string path) { return replay = std::move(path), *this; }

  // Stops one thread other than the body for ever, each thread at each of its points in turn: the
  // others must finish. (The body may wait for the stopped one in Join.) What passes is free of
  // locks.
  Options& Freeze() { return freeze = true, *this; }

  // Breaks the product on purpose: KIOTO_MUTANT(name) is true, KIOTO_ORDER(name, order) relaxed.
  Options& Mutant(std::string name) { return mutant = std::move(name), *this; }

  // Operations of one execution; more is reported as a livelock.
  Options& Steps(int n) { return max_steps = n, *this; }
  // Executions after which an exhaustive search gives up (Report::complete is false then).
  Options& Executions(int64_t n) { return max_executions = n, *this; }
  // Whether memory from `new` that an execution does not free is a failure.
  Options& AllowLeaks() { return leaks_allowed = true, *this; }

  int preemptions = 2;
  int stale_loads = 2;
  int spurious_failures = 0;
  int64_t random_iterations = 0;
  uint64_t seed = 1;
  std::string replay;
  bool freeze = false;
  std::string mutant;
  int max_steps = 2000;
  int64_t max_executions = 5'000'000;
  bool leaks_allowed = false;
};

struct Report {
  bool ok = true;  // no execution failed
  bool complete =
      true;  // all schedules within the bounds were explored, or all random iterations made
  bool mutant_met = false;  // the code that Options::Mutant names was reached
  int64_t executions = 0;
  int64_t steps = 0;     // operations of all of them
  std::string failure;   // what went wrong, one sentence
  std::string schedule;  // for Options::Replay
  std::string trace;     // the failed execution, an operation a line

  // Everything above for people.
  std::string ToString() const;
};

}  // namespace kioto::model

#endif  // KIOTO_RUNTIME_BASE_MODEL_OPTIONS_H_
