// The snippets of tools/guide/streams.md, compiled and run.
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/testing/kioto_test.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

Future<StatusOr<int>> PriceOf(const std::string& thing) { return Sleep(1s).Then([&thing]() -> StatusOr<int> { return thing.size(); }); }

// [region pipeline]
// The prices of all things that have a name, in order, asked four at a time.
Future<StatusOr<std::vector<int>>> Prices(sync::MpscReceiver<std::string> things) {
  return stream::From(std::move(things))
      .Filter([](const std::string& thing) { return !thing.empty(); })
      .Buffered(4, [](std::string& thing) { return PriceOf(thing); })
      .Collect<StatusOr<std::vector<int>>>();  // the first error ends it
}
// [end pipeline]

KIOTO_TEST(StreamsPageTest, Pipeline, test::Paused()) {
  auto things = sync::Mpsc<std::string>(8);
  for (const char* thing : {"tea", "", "rice"}) EXPECT_TRUE(things.sender.TrySend(thing).ok());
  things.sender.reset();
  return Prices(std::move(things.receiver)).AndThen([](std::vector<int>& prices) {
    EXPECT_EQ(prices, (std::vector<int>{3, 4}));
  });
}

// [region unfold]
// 3, 2, 1: one a second.
auto Countdown(int from) {
  return stream::Unfold(from, [](int& left) {
    return Sleep(1s).Then([&left]() -> std::optional<int> {
      if (left == 0) return std::nullopt;
      return left--;
    });
  });
}
// [end unfold]

KIOTO_TEST(StreamsPageTest, Unfold, test::Paused()) {
  return Countdown(3).Collect<std::vector<int>>().Then([](std::vector<int>& all) { EXPECT_EQ(all, (std::vector<int>{3, 2, 1})); });
}

// [region next]
Future<int> SumUntil(const CancellationToken& stop, sync::MpscReceiver<int>& numbers) {
  return With(0, [&](int& sum) {
    return Loop([&] {
             return Select(Case(stop.Cancelled(), [] { return Break(); }),
                           Case(Next(numbers), [&](std::optional<int>& n) -> Flow<> {
                             if (!n.has_value()) return Break();
                             sum += *n;
                             return Continue();
                           }));
           })
        .Then([&] { return sum; });
  });
}
// [end next]

KIOTO_TEST(StreamsPageTest, Next) {
  return With(sync::Mpsc<int>(8), CancellationToken(), [](auto& numbers, CancellationToken& stop) {
    for (int n : {1, 2, 3}) EXPECT_TRUE(numbers.sender.TrySend(n).ok());
    numbers.sender.reset();
    return SumUntil(stop, numbers.receiver).Then([](int& sum) { EXPECT_EQ(sum, 6); });
  });
}

}  // namespace
}  // namespace kioto
