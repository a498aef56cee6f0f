// Channels that end by chance, on either side: G1 of the checks, and G3, a broadcast whose values are copied by several threads
// at once (README.md).
#include <array>
#include <cstdio>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

// --- G1: four senders on four channels ---------------------------------------------------------------------------------------

constexpr int kEnds = 4;      // senders, and channels
constexpr int kEach = 400;    // what a sender has for all channels together

struct Item {
  int sender;
  int number;  // of this sender on this channel
  Counted counted;
};

struct BoundedKind {
  using Sender = sync::MpscSender<Item>;
  static auto Make() { return sync::Mpsc<Item>(8); }
  static auto Send(const Sender& sender, Item item) { return sender.Send(std::move(item)); }
};
struct UnboundedKind {
  using Sender = sync::MpscUnboundedSender<Item>;
  static auto Make() { return sync::MpscUnbounded<Item>(); }
  static auto Send(const Sender& sender, Item item) { return Ready(sender.Send(std::move(item))); }
};

// What came of one channel. Of its tasks, until they are joined.
struct Tally {
  std::array<int, kEnds> sent{};      // by each sender, with OK
  std::array<int, kEnds> received{};  // of each
  bool dropped = false;               // the receiver went while there may have been more
};
using Tallies = std::array<Tally, kEnds>;

// Sends by chance to one of the channels, and lets go of one by chance.
template <class Kind>
auto Send(int me, uint64_t seed, std::array<typename Kind::Sender, kEnds> senders, Tallies& tallies) {
  return With(std::move(senders), base::FastRandom(seed), kEach, [me, &tallies](auto& senders, base::FastRandom& random, int& left) {
    return Loop([me, &tallies, &senders, &random, &left] {
      const size_t to = random.Below(kEnds);
      if (random.Below(kEach) == 0) senders[to].reset();
      return If(--left < 0, Break, [me, &tallies, &senders, to] {
        return If(!senders[to], Continue, [me, &tallies, &senders, to] {
          int& sent = tallies[to].sent[static_cast<size_t>(me)];
          return Kind::Send(senders[to], Item{me, sent, Counted()}).Then([&sent, &sender = senders[to]](Status& status) -> Flow<> {
            if (status.ok()) ++sent;
            if (!status.ok()) sender.reset();
            return Continue();
          });
        });
      });
    });
  });
}

// Receives until the end, or for so long; then it closes and takes the rest, or just goes.
template <class Receiver>
auto Receive(uint64_t seed, Receiver receiver, Tally& tally) {
  base::FastRandom random(seed);
  const int quota = static_cast<int>(random.Below(2 * kEach));
  const bool closes = random.Below(2) == 0;
  return With(std::move(receiver), quota, [closes, &tally](Receiver& receiver, int& quota) {
    return Loop([closes, &tally, &receiver, &quota] {
      return receiver.Recv().Then([closes, &tally, &receiver, &quota](std::optional<Item>& item) -> Flow<> {
        if (!item) return Break();
        EXPECT_EQ(item->number, tally.received[static_cast<size_t>(item->sender)]++) << "out of order, twice or lost";
        if (--quota > 0) return Continue();
        if (closes) {
          receiver.Close();
          return Continue();
        }
        tally.dropped = true;
        return Break();
      });
    });
  });
}

// Gives how many were sent.
template <class Kind>
int64_t Round(Runtime& runtime, uint64_t seed) {
  Tallies tallies;
  std::vector<JoinHandle<Unit>> tasks;
  {
    std::array<decltype(Kind::Make()), kEnds> channels{Kind::Make(), Kind::Make(), Kind::Make(), Kind::Make()};
    for (int i = 0; i < kEnds; ++i) {
      tasks.push_back(runtime.Spawn(Send<Kind>(
          i, ++seed, {channels[0].sender, channels[1].sender, channels[2].sender, channels[3].sender}, tallies)));
    }
    for (size_t i = 0; i < kEnds; ++i) {
      tasks.push_back(runtime.Spawn(Receive(++seed, std::move(channels[i].receiver), tallies[i])));
    }
  }
  for (auto& task : tasks) EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
  int64_t sent = 0;
  for (const Tally& tally : tallies) {
    for (size_t i = 0; i < kEnds; ++i) {
      sent += tally.sent[i];
      EXPECT_LE(tally.received[i], tally.sent[i]);
      if (!tally.dropped) {
        EXPECT_EQ(tally.received[i], tally.sent[i]);
      }
    }
  }
  return sent;
}

