// Both channels with many threads: every value exactly once, in order per sender, whatever is closed or dropped
// meanwhile.
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto::sync {
namespace {

struct Item {
  int sender;
  int number;
  std::shared_ptr<int> counted;
};

constexpr int kSenders = 4;
constexpr int kItems = 4000;

template <class Handles, class Send>
void ManyToOne(Handles ch, Send send) {
  auto counted = std::make_shared<int>(0);
  std::vector<std::thread> threads;
  for (int s = 0; s < kSenders; ++s) {
    threads.emplace_back([&, s, tx = ch.sender] {
      for (int i = 0; i < kItems; ++i) EXPECT_TRUE(send(tx, Item{s, i, counted}).ok());
    });
  }
  ch.sender.reset();
  int next[kSenders] = {};
  int total = 0;
  std::vector<Item> batch;
  for (;;) {
    if (total % 3 == 0) {
      batch.clear();
      if (ch.receiver.BlockingRecvMany(batch, 10) == 0) break;
    } else {
      auto item = ch.receiver.BlockingRecv();
      if (!item) break;
      batch.assign(1, *std::move(item));
    }
    for (Item& item : batch) {
      ASSERT_EQ(item.number, next[item.sender]++);
      ++total;
    }
  }
  EXPECT_EQ(total, kSenders * kItems);
  for (auto& thread : threads) thread.join();
  batch.clear();
  EXPECT_EQ(counted.use_count(), 1);
}

const auto kBlockingSend = [](auto& tx, Item item) { return tx.BlockingSend(std::move(item)); };
const auto kSend = [](auto& tx, Item item) { return tx.Send(std::move(item)); };
const auto kPermitSend = [](auto& tx, Item item) {
  auto permit = internal::BlockingWait(tx.Reserve(1 + item.number % 2));
  if (!permit.ok()) return permit.status();
  permit->Send(std::move(item));
  return OkStatus();
};

TEST(MpscStressTest, BoundedExactlyOnceInOrder) {
  for (size_t capacity : {1, 3, 64}) ManyToOne(Mpsc<Item>(capacity), kBlockingSend);
}
TEST(MpscStressTest, BoundedByPermitsExactlyOnceInOrder) {
  for (size_t capacity : {2, 64}) ManyToOne(Mpsc<Item>(capacity), kPermitSend);
}
TEST(MpscStressTest, UnboundedExactlyOnceInOrder) { ManyToOne(MpscUnbounded<Item>(), kSend); }

// What is accepted before the receiver goes is destroyed, what is refused stays with its sender: nothing twice, no
// leak.
template <class Make, class Send>
void CloseRace(Make make, Send send) {
  for (int round = 0; round < 300; ++round) {
    auto counted = std::make_shared<int>(0);
    auto ch = make();
    std::atomic<int> accepted{0};
    std::vector<std::thread> threads;
    for (int s = 0; s < 2; ++s) {
      threads.emplace_back([&, s, tx = ch.sender] {
        for (int i = 0; i < 5000; ++i) {
          if (!send(tx, Item{s, i, counted}).ok()) break;
          accepted.fetch_add(1);
        }
      });
    }
    ch.sender.reset();
    int received = 0;
    for (; received < round % 70; ++received) EXPECT_TRUE(ch.receiver.BlockingRecv().has_value());
    if (round % 2 == 0) {
      ch.receiver.Close();
      while (ch.receiver.BlockingRecv()) ++received;
      for (auto& thread : threads) thread.join();
      EXPECT_EQ(accepted.load(), received);
      ch.receiver.reset();
    } else {
      ch.receiver.reset();
      for (auto& thread : threads) thread.join();
    }
    ASSERT_EQ(counted.use_count(), 1);
  }
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#closing_bounded_rx
TEST(MpscStressTest, BoundedCloseRace) {
  CloseRace([] { return Mpsc<Item>(2); }, kBlockingSend);
  CloseRace([] { return Mpsc<Item>(2); }, kPermitSend);
}
// behaviour: tokio/src/sync/tests/loom_mpsc.rs#closing_unbounded_rx
TEST(MpscStressTest, UnboundedCloseRace) {
  CloseRace([] { return MpscUnbounded<Item>(); }, kSend);
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#closing_and_sending
TEST(MpscStressTest, OneWaitsForTheEndWhileAnotherSends) {
  for (int round = 0; round < 1000; ++round) {
    auto ch = Mpsc<int>(16);
    PolledTask closed(ch.sender.Closed());
    std::thread sender([tx = ch.sender] { EXPECT_TRUE(tx.TrySend(1).ok()); });
    std::thread receiver([rx = std::move(ch.receiver)]() mutable {
      EXPECT_EQ(rx.BlockingRecv(), std::optional<int>(1));
      rx.reset();
    });
    const bool waits = closed.Poll().pending();
    sender.join();
    receiver.join();
    if (waits) {
      EXPECT_EQ(closed.wakes(), 1);
      ASSERT_TRUE(closed.Poll().ready());
    }
  }
}

// Sends that are dropped while they wait, or just granted, take no room with them.
TEST(MpscStressTest, CancelledSendsLoseNoRoom) {
  auto ch = Mpsc<int>(2);
  std::vector<std::thread> threads;
  for (int s = 0; s < 3; ++s) {
    threads.emplace_back([s, tx = ch.sender] {
      for (int i = 0; i < 3000; ++i) {
        if ((i + s) % 2 == 0) {
          PolledTask cancelled(tx.Reserve(1 + i % 2));
          (void)cancelled.Poll();
        } else {
          EXPECT_TRUE(tx.BlockingSend(i).ok());
        }
      }
    });
  }
  int received = 0;
  auto keep = ch.sender;
  ch.sender.reset();
  for (; received < 3 * 1500; ++received) EXPECT_TRUE(ch.receiver.BlockingRecv().has_value());
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(keep.Capacity(), 2u);
  EXPECT_TRUE(ch.receiver.IsEmpty());
}

template <class Make>
void LastSenderGone(Make make) {
  for (int round = 0; round < 1000; ++round) {
    auto ch = make();
    std::thread a([tx = ch.sender]() mutable { tx.reset(); });
    std::thread b([tx = ch.sender]() mutable { tx.reset(); });
    ch.sender.reset();
    EXPECT_EQ(ch.receiver.BlockingRecv(), std::nullopt);
    a.join();
    b.join();
  }
}
// behaviour: tokio/src/sync/tests/loom_mpsc.rs#dropping_tx
TEST(MpscStressTest, BoundedLastSenderGoneWakesTheReceiver) {
  LastSenderGone([] { return Mpsc<int>(16); });
}
// behaviour: tokio/src/sync/tests/loom_mpsc.rs#dropping_unbounded_tx
TEST(MpscStressTest, UnboundedLastSenderGoneWakesTheReceiver) {
  LastSenderGone([] { return MpscUnbounded<int>(); });
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#is_empty_during_close
TEST(MpscStressTest, EmptyWhileTheLastSenderGoes) {
  for (int round = 0; round < 1000; ++round) {
    auto ch = MpscUnbounded<int>();
    std::thread last([tx = std::move(ch.sender)]() mutable { tx.reset(); });
    do {
      EXPECT_TRUE(ch.receiver.IsEmpty());
    } while (!ch.receiver.IsClosed());
    last.join();
    EXPECT_TRUE(ch.receiver.IsEmpty());
  }
}

}  // namespace
}  // namespace kioto::sync
