// The snippets of tools/guide/cancellation.md, compiled and run.
#include <chrono>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/until.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// [region until]
Future<Status> TickUntil(CancellationToken stop, int& ticks) {
  return Until(stop, Loop([&ticks] { return Sleep(10ms).Then([&ticks](Unit&) { ++ticks; }); }))
      .Then([](auto&) { return OkStatus(); });
}
// [end until]

TEST(CancellationGuide, StopsATickerThatNeverEnds) {
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().StartPaused().Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  CancellationToken stop;
  int ticks = 0;
  Status status = runtime->BlockOn([&] {
    return Join(TickUntil(stop, ticks), Sleep(55ms).Then([&](Unit&) { stop.Cancel(); })).Then([](auto&) { return OkStatus(); });
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(ticks, 5);
}

}  // namespace
}  // namespace kioto
