// What the tests of metrics begin with: runtimes, and workers that a task holds up.
#ifndef KIOTO_TESTS_CONFORMANCE_METRICS_TESTING_H_
#define KIOTO_TESTS_CONFORMANCE_METRICS_TESTING_H_

#include <chrono>
#include <cstdint>
#include <future>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/ticks.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {

inline Runtime Built(RuntimeBuilder& builder) {
  StatusOr<Runtime> runtime = builder.Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}
inline Runtime OneThread() {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  return Built(builder);
}
inline Runtime Workers(int workers) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  return Built(builder.WorkerThreads(workers));
}

// To its end; it is to be a good one.
template <class F>
void Finish(const Runtime& runtime, F&& f) {
  EXPECT_TRUE(runtime.BlockOn(std::forward<F>(f)).ok());
}

// Waits, on a thread that may block, for what another thread brings about.
template <class Condition>
void AwaitThat(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

// Keeps the processor busy.
inline void SpinFor(std::chrono::nanoseconds duration) {
  const int64_t start = base::RealNanos();
  while (base::RealNanos() - start < duration.count()) {
  }
}

// The sum of a counter over all workers.
template <class T>
T SumOf(const RuntimeMetrics& metrics, T WorkerMetrics::* counter) {
  T sum{};
  for (size_t i = 0; i < metrics.workers(); ++i) sum += metrics.worker(i).*counter;
  return sum;
}

// A task that blocks its worker, from when the constructor has returned until Release.
class HeldWorker {
 public:
  explicit HeldWorker(const Runtime& runtime) {
    task_ = runtime.Spawn(Lazy([this, release = release_.get_future().share()] {
      running_.set_value();
      release.wait();
    }));
    running_.get_future().wait();
  }
  // It ends before the runtime does, which waits for it.
  ~HeldWorker() {
    release_.set_value();
    while (!task_.finished()) std::this_thread::yield();
  }

 private:
  std::promise<void> running_;
  std::promise<void> release_;
  JoinHandle<Unit> task_;
};

}  // namespace kioto

#endif  // KIOTO_TESTS_CONFORMANCE_METRICS_TESTING_H_
