// The snippets of tools/guide/select.md, compiled and run.
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/testing/kioto_test.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/watch.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

auto NameOf(int user) { return Sleep(1s).Then([user] { return StatusOr<std::string>("user " + std::to_string(user)); }); }
auto CityOf(int) { return Sleep(2s).Then([] { return StatusOr<std::string>("Kyoto"); }); }
auto FromReplica(int user) { return Sleep(3s).Then([user] { return NameOf(user); }); }

// [region join]
Future<StatusOr<std::string>> Describe(int user) {
  return TryJoin(NameOf(user), CityOf(user)).AndThen([](std::string& name, std::string& city) {
    return name + " of " + city;
  });
}
// [end join]

// [region race]
Future<StatusOr<std::string>> NameFromEither(int user) { return Race(NameOf(user), FromReplica(user)); }
// [end race]

// [region batch]
// What comes within a second. The caller keeps `inbox`.
Future<std::vector<int>> Batch(sync::MpscReceiver<int>& inbox) {
  return With(Sleep(1s), std::vector<int>(), [&inbox](auto& time, std::vector<int>& batch) {
    return Loop([&] {
             return Select(Case(inbox.Recv(),
                                [&](std::optional<int>& item) -> Flow<> {
                                  if (!item.has_value()) return Break();  // the last sender has gone
                                  batch.push_back(*item);
                                  return Continue();
                                }),
                           Case(ByRef(time), [] { return Break(); }));
           })
        .Then([&] { return std::move(batch); });
  });
}
// [end batch]

// [region when]
// The sum of all that comes by two channels, until both have ended.
Future<int> SumOfBoth(sync::MpscReceiver<int>& a, sync::MpscReceiver<int>& b) {
  return With(0, true, true, [&a, &b](int& sum, bool& a_open, bool& b_open) {
    const auto add = [&sum](bool& open) {
      return [&sum, &open](std::optional<int>& n) { n.has_value() ? void(sum += *n) : void(open = false); };
    };
    return Loop([&, add] {
             return Select(Case(a.Recv(), add(a_open)).When(a_open),  //
                           Case(b.Recv(), add(b_open)).When(b_open),  //
                           Otherwise(Break));
           })
        .Then([&] { return sum; });
  });
}
// [end when]

struct Disk {
  int saves = 0;
  std::string saved;
  auto Save(std::string text) {
    return Lazy([this, text = std::move(text)] {
      ++saves;
      saved = text;
      return OkStatus();
    });
  }
};

// [region kept]
// Saves what was typed when nothing was typed for half a second.
Future<Status> SaveWhenQuiet(sync::WatchReceiver<std::string>& text, Disk& disk) {
  return With(Sleep(500ms), false, [&](auto& quiet, bool& dirty) {
    return Loop([&] {
      return Select(Case(text.Changed(),
                         [&](Status& changed) -> StatusOr<Flow<>> {
                           if (!changed.ok()) return Break();  // the last sender has gone
                           quiet.Reset(time::Instant::Now() + 500ms);
                           dirty = true;
                           return Continue();
                         }),
                    Case(ByRef(quiet), [&] {
                      dirty = false;
                      return disk.Save(*text.BorrowAndUpdate());
                    }).When(dirty));
    });
  });
}
// [end kept]

// [region biased]
Future<int> WorkUntil(const CancellationToken& stop, sync::MpscReceiver<int>& jobs) {
  return With(0, [&](int& done) {
    return Loop([&] {
             return SelectBiased(Case(stop.Cancelled(), [] { return Break(); }),  // looked at first: no job after the end
                                 Case(jobs.Recv(), [&](std::optional<int>&) { ++done; }));
           })
        .Then([&] { return done; });
  });
}
// [end biased]

