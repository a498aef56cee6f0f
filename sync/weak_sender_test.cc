// Weak handles, of every channel that has them: they keep nothing open.
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto::sync {
namespace {

template <class T>
struct Room {
  Broadcast<T> sender;
  BroadcastReceiver<T> receiver;
};

struct Bounded {
  template <class T = int>
  static auto Make() {
    return Mpsc<T>(11);
  }
  template <class Sender, class T>
  static bool Send(const Sender& sender, T value) {
    return sender.TrySend(std::move(value)).ok();
  }
};
struct Unbounded {
  template <class T = int>
  static auto Make() {
    return MpscUnbounded<T>();
  }
  template <class Sender, class T>
  static bool Send(const Sender& sender, T value) {
    return sender.Send(std::move(value)).ok();
  }
};
struct OfBroadcast {
  template <class T = int>
  static auto Make() {
    Broadcast<T> sender(11);
    auto receiver = sender.Subscribe();
    return Room<T>{std::move(sender), std::move(receiver)};
  }
  template <class Sender, class T>
  static bool Send(const Sender& sender, T value) {
    return sender.Send(std::move(value)) > 0;
  }
};

template <class Kind>
class WeakSenderTest : public testing::Test {
 protected:
  using Handles = decltype(Kind::Make());
  using Sender = decltype(Handles::sender);
  using Weak = decltype(std::declval<Sender&>().Downgrade());

  // The next value; -1 at the end.
  int Next() {
    auto value = BlockOn(ch_.receiver.Recv());
    if constexpr (std::is_same_v<Kind, OfBroadcast>) {
      return value.ok() ? *value : -1;
    } else {
      return value.value_or(-1);
    }
  }
  template <class Handle>
  static void ExpectCounts(const Handle& handle, size_t strong, size_t weak) {
    EXPECT_EQ(handle.SenderCount(), strong);
    EXPECT_EQ(handle.WeakSenderCount(), weak);
  }

  Handles ch_ = Kind::Make();
};
using Kinds = testing::Types<Bounded, Unbounded, OfBroadcast>;
struct Numbers {  // given, since clang counts an empty list of macro arguments as an extension
  template <class Kind>
  static std::string GetName(int index) {
    return std::to_string(index);
  }
};
TYPED_TEST_SUITE(WeakSenderTest, Kinds, Numbers);

// behaviour: tokio/tests/sync_mpsc_weak.rs#weak_sender
// behaviour: tokio/tests/sync_mpsc_weak.rs#weak_unbounded_sender
// behaviour: tokio/tests/sync_broadcast_weak.rs#weak_sender
TYPED_TEST(WeakSenderTest, SendsAsASenderWhileThereIsOne) {
  typename TestFixture::Weak weak;
  std::thread task([&weak, tx = std::move(this->ch_.sender)]() mutable {
    weak = tx.Downgrade();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(TypeParam::Send(tx, i));
    auto upgraded = weak.Upgrade();
    tx.reset();
    ASSERT_TRUE(upgraded);
    EXPECT_TRUE(TypeParam::Send(upgraded, 20));
  });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(this->Next(), i);
  EXPECT_EQ(this->Next(), 20);
  EXPECT_EQ(this->Next(), -1);
  task.join();
  EXPECT_FALSE(weak.Upgrade());
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#downgrade_upgrade_sender_success
// behaviour: tokio/tests/sync_mpsc_weak.rs#downgrade_upgrade_unbounded_sender_success
TYPED_TEST(WeakSenderTest, BecomesASenderOfTheSameChannel) {
  const auto weak = this->ch_.sender.Downgrade();
  EXPECT_TRUE(weak.SameChannel(this->ch_.sender.Downgrade()));
  auto upgraded = weak.Upgrade();
  ASSERT_TRUE(upgraded);
  EXPECT_TRUE(upgraded.SameChannel(this->ch_.sender));
  this->ch_.sender.reset();
  EXPECT_TRUE(weak.Upgrade());
  EXPECT_FALSE(this->ch_.receiver.IsClosed());
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#downgrade_upgrade_sender_failure
// behaviour: tokio/tests/sync_mpsc_weak.rs#downgrade_upgrade_unbounded_sender_failure
// behaviour: tokio/tests/sync_broadcast_weak.rs#downgrade_upgrade_sender_failure
TYPED_TEST(WeakSenderTest, BecomesNothingWhenTheLastSenderIsGone) {
  const auto weak = this->ch_.sender.Downgrade();
  this->ch_.sender.reset();
  EXPECT_FALSE(weak.Upgrade());
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#downgrade_drop_upgrade
// behaviour: tokio/tests/sync_mpsc_weak.rs#downgrade_drop_upgrade_unbounded
// behaviour: tokio/tests/sync_broadcast_weak.rs#downgrade_drop_upgrade
TYPED_TEST(WeakSenderTest, OfACopyThatIsGoneIsOfTheChannel) {
  const auto weak = typename TestFixture::Sender(this->ch_.sender).Downgrade();
  EXPECT_TRUE(weak.Upgrade());
  this->ch_.sender.reset();
  EXPECT_FALSE(weak.Upgrade());
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#sender_strong_and_weak_conut
// behaviour: tokio/tests/sync_mpsc_weak.rs#unbounded_sender_strong_and_weak_conut
// behaviour: tokio/tests/sync_broadcast_weak.rs#sender_strong_and_weak_conut
TYPED_TEST(WeakSenderTest, EveryHandleCountsBothKinds) {
  auto other = this->ch_.sender;
  auto weak = this->ch_.sender.Downgrade();
  auto other_weak = weak;
  auto expect_all = [&](size_t count) {
    this->ExpectCounts(this->ch_.sender, count, count);
    this->ExpectCounts(weak, count, count);
    this->ExpectCounts(this->ch_.receiver, count, count);
  };
  expect_all(2);
  this->ExpectCounts(other, 2, 2);
  this->ExpectCounts(other_weak, 2, 2);
  other.reset();
  other_weak.reset();
  expect_all(1);
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#sender_weak_count_when_downgraded
// behaviour: tokio/tests/sync_broadcast_weak.rs#sender_weak_count_when_downgraded
TYPED_TEST(WeakSenderTest, IsCounted) {
  const auto weak = this->ch_.sender.Downgrade();
  this->ExpectCounts(this->ch_.sender, 1, 1);
  this->ExpectCounts(weak, 1, 1);
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#sender_weak_count_when_dropped
// behaviour: tokio/tests/sync_mpsc_weak.rs#unbounded_sender_weak_count_when_dropped
// behaviour: tokio/tests/sync_broadcast_weak.rs#sender_weak_count_when_dropped
TYPED_TEST(WeakSenderTest, IsNotCountedWhenItIsGone) {
  auto weak = this->ch_.sender.Downgrade();
  auto moved = std::move(weak);
  moved.reset();
  EXPECT_FALSE(moved);
  this->ExpectCounts(this->ch_.sender, 1, 0);
  this->ExpectCounts(this->ch_.receiver, 1, 0);
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#test_rx_is_closed_when_dropping_all_senders_except_weak_senders
// behaviour: tokio/tests/sync_mpsc_weak.rs#test_rx_unbounded_is_closed_when_dropping_all_senders_except_weak_senders
TYPED_TEST(WeakSenderTest, DoesNotKeepTheChannelOpen) {
  auto weak = this->ch_.sender.Downgrade();
  PolledTask recv(this->ch_.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  this->ch_.sender.reset();
  EXPECT_EQ(recv.wakes(), 1);
  EXPECT_TRUE(this->ch_.receiver.IsClosed());
}

TYPED_TEST(WeakSenderTest, KeepsNoValue) {
  auto value = std::make_shared<int>(1);
  auto ch = TypeParam::template Make<std::shared_ptr<int>>();
  const auto weak = ch.sender.Downgrade();
  EXPECT_TRUE(TypeParam::Send(ch.sender, value));
  EXPECT_EQ(value.use_count(), 2);
  ch.sender.reset();
  ch.receiver.reset();
  EXPECT_EQ(value.use_count(), 1);
  EXPECT_FALSE(weak.Upgrade());
}

TYPED_TEST(WeakSenderTest, OfNoChannelBecomesNothing) { EXPECT_FALSE(typename TestFixture::Weak().Upgrade()); }

// An actor that gets its own messages through a weak handle, ends when everybody else has let go of it.
// behaviour: tokio/tests/sync_mpsc_weak.rs#actor_weak_unbounded_sender
TEST(WeakActorTest, EndsThoughItCanSendToItself) {
  auto ch = MpscUnbounded<int>();
  int received = 0;
  int refused = 0;
  std::thread actor([&, rx = std::move(ch.receiver), self = ch.sender.Downgrade()]() mutable {
    while (auto message = BlockOn(rx.Recv())) {
      ++received;
      if (*message > 0) {  // once more, later
        auto me = self.Upgrade();
        if (!me || !me.Send(*message - 1).ok()) ++refused;
      }
    }
  });
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(ch.sender.Send(1).ok());
  ch.sender.reset();
  actor.join();
  EXPECT_EQ(received + refused, 20);
  EXPECT_GE(received, 10);
}

}  // namespace
}  // namespace kioto::sync
