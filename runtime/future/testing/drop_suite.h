// The drop suite: what every future must stand. Polls it 0, 1, … k times and drops it; each time, nothing is left.
//
//   TEST(RecvTest, DropSuite) {
//     RunDropSuite([](Tracked tracked) { return With(std::move(tracked), [](Tracked&) { return …; }); });
//   }
//
// make(Tracked) gives a fresh future that owns the Tracked, directly or through what it uses; or make() a future whose
// state the test checks itself, in `after`. PendingTimes (manual.h) inside it gives the polls something to do.
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_DROP_SUITE_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_DROP_SUITE_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/testing/tracked.h"

namespace kioto {

struct DropSuiteNoCheck {
  void operator()() const {}
};

// `max_polls`: after so many polls it is dropped at the latest; it may be ready before. `after` runs after each drop.
template <class Make, class After = DropSuiteNoCheck>
void RunDropSuite(Make make, int max_polls = 6, After after = {}) {
  for (int polls = 0; polls <= max_polls; ++polls) {
    SCOPED_TRACE(::testing::Message() << "dropped after " << polls << " polls");
    const int alive_before = Tracked::alive();
    auto make_one = [&make] {
      if constexpr (std::is_invocable_v<Make&, Tracked>) {
        return make(Tracked("dropped"));
      } else {
        return make();
      }
    };
    {
      PolledTask task(make_one());
      for (int i = 0; i < polls && !task.done(); ++i) static_cast<void>(task.Poll());
      task.Drop();
      EXPECT_EQ(Tracked::alive(), alive_before) << "something of the future is left";
      EXPECT_EQ(task.held(), 0) << "a waker is left";
      const int wakes = task.wakes();
      after();
      EXPECT_EQ(task.wakes(), wakes) << "it was woken after the drop";
    }
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_DROP_SUITE_H_
