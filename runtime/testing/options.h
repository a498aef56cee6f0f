// Options: in which runtime a test runs, and for how long at most. Values; each call gives a changed copy.
//
//   KIOTO_TEST(CacheTest, Expires, test::Paused()) { … }
//   KIOTO_TEST(OrderTest, Holds, test::Shuffled(64)) { … }
//   KIOTO_TEST(PoolTest, SharesWork, test::MultiThread(4).TimeLimit(10s)) { … }
#ifndef KIOTO_RUNTIME_TESTING_OPTIONS_H_
#define KIOTO_RUNTIME_TESTING_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace kioto::test {

struct Options {
  // Less than Bazel gives its smallest tests: the report comes before the kill.
  static constexpr std::chrono::nanoseconds kTimeLimit = std::chrono::seconds(50);

  // The clock stands still, and jumps when there is nothing else to do. Current-thread only (checked).
  Options Paused() const {
    Options changed = *this;
    changed.paused = true;
    return changed;
  }
  // What chance does: the same seed, the same choices. Default: 1, so that a test does the same each time; 0: by chance.
  Options Seed(uint64_t number) const {
    Options changed = *this;
    changed.seed = number;
    return changed;
  }
  // Looks for a bad order: the ready tasks run in a random order, by the seed, and the whole test so many times, with seeds
  // from Seed() on, until one fails. That seed is printed; KIOTO_SEED=n runs the test once, in that order. Implies Paused:
  // such a run repeats itself exactly. Current-thread only (checked).
  Options Shuffled(int times = 1) const {
    Options changed = Paused();
    changed.shuffled = times;
    return changed;
  }
  // What Handle::name says. Not blank.
  Options Name(std::string of_runtime) const {
    Options changed = *this;
    changed.name = std::move(of_runtime);
    return changed;
  }
  // Of the real clock, also when the runtime's stands still.
  Options TimeLimit(std::chrono::nanoseconds at_most) const {
    Options changed = *this;
    changed.time_limit = at_most;
    return changed;
  }

  int workers = 0;  // 0: a current-thread runtime
  bool paused = false;
  int shuffled = 0;  // runs, each in an order of its own; 0: one, in the order of waking
  uint64_t seed = 1;
  std::chrono::nanoseconds time_limit = kTimeLimit;
  std::string name;  // of the runtime; "": none
};

inline Options CurrentThread() { return Options(); }
inline Options Paused() { return Options().Paused(); }
inline Options Shuffled(int times = 1) { return Options().Shuffled(times); }
inline Options MultiThread(int workers = 2) {
  Options options;
  options.workers = workers;
  return options;
}

}  // namespace kioto::test

#endif  // KIOTO_RUNTIME_TESTING_OPTIONS_H_