// [region reserve]
// Sends 1, 2, 3 … until it is stopped; each number exactly once.
Future<Status> Count(const CancellationToken& stop, sync::MpscSender<int>& out) {
  return With(0, [&](int& sent) {
    return Loop([&] {
      return Select(Case(out.Reserve(),
                         [&](auto& room) -> StatusOr<Flow<>> {
                           if (!room.ok()) return room.status();  // IsClosed: nobody receives
                           room->Send(++sent);
                           return Continue();
                         }),
                    Case(stop.Cancelled(), [] { return Break(); }));
    });
  });
}
// [end reserve]

KIOTO_TEST(SelectGuide, JoinsAndRaces, test::Paused()) {
  return With(time::Instant::Now(), [](time::Instant& start) {
    return Describe(7).AndThen([&](std::string& text) {
      EXPECT_EQ(text, "user 7 of Kyoto");
      EXPECT_LT(start.Elapsed(), 2100ms);
      return NameFromEither(8).AndThen([](std::string& name) { EXPECT_EQ(name, "user 8"); });
    });
  });
}

KIOTO_TEST(SelectGuide, BatchesUntilATime, test::Paused()) {
  auto channel = sync::Mpsc<int>(8);
  Spawn(With(std::move(channel.sender), 0, [](auto& out, int& n) {
    return Loop([&] { return Sleep(300ms).Then([&] { return out.Send(++n); }); });
  })).Detach();
  return With(std::move(channel.receiver), [](auto& inbox) {
    return Batch(inbox).Then([](std::vector<int>& batch) { EXPECT_EQ(batch, (std::vector<int>{1, 2, 3})); });
  });
}

KIOTO_TEST(SelectGuide, AddsBothChannels) {
  auto a = sync::Mpsc<int>(8);
  auto b = sync::Mpsc<int>(8);
  for (int i = 1; i <= 4; ++i) EXPECT_TRUE((i % 2 == 0 ? a : b).sender.TrySend(i).ok());
  a.sender.reset();
  b.sender.reset();
  return With(std::move(a.receiver), std::move(b.receiver), [](auto& a, auto& b) {
    return SumOfBoth(a, b).Then([](int& sum) { EXPECT_EQ(sum, 10); });
  });
}

KIOTO_TEST(SelectGuide, SavesOnceForManyKeys, test::Paused()) {
  sync::Watch<std::string> text;
  auto seen = text.Subscribe();
  Spawn(With(std::move(text), [](auto& text) {
    return ForEach(std::vector<std::string>{"a", "ab", "abc"}, [&](std::string& typed) {
             text.Set(typed);
             return Sleep(100ms);
           }).Then([](Status&) { return Sleep(1s); });
  })).Detach();
  return With(std::move(seen), Disk(), [](auto& seen, Disk& disk) {
    return SaveWhenQuiet(seen, disk).AndThen([&] {
      EXPECT_EQ(disk.saves, 1);
      EXPECT_EQ(disk.saved, "abc");
    });
  });
}

KIOTO_TEST(SelectGuide, StopsBeforeTheNextJob) {
  auto jobs = sync::Mpsc<int>(8);
  EXPECT_TRUE(jobs.sender.TrySend(1).ok());
  CancellationToken stop;
  stop.Cancel();
  return With(std::move(stop), std::move(jobs.receiver), [](CancellationToken& stop, auto& jobs) {
    return WorkUntil(stop, jobs).Then([](int& done) { EXPECT_EQ(done, 0); });
  });
}

KIOTO_TEST(SelectGuide, SendsEachNumberOnce, test::Paused()) {
  auto numbers = sync::Mpsc<int>(2);
  CancellationToken stop;
  Spawn(Sleep(1s).Then([stop] { stop.Cancel(); })).Detach();
  return With(std::move(numbers), std::move(stop), [](auto& numbers, CancellationToken& stop) {
    return Count(stop, numbers.sender).AndThen([&] {
      EXPECT_EQ(*numbers.receiver.TryRecv(), 1);
      EXPECT_EQ(*numbers.receiver.TryRecv(), 2);
      EXPECT_TRUE(IsEmpty(numbers.receiver.TryRecv().status()));
    });
  });
}

}  // namespace
}  // namespace kioto
