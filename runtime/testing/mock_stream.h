// MockStream<T>: a stream of items that follows a script.
//
//   auto numbers = test::MockStreamBuilder<int>().Next(1).Wait(300ms).Next(2).Build();
//   return ForEach(std::move(numbers), [](int& n) { … });
//
// After the last item comes the end. A MockStream that goes away before all its items were taken fails the test.
// THREADS: one at a time, inside a runtime with time if the script waits. Movable at any time.
#ifndef KIOTO_RUNTIME_TESTING_MOCK_STREAM_H_
#define KIOTO_RUNTIME_TESTING_MOCK_STREAM_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/testing/script_wait.h"

namespace kioto::test {
namespace internal {

// Fails the test, unless an exception is on its way: that says more.
void ReportUntakenItems(size_t items, base::SourceLocation place);

}  // namespace internal

template <class T>
class MockStreamBuilder;

template <class T>
class MockStream {
 public:
  using Item = T;

  MockStream(MockStream&&) = default;
  ~MockStream() {
    if (script_ == nullptr) return;
    size_t items = 0;
    for (const Step& step : script_->steps) items += step.item.has_value();
    if (items > 0) internal::ReportUntakenItems(items, script_->place);
  }

  Poll<std::optional<T>> PollNext(Context& cx) {
    auto& steps = script_->steps;
    while (!steps.empty() && !steps.front().item.has_value()) {
      if (!script_->wait.Poll(cx, steps.front().wait_ns)) return kPending;
      steps.pop_front();
    }
    if (steps.empty()) return std::optional<T>();
    if (!cx.ConsumeBudget()) return kPending;
    std::optional<T> item = std::move(steps.front().item);
    steps.pop_front();
    return item;
  }

 private:
  friend class MockStreamBuilder<T>;

  struct Step {
    std::optional<T> item;  // none: a pause
    int64_t wait_ns;
  };
  struct Script {
    explicit Script(base::SourceLocation place) : place(place) {}
    const base::SourceLocation place;
    std::deque<Step> steps;
    internal::ScriptWait wait;
  };

  explicit MockStream(std::unique_ptr<Script> script) : script_(std::move(script)) {}

  std::unique_ptr<Script> script_;  // null once moved from
};

// Each call adds a step.
template <class T>
class MockStreamBuilder {
 public:
  // Failures are reported at the place where the builder was made.
  explicit MockStreamBuilder(base::SourceLocation place = base::SourceLocation::Current())
      : script_(std::make_unique<Script>(place)) {}

  MockStreamBuilder& Next(T item) {
    script_->steps.push_back(Step{std::move(item), 0});
    return *this;
  }
  // No item for so long, from when somebody asks for it.
  template <class Rep, class Period>
  MockStreamBuilder& Wait(std::chrono::duration<Rep, Period> pause) {
    script_->steps.push_back(Step{std::nullopt, std::chrono::duration_cast<std::chrono::nanoseconds>(pause).count()});
    return *this;
  }
  MockStream<T> Build() { return MockStream<T>(std::move(script_)); }

 private:
  using Step = typename MockStream<T>::Step;
  using Script = typename MockStream<T>::Script;

  std::unique_ptr<Script> script_;
};

}  // namespace kioto::test

#endif  // KIOTO_RUNTIME_TESTING_MOCK_STREAM_H_
