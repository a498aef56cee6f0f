#include "kioto/sync/internal/held.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/watch.h"

namespace kioto::sync {
namespace {

TEST(HeldTest, IsAPointer) {
  std::string text = "text";
  internal::Held<std::string> held(&text);
  EXPECT_EQ(&*held, &text);
  EXPECT_EQ(held->size(), 4u);
  EXPECT_EQ(std::exchange(held, nullptr), &text);
  EXPECT_EQ(held, nullptr);
  static_assert(sizeof(held) == sizeof(void*));
}

// What an empty handle may still do: be asked, copied, assigned, reset, destroyed.
TEST(HeldTest, EmptyHandlesMayGo) {
  auto channel = Mpsc<int>(1);
  auto taken = std::move(channel);
  EXPECT_FALSE(channel.sender);
  EXPECT_FALSE(channel.receiver);
  EXPECT_TRUE(channel.sender.IsClosed());
  MpscSender<int> copy = channel.sender;
  EXPECT_FALSE(copy.Downgrade());
  EXPECT_FALSE(MpscWeakSender<int>().Upgrade());
  copy = taken.sender;
  EXPECT_TRUE(copy);
  Broadcast<int> room;
  room.reset();
  room.reset();
  Broadcast<int> same = room;
  EXPECT_FALSE(same);
  CancellationToken stop;
  const CancellationToken kept = std::move(stop);
  const CancellationToken none = stop;
  stop = kept;
  EXPECT_FALSE(stop.IsCancelled());
}

#if KIOTO_DEBUG
class HeldDeathTest : public testing::Test {
 protected:
  HeldDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  static constexpr char kEmpty[] = "a channel's handle or a token was used that is empty: moved from, reset, or never filled";
};

TEST_F(HeldDeathTest, Mpsc) {
  auto channel = Mpsc<int>(1);
  auto taken = std::move(channel);
  EXPECT_DEATH((void)channel.sender.Send(1), kEmpty);
  EXPECT_DEATH((void)channel.sender.TrySend(1), kEmpty);
  EXPECT_DEATH((void)channel.receiver.Recv(), kEmpty);
  EXPECT_DEATH((void)channel.receiver.TryRecv(), kEmpty);
  EXPECT_DEATH((void)MpscSender<int>().Reserve(), kEmpty);
  EXPECT_DEATH((void)MpscWeakSender<int>().SenderCount(), kEmpty);
}

TEST_F(HeldDeathTest, MpscUnbounded) {
  auto channel = MpscUnbounded<int>();
  auto taken = std::move(channel);
  EXPECT_DEATH((void)channel.sender.Send(1), kEmpty);
  EXPECT_DEATH((void)channel.receiver.size(), kEmpty);
}

TEST_F(HeldDeathTest, Broadcast) {
  Broadcast<int> room;
  auto inbox = room.Subscribe();
  auto taken = std::move(inbox);
  room.reset();
  EXPECT_DEATH(room.Send(1), kEmpty);
  EXPECT_DEATH((void)room.Subscribe(), kEmpty);
  EXPECT_DEATH((void)inbox.TryRecv(), kEmpty);
  EXPECT_DEATH((void)inbox.Recv(), kEmpty);
  EXPECT_DEATH((void)inbox.size(), kEmpty);
  EXPECT_DEATH((void)inbox.Resubscribe(), kEmpty);
}

TEST_F(HeldDeathTest, Watch) {
  Watch<int> config(1);
  auto seen = config.Subscribe();
  auto taken = std::move(seen);
  config.reset();
  EXPECT_DEATH(config.Set(2), kEmpty);
  EXPECT_DEATH((void)config.Subscribe(), kEmpty);
  EXPECT_DEATH((void)seen.Borrow(), kEmpty);
  EXPECT_DEATH((void)seen.Changed(), kEmpty);
}

TEST_F(HeldDeathTest, CancellationToken) {
  kioto::CancellationToken stop;
  const auto taken = std::move(stop);
  EXPECT_DEATH((void)stop.IsCancelled(), kEmpty);
  EXPECT_DEATH(stop.Cancel(), kEmpty);
  EXPECT_DEATH((void)stop.ChildToken(), kEmpty);
  EXPECT_DEATH((void)stop.Cancelled(), kEmpty);
}
#endif

}  // namespace
}  // namespace kioto::sync
