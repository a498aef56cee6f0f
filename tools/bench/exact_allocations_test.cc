// What one operation allocates when all is warm: a task one block of the per-thread cache, everything else nothing.
// All runs on this thread, on the current-thread runtime.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/memory_cache.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/notify.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

constexpr int kRounds = 1'000;

Runtime Make() { return *RuntimeBuilder::CurrentThread().Build(); }

Flow<> Again(int& left) { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); }

// Blocks of the per-thread cache that this thread has taken and not given back, counted from anywhere.
int64_t BlocksTaken() {
  int64_t free = 0;
  for (const auto& cls : base::internal::thread_cache->classes) free += cls.count;
  return -free;
}

// What `make(rounds)`, a future, allocates in many rounds beyond what it does in a few: its rounds' own share.
template <class Make>
int64_t AllocationsOfRounds(Runtime& runtime, Make make) {
  int64_t counts[2];
  (void)runtime.BlockOn(make(kRounds));  // warm
  for (int i = 0; i < 2; ++i) {
    base::AllocationCounter allocations;
    (void)runtime.BlockOn(make(i == 0 ? kRounds / 10 : kRounds));
    counts[i] = allocations.count();
  }
  return counts[1] - counts[0];
}

TEST(ExactAllocations, TheCounterCounts) {
  Runtime runtime = Make();
  EXPECT_EQ(AllocationsOfRounds(runtime, [](int rounds) {
              return Loop([left = rounds]() mutable {
                return YieldNow().Then([&] {
                  char* volatile made = new char;  // volatile: or the compiler leaves both out
                  delete made;
                  return Again(left);
                });
              });
            }),
            kRounds - kRounds / 10);
}

TEST(ExactAllocations, ASpawnIsOneBlock) {
  if (!KIOTO_MEMORY_CACHE) GTEST_FAIL() << "the exact bars are for plain builds";
  Runtime runtime = Make();
  (void)runtime.BlockOn([] {
    std::vector<JoinHandle<Unit>> handles;
    handles.reserve(8);
    for (int i = 0; i < 8; ++i) handles.push_back(Spawn(Ready()));  // so that the cache has blocks
    handles.clear();
    return YieldNow().Then([handles = std::move(handles)](Unit&) mutable {
      base::AllocationCounter allocations;
      const int64_t before = BlocksTaken();
      for (int i = 0; i < 8; ++i) handles.push_back(Spawn(Ready()));
      EXPECT_EQ(BlocksTaken() - before, 8);
      EXPECT_EQ(allocations.count(), 0);
    });
  });
}

TEST(ExactAllocations, AStepIsNone) {
  Runtime runtime = Make();
  EXPECT_EQ(AllocationsOfRounds(runtime, [](int rounds) {
              return Loop([left = rounds]() mutable {
                return YieldNow().Then([](Unit&) { return 1; }).Map([](int x) { return x + 1; }).Then([&](int&) {
                  return Again(left);
                });
              });
            }),
            0);
}

TEST(ExactAllocations, AWakeIsNone) {
  Runtime runtime = Make();
  auto a = std::make_shared<sync::Notify>();
  auto b = std::make_shared<sync::Notify>();
  auto partner = runtime.Spawn(With(a, b, [](auto& a, auto& b) {
    return Loop([&] { return a->Notified().Then([&](Unit&) { b->NotifyOne(); }); });
  }));
  EXPECT_EQ(AllocationsOfRounds(runtime, [&](int rounds) {
              return Loop([&, left = rounds]() mutable {
                a->NotifyOne();
                return b->Notified().Then([&](Unit&) { return Again(left); });
              });
            }),
            0);
  partner.Abort();
}

// Both ends in one task: a send, a receive.
template <class Channel>
int64_t AllocationsOfItems(Channel channel) {
  Runtime runtime = Make();
  return AllocationsOfRounds(runtime, [&](int rounds) {
    return Loop([&, left = rounds]() mutable {
      auto receive = [&] { return channel.receiver.Recv().Then([&](std::optional<int>&) { return Again(left); }); };
      EXPECT_TRUE(channel.sender.TrySend(left).ok());
      return receive();
    });
  });
}

TEST(ExactAllocations, AnItemOfAChannelIsNone) { EXPECT_EQ(AllocationsOfItems(sync::Mpsc<int>(8)), 0); }

TEST(ExactAllocations, AnItemOfAnUnboundedChannelIsNone) {
  Runtime runtime = Make();
  auto channel = sync::MpscUnbounded<int>();
  EXPECT_EQ(AllocationsOfRounds(runtime, [&](int rounds) {
              return Loop([&, left = rounds]() mutable {
                EXPECT_TRUE(channel.sender.Send(int{left}).ok());
                return channel.receiver.Recv().Then([&](std::optional<int>&) { return Again(left); });
              });
            }),
            0);
}

// The receiver waits for each: a task that sends runs in between.
TEST(ExactAllocations, AnItemOfABroadcastIsNone) {
  Runtime runtime = Make();
  sync::Broadcast<int> channel(8);
  sync::BroadcastReceiver<int> receiver = channel.Subscribe();
  auto sender = runtime.Spawn(Loop([&channel] { return YieldNow().Then([&](Unit&) { EXPECT_EQ(channel.Send(1), 1u); }); }));
  EXPECT_EQ(AllocationsOfRounds(runtime, [&](int rounds) {
              return Loop([&, left = rounds]() mutable {
                return receiver.Recv().Then([&](StatusOr<int>& value) {
                  EXPECT_TRUE(value.ok());
                  return Again(left);
                });
              });
            }),
            0);
  sender.Abort();
}

TEST(ExactAllocations, ATimerIsNone) {
  Runtime runtime = Make();
  EXPECT_EQ(AllocationsOfRounds(runtime, [](int rounds) {
              return Loop([left = rounds]() mutable {
                return Timeout(30s, YieldNow()).AndThen([&] { return Again(left); });
              });
            }),
            0);
  EXPECT_EQ(AllocationsOfRounds(runtime, [](int rounds) {
              return Loop([left = rounds / 50]() mutable { return Sleep(1ms).Then([&](Unit&) { return Again(left); }); });
            }),
            0);
}

TEST(ExactAllocations, AnExchangeOfAnEchoIsNone) {
  Runtime runtime = Make();
  auto listener = runtime.BlockOn(net::TcpListener::Bind("127.0.0.1:0"));
  ASSERT_TRUE(listener.ok());
  auto ends = runtime.BlockOn(TryJoin(listener->Accept(), net::TcpStream::Connect(*listener->local_address())));
  ASSERT_TRUE(ends.ok());
  auto& [server, client] = *ends;
  auto serving = runtime.Spawn(With(std::move(server), Buffer(1024), [](net::TcpStream& stream, Buffer& buffer) {
    return Loop([&] { return stream.Read(buffer).AndThen([&](size_t& n) { return stream.WriteAll(buffer.first(n)); }); });
  }));
  Buffer reply(1024);
  net::TcpStream stream = std::move(client);
  EXPECT_EQ(AllocationsOfRounds(runtime, [&](int rounds) {
              return Loop([&, left = rounds]() mutable {
                return stream.WriteAll("0123456789").AndThen([&] { return stream.Read(reply); }).AndThen([&](size_t& n) {
                  EXPECT_EQ(reply.first(n), "0123456789");
                  return Again(left);
                });
              });
            }),
            0);
  serving.Abort();
}

}  // namespace
}  // namespace kioto
