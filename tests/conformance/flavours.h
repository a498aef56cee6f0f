// FlavourTest: a behaviour that holds on every flavour of runtime. Its runtime is the flavour's; the one with one worker is
// the likeliest to expose a wake that is lost, and a hand-over that is forgotten.
//
//   TEST_P(TasksTest, Names) { EXPECT_EQ(*runtime().BlockOn(Ready(1)), 1); }
//   ON_EVERY_FLAVOUR(TasksTest);
#ifndef KIOTO_TESTS_CONFORMANCE_FLAVOURS_H_
#define KIOTO_TESTS_CONFORMANCE_FLAVOURS_H_

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {

// Workers; 0: a current-thread runtime.
class FlavourTest : public testing::TestWithParam<int> {
 protected:
  static RuntimeBuilder Builder() {
    if (GetParam() == 0) return RuntimeBuilder::CurrentThread();
    RuntimeBuilder builder = RuntimeBuilder::MultiThread();
    builder.WorkerThreads(GetParam());
    return builder;
  }
  static Runtime Make() {
    StatusOr<Runtime> runtime = Builder().Build();
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    return *std::move(runtime);
  }

  // Made at the first call.
  Runtime& runtime() {
    if (!runtime_) runtime_.emplace(Make());
    return *runtime_;
  }
  // Ends it, as a destructor does.
  void EndRuntime() { runtime_.reset(); }

 private:
  std::optional<Runtime> runtime_;
};

inline std::string FlavourName(const testing::TestParamInfo<int>& info) {
  return info.param == 0 ? "CurrentThread" : info.param == 1 ? "OneWorker" : "ManyWorkers";
}

#define ON_EVERY_FLAVOUR(Suite) \
  INSTANTIATE_TEST_SUITE_P(Flavours, Suite, ::testing::Values(0, 1, 4), ::kioto::FlavourName)

// A thread of the test's, joined at the latest when it goes.
class TestThread {
 public:
  template <class Fn>
  explicit TestThread(Fn fn) : thread_(std::move(fn)) {}
  ~TestThread() { Join(); }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

// Never ready; keeps `owned`.
template <class T = Unit, class Owned>
auto HoldForEver(Owned owned) {
  return PollFn([owned = std::move(owned)](Context&) -> Poll<T> { return kPending; });
}

// Ready after so many yields.
inline auto Yields(int count) {
  return Loop([left = count]() mutable { return If(left-- == 0, Break, [] { return YieldNow().Then([] { return Continue(); }); }); });
}

// Wakes itself for ever, until the flag is set.
inline auto SpinUntil(const std::atomic<bool>& stop) {
  return PollFn([&stop](Context& cx) -> Poll<Unit> {
    if (stop) return Unit{};
    cx.waker().Wake();
    return kPending;
  });
}

// Calls a function when it is destroyed where it was kept last.
template <class Fn>
class AtEnd {
 public:
  explicit AtEnd(Fn fn) : fn_(std::move(fn)) {}
  AtEnd(AtEnd&& other) noexcept : fn_(std::exchange(other.fn_, std::nullopt)) {}
  ~AtEnd() {
    if (fn_) (*fn_)();
  }

 private:
  std::optional<Fn> fn_;
};

}  // namespace kioto

#endif  // KIOTO_TESTS_CONFORMANCE_FLAVOURS_H_
