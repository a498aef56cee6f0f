// When senders that wait for room hear of it: not at every item, but never later than the end of the receiver's poll.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/mpsc.h"

namespace kioto::sync {
namespace {

constexpr size_t kCapacity = 64;

using Send = PolledTask<MpscSend<int>>;

// A full channel, for whose room `senders` tasks wait.
struct Full {
  explicit Full(int senders) {
    for (size_t i = 0; i < kCapacity; ++i) EXPECT_TRUE(channel.sender.TrySend(static_cast<int>(i)).ok());
    for (int i = 0; i < senders; ++i) {
      waiting.push_back(std::make_unique<Send>(channel.sender.Send(1000 + i)));
      EXPECT_TRUE(waiting.back()->Poll().pending());
    }
  }
  int Woken() const {
    int woken = 0;
    for (const auto& send : waiting) woken += send->wakes();
    return woken;
  }

  MpscHandles<int> channel = Mpsc<int>(kCapacity);
  std::vector<std::unique_ptr<Send>> waiting;
};

// One poll of the receiver's task, as long as it lives.
struct OnePoll {
  explicit OnePoll(int budget) { scope.budget = budget; }
  bool Receives(MpscReceiver<int>& receiver) {
    auto recv = receiver.Recv();
    return recv.PollOnce(cx).ready();
  }

  CountingWaker waker;
  kioto::internal::PollScope scope;
  Context cx{waker.waker(), scope};
};

TEST(MpscPutOff, OneWakeForManyPlaces) {
  Full full(3);
  {
    OnePoll poll(100);
    for (size_t left = kCapacity - 1; left > kCapacity / 2; --left) {
      ASSERT_TRUE(poll.Receives(full.channel.receiver));
      ASSERT_EQ(full.Woken(), 0) << left;
    }
    ASSERT_TRUE(poll.Receives(full.channel.receiver));
    EXPECT_EQ(full.Woken(), 3) << "half is left";
  }
  EXPECT_EQ(full.Woken(), 3);
  for (auto& send : full.waiting) EXPECT_TRUE(send->Poll().ready());
  EXPECT_TRUE(full.channel.sender.TrySend(0).ok()) << "nobody waits any more";
}

TEST(MpscPutOff, TheEndOfThePollServesWhoWaits) {
  Full full(2);
  {
    OnePoll poll(100);
    ASSERT_TRUE(poll.Receives(full.channel.receiver));
    EXPECT_EQ(full.Woken(), 0);
    EXPECT_TRUE(IsFull(full.channel.sender.TrySend(0))) << "nobody passes the queue";
  }
  EXPECT_EQ(full.Woken(), 1) << "one place, one sender";
  EXPECT_EQ(full.waiting[0]->wakes(), 1) << "the first to come";
}

TEST(MpscPutOff, ARefusedRecvLeavesNobodyWaiting) {
  Full full(1);
  auto recv = full.channel.receiver.Recv();
  auto refused = full.channel.receiver.Recv();
  {
    OnePoll poll(1);
    ASSERT_TRUE(recv.PollOnce(poll.cx).ready());
    ASSERT_TRUE(refused.PollOnce(poll.cx).pending());
    EXPECT_EQ(full.Woken(), 0);
  }
  EXPECT_EQ(full.Woken(), 1) << "it may never be polled again";
}

TEST(MpscPutOff, AReceiverThatTravelsServesAtOnce) {
  Full full(2);
  OnePoll here(100);
  ASSERT_TRUE(here.Receives(full.channel.receiver));
  MpscReceiver<int> receiver = std::move(full.channel.receiver);
  {
    OnePoll there(100);
    ASSERT_TRUE(there.Receives(receiver));
    EXPECT_EQ(full.Woken(), 2) << "the first poll may last";
  }
}

TEST(MpscPutOff, TheChannelMayGoBeforeThePollEnds) {
  OnePoll poll(100);
  Full full(1);
  ASSERT_TRUE(poll.Receives(full.channel.receiver));
  full.channel.receiver.reset();
  EXPECT_EQ(full.Woken(), 1) << "closed";
  EXPECT_TRUE(IsClosed(*full.waiting[0]->Poll()));
  full.channel.sender.reset();
}

TEST(MpscPutOff, WithoutAPollNothingIsPutOff) {
  Full full(2);
  ASSERT_TRUE(full.channel.receiver.TryRecv().ok());
  EXPECT_EQ(full.Woken(), 1);
}

TEST(MpscPutOff, ASmallChannelServesAtOnce) {
  auto channel = Mpsc<int>(2);
  ASSERT_TRUE(channel.sender.TrySend(1).ok());
  ASSERT_TRUE(channel.sender.TrySend(2).ok());
  Send waiting(channel.sender.Send(3));
  ASSERT_TRUE(waiting.Poll().pending());
  OnePoll poll(100);
  ASSERT_TRUE(poll.Receives(channel.receiver));
  EXPECT_EQ(waiting.wakes(), 1);
}

}  // namespace
}  // namespace kioto::sync