template <class Kind>
void SendSoMany(int64_t messages) {
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(4).Build();
  uint64_t rounds = 0;
  int64_t sent = 0;
  for (; sent < messages && !testing::Test::HasFailure(); ++rounds) sent += Round<Kind>(runtime, rounds * 2 * kEnds);
  EXPECT_TRUE(runtime.Shutdown().clean());
  EXPECT_EQ(Counted::alive(), 0);
  std::printf("%lld messages, %llu rounds\n", static_cast<long long>(sent), static_cast<unsigned long long>(rounds));
}

// check: G1
TEST(ChannelChecks, BoundedChannelsThatEndByChance) { SendSoMany<BoundedKind>(Scaled(1'000'000)); }

// check: G1
TEST(ChannelChecks, UnboundedChannelsThatEndByChance) { SendSoMany<UnboundedKind>(Scaled(1'000'000)); }

// A sender sends while the receiver closes and looks, closes and goes, or goes: the value is received, or was not sent.
// check: G1
TEST(ChannelChecks, OneshotsThatAreSentAndClosedAtOnce) {
  constexpr int kBatch = 10'000, kPatience = 200;
  for (int batch = 0; batch < Scaled(200'000) / kBatch + 1; ++batch) {
    std::vector<sync::OneshotChannel<Counted>> channels;
    for (int i = 0; i < kBatch; ++i) channels.push_back(sync::Oneshot<Counted>());
    std::vector<char> sent(kBatch), received(kBatch);
    base::Atomic<int> closing{0};  // so that both are at the same one, as far as they run at once
    std::thread sender([&] {
      for (int i = 0; i < kBatch; ++i) {
        for (int spins = 0; closing.load() < i && spins < kPatience; ++spins) base::CpuRelax();
        sent[static_cast<size_t>(i)] = channels[static_cast<size_t>(i)].sender.Send(Counted());
      }
    });
    for (int i = 0; i < kBatch; ++i) {
      auto& receiver = channels[static_cast<size_t>(i)].receiver;
      closing.store(i);
      if (i % 3 != 0) receiver.Close();
      if (i % 3 == 1) received[static_cast<size_t>(i)] = receiver.TryRecv().ok();
      receiver.reset();
    }
    sender.join();
    for (size_t i = 1; i < kBatch; i += 3) ASSERT_EQ(sent[i], received[i]) << "number " << i;
    channels.clear();
    ASSERT_EQ(Counted::alive(), 0);
  }
}

// --- G3 ----------------------------------------------------------------------------------------------------------------------

// Each value is copied by the receivers' threads at once, by const T&, and destroyed once.
// check: G3
TEST(ChannelChecks, ABroadcastIsCopiedByAllAtOnceAndOnlyRead) {
  const int values = Scaled(100'000);
  {
    sync::Broadcast<std::shared_ptr<const Counted>> room(64);
    std::vector<std::thread> receivers;
    for (int i = 0; i < kEnds; ++i) {
      receivers.emplace_back([inbox = room.Subscribe(), values]() mutable {
        uint64_t got = 0, missed = 0, lag = 0;
        for (;;) {
          auto value = inbox.BlockingRecv();
          if (value.ok()) {
            ++got;
          } else if (IsLagged(value.status(), &lag)) {
            missed += lag;
          } else {
            break;
          }
        }
        EXPECT_EQ(got + missed, static_cast<uint64_t>(values));
      });
    }
    for (int i = 0; i < values; ++i) EXPECT_EQ(room.Send(std::make_shared<const Counted>()), uint64_t{kEnds});
    room.reset();
    for (std::thread& receiver : receivers) receiver.join();
  }
  EXPECT_EQ(Counted::alive(), 0);
}

}  // namespace
}  // namespace kioto
