// The snippets of tools/guide/cancellation.md, compiled and run.
#include <chrono>
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/until.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

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

struct Client {
  auto Talk() { return Loop([this] { return Sleep(10ms).Then([this](Unit&) { ++words; }); }); }
  auto Ping() { return Loop([this] { return Sleep(10ms).Then([this](Unit&) { ++pings; }); }); }
  auto Goodbye() {
    return Sleep(10ms).Then([this](Unit&) { said_goodbye = true; });
  }
  int words = 0;
  int pings = 0;
  bool said_goodbye = false;
};

// [region tree]
// The tasks of a client end with the server, and with the client's own future, which may end, fail or be dropped.
auto Serve(const CancellationToken& server, std::shared_ptr<Client> client) {
  return With(server.ChildToken().DropGuard(), std::move(client), [](sync::CancelGuard& stop, std::shared_ptr<Client>& client) {
    Spawn(Until(stop.token(), With(client, [](auto& client) { return client->Ping(); }))).Detach();
    return Until(stop.token(), client->Talk());
  });
}
// [end tree]

// [region goodbye]
// The goodbye stands outside the Until: inside it would be dropped with the talk.
auto TalkAndLeave(const CancellationToken& stop, Client& client) {
  return Until(stop, client.Talk()).Finally([&client] { return client.Goodbye(); });
}
// [end goodbye]

TEST(CancellationGuide, AChildStopsWithItsParent) {
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  CancellationToken server;
  auto client = std::make_shared<Client>();
  Status served = runtime.BlockOn([&] {
    return Join(Serve(server, client), Sleep(25ms).Then([&](Unit&) { server.Cancel(); })).Then([](Status& served, Unit&) {
      return Sleep(50ms).Then([served](Unit&) { return served; });
    });
  });
  EXPECT_TRUE(IsStopped(served)) << served;
  EXPECT_EQ(client->words, 2);
  EXPECT_EQ(client->pings, 2);
}

TEST(CancellationGuide, AGuardStopsWhatADroppedFutureHasSpawned) {
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  CancellationToken server;
  auto client = std::make_shared<Client>();
  Status served = runtime.BlockOn([&] {
    return Timeout(25ms, Serve(server, client)).Then([](Status& served) {
      return Sleep(50ms).Then([served](Unit&) { return served; });
    });
  });
  EXPECT_TRUE(IsElapsed(served)) << served;
  EXPECT_FALSE(server.IsCancelled());
  EXPECT_EQ(client->pings, 2);
}

TEST(CancellationGuide, TheGoodbyeComesBehindTheStop) {
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  CancellationToken stop;
  Client client;
  Status talked = runtime.BlockOn([&] {
    return Join(TalkAndLeave(stop, client), Sleep(25ms).Then([&](Unit&) { stop.Cancel(); })).Then([](Status& talked, Unit&) {
      return talked;
    });
  });
  EXPECT_TRUE(IsStopped(talked)) << talked;
  EXPECT_EQ(client.words, 2);
  EXPECT_TRUE(client.said_goodbye);
}

}  // namespace
}  // namespace kioto
