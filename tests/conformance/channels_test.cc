// Channels with a limit of time: what Timeout makes of a send that waits.
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/testing/runtime.h"
#include "kioto/sync/mpsc.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

using Number = std::unique_ptr<int>;

// The value stays where it is until there is a place for it.
template <class T>
auto SendInTime(const sync::MpscSender<T>& sender, T& value) {
  return Timeout(1s, sender.Reserve()).AndThen([&value](sync::MpscPermits<T>& place) { place.Send(std::move(value)); });
}

// behaviour: tokio/tests/sync_mpsc.rs#recv_timeout
TEST(SendInTimeTest, GivesTheValueBackByTime) {
  auto ch = sync::Mpsc<Number>(5);
  Number value;
  const Status status = test::BlockOn(
      [&] {
        return Loop([&, sent = 0]() mutable {
                 value = std::make_unique<int>(10 * ++sent);
                 return SendInTime(ch.sender, value);
               })
            .OrElse([&](const Status& late) {
              EXPECT_TRUE(IsElapsed(late)) << late;
              EXPECT_EQ(*value, 60);
              ch.receiver.reset();
              value = std::make_unique<int>(70);
              return SendInTime(ch.sender, value);
            });
      },
      test::Paused());
  EXPECT_TRUE(IsClosed(status)) << status;
  EXPECT_EQ(*value, 70);
}

// behaviour: tokio/tests/sync_mpsc.rs#recv_timeout_panic
TEST(SendInTimeTest, SaysThatItNeedsARuntime) {
  auto ch = sync::Mpsc<int>(1);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  PolledTask task(Timeout(1s, ch.sender.Send(2)));
  auto poll = task.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_THAT(std::string((*poll).message()), testing::HasSubstr("runtime"));
}

}  // namespace
}  // namespace kioto
