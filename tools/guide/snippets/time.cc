// The snippets of tools/guide/time.md, compiled and run.
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/testing/kioto_test.h"
#include "kioto/sync/mpsc.h"
#include "kioto/time/backoff.h"
#include "kioto/time/delay_queue.h"
#include "kioto/time/instant.h"
#include "kioto/time/interval.h"
#include "kioto/time/retry.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

Future<StatusOr<int>> Answer(std::chrono::milliseconds after) {
  return Sleep(after).Then([]() -> StatusOr<int> { return 42; });
}

// [region timeout]
// The answer, or 0 where it takes longer than two seconds.
Future<StatusOr<int>> AnswerInTime(std::chrono::milliseconds after) {
  return Timeout(2s, Answer(after)).OrElse([](Status& status) -> StatusOr<int> {
    if (IsElapsed(status)) return 0;
    return status;
  });
}
// [end timeout]

KIOTO_TEST(TimeGuide, AnAnswerInTimeIsGiven, test::Paused()) {
  return AnswerInTime(1s).AndThen([](int& answer) { EXPECT_EQ(answer, 42); });
}

KIOTO_TEST(TimeGuide, AnAnswerThatIsTooLateIsReplaced, test::Paused()) {
  return AnswerInTime(3s).AndThen([](int& answer) { EXPECT_EQ(answer, 0); });
}

// [region interval]
// Counts every ten seconds. A count that could not be made in time is left out.
Future<Status> Count(int& counts) {
  return ForEach(time::Interval(10s, time::MissedTicks::kSkip), [&counts](time::Instant) { ++counts; });
}
// [end interval]

KIOTO_TEST(TimeGuide, AnIntervalTicksAtOnceAndThenEveryPeriod, test::Paused()) {
  return With(0, [](int& counts) {
    return Timeout(35s, Count(counts)).Then([&counts](Status& status) {
      EXPECT_TRUE(IsElapsed(status));
      EXPECT_EQ(counts, 4);  // at 0, 10, 20 and 30 seconds
    });
  });
}

// [region delay_queue]
// Sessions by number, in the order in which they expire.
Future<Status> Expire(std::vector<int>& expired) {
  return With(time::DelayQueue<int>(), [&expired](time::DelayQueue<int>& sessions) {
    const time::DelayKey first = sessions.Insert(1, 30min);
    const time::DelayKey second = sessions.Insert(2, 30min);
    sessions.Insert(3, 30min);
    sessions.Reset(first, 1h);  // it was used again
    sessions.Remove(second);    // it ended by itself
    return ForEach(ByRef(sessions), [&expired](time::DelayQueue<int>::Expired& out) { expired.push_back(out.value); });
  });
}
// [end delay_queue]

KIOTO_TEST(TimeGuide, SessionsExpireInOrder, test::Paused()) {
  return With(std::vector<int>(), [](std::vector<int>& expired) {
    return Expire(expired).AndThen([&expired] { EXPECT_EQ(expired, (std::vector<int>{3, 1})); });
  });
}

struct Page {
  std::string name;
  std::string text;
};

// [region cache]
struct Entry {
  std::string text;
  time::DelayKey expiry;
};

// Keeps each page that comes for five minutes. Ends with the last sender.
Future<> Keep(std::map<std::string, Entry>& cache, sync::MpscReceiver<Page>& pages) {
  return With(time::DelayQueue<std::string>(), [&](time::DelayQueue<std::string>& expiry) {
    return Loop([&] {
      return Select(Case(pages.Recv(),
                         [&](std::optional<Page>& page) -> Flow<> {
                           if (!page.has_value()) return Break();
                           const auto [place, is_new] = cache.try_emplace(page->name);
                           place->second.text = std::move(page->text);
                           if (is_new) {
                             place->second.expiry = expiry.Insert(page->name, 5min);
                           } else {
                             expiry.Reset(place->second.expiry, 5min);
                           }
                           return Continue();
                         }),
                    Case(Next(expiry), [&](auto& out) { cache.erase(out->value); }).When(!expiry.empty()));
    });
  });
}
// [end cache]

KIOTO_TEST(TimeGuide, ACacheForgetsAndGoesOn, test::Paused()) {
  return With(std::map<std::string, Entry>(), sync::Mpsc<Page>(4), [](auto& cache, auto& channel) {
    auto steps = Lazy([&] {
                   EXPECT_TRUE(channel.sender.TrySend(Page{"a", "old"}).ok());
                   return Sleep(4min);
                 })
                     .Then([&] {
                       EXPECT_TRUE(channel.sender.TrySend(Page{"a", "new"}).ok());
                       return Sleep(4min);
                     })
                     .Then([&] {
                       EXPECT_EQ(cache.size(), 1u);
                       EXPECT_EQ(cache["a"].text, "new");
                       return Sleep(2min);
                     })
                     .Then([&] {
                       EXPECT_TRUE(cache.empty());
                       EXPECT_TRUE(channel.sender.TrySend(Page{"b", "again"}).ok());
                       return Sleep(1min);
                     })
                     .Then([&](Unit&) { EXPECT_EQ(cache.size(), 1u); });
    return Race(Keep(cache, channel.receiver), std::move(steps));
  });
}

// [region retry]
// At most three attempts, each of a second at most. One that was too slow is worth another.
Future<StatusOr<int>> Patiently(int& attempts) {
  return Retry(
      Backoff(100ms, 2s, 3), [&attempts] { return Timeout(1s, Answer(++attempts < 3 ? 5000ms : 10ms)); },
      [](const Status& why) { return IsElapsed(why) || absl::IsUnavailable(why); });
}
// [end retry]

KIOTO_TEST(TimeGuide, TheThirdAttemptIsInTime, test::Paused()) {
  return With(0, [](int& attempts) {
    return Patiently(attempts).AndThen([&attempts](int& answer) {
      EXPECT_EQ(answer, 42);
      EXPECT_EQ(attempts, 3);
    });
  });
}

}  // namespace
}  // namespace kioto
