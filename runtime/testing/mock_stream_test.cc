#include "kioto/runtime/testing/mock_stream.h"

#include <optional>
#include <string>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_stream.h"
#include "kioto/runtime/testing/kioto_test.h"
#include "kioto/time/instant.h"

namespace kioto::test {
namespace {

using namespace std::chrono_literals;  // NOLINT

// behaviour: tokio-test/tests/stream_mock.rs#test_stream_mock_items
TEST(MockStreamTest, GivesItsItemsAndTheEnd) {
  PolledStream stream(MockStreamBuilder<int>().Next(1).Next(2).Build());
  EXPECT_EQ(**stream.Poll(), 1);
  EXPECT_EQ(**stream.Poll(), 2);
  EXPECT_EQ(*stream.Poll(), std::nullopt);
}

// behaviour: tokio-test/tests/stream_mock.rs#test_stream_mock_wait
KIOTO_TEST(MockStreamTest, WaitsAsLongAsItsScriptSays, Paused()) {
  return With(time::Instant::Now(), 0, [](time::Instant& start, int& items) {
    return ForEach(MockStreamBuilder<int>().Next(1).Wait(300ms).Next(2).Build(),
                   [&](int& item) {
                     EXPECT_EQ(item, ++items);
                     EXPECT_EQ(start.Elapsed(), item == 1 ? 0ms : 300ms);
                   })
        .AndThen([&] { EXPECT_EQ(items, 2); });
  });
}

// behaviour: tokio-test/tests/stream_mock.rs#test_stream_mock_drop_without_consuming_all
TEST(MockStreamTest, FailsWhenItemsAreLeft) {
  EXPECT_NONFATAL_FAILURE((void)MockStreamBuilder<std::string>().Next("a").Wait(1s).Next("b").Build(), "2 items were not taken");
}

#if KIOTO_EXCEPTIONS
// behaviour: tokio-test/tests/stream_mock.rs#test_stream_mock_drop_during_panic_doesnt_mask_panic
TEST(MockStreamTest, IsSilentWhileAnExceptionIsOnItsWay) {
  EXPECT_THROW(
      {
        auto stream = MockStreamBuilder<int>().Next(1).Build();
        throw 7;
      },
      int);
}
#endif

}  // namespace
}  // namespace kioto::test
