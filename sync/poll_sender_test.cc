#include "kioto/sync/poll_sender.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

// PollReserve as a task of its own.
template <class T>
class Reserving {
 public:
  explicit Reserving(MpscPollSender<T>& sender) : task_(Reserve(sender)) {}
  // Whether it was ready and OK; nullopt: pending.
  std::optional<bool> Poll() {
    auto poll = task_.Poll();
    return poll.ready() ? std::optional<bool>((*poll).ok()) : std::nullopt;
  }
  int wakes() const { return task_.wakes(); }

 private:
  struct Reserve : FutureBase<Reserve, Status> {
    explicit Reserve(MpscPollSender<T>& sender) : sender(&sender) {}
    kioto::Poll<Status> PollOnce(Context& cx) { return sender->PollReserve(cx); }
    MpscPollSender<T>* sender;
  };
  PolledTask<Reserve> task_;
};

template <class T>
bool Reserved(MpscPollSender<T>& sender) {
  return Reserving<T>(sender).Poll() == true;
}

// Three values go in at once, a fourth when one was received; one that has its place goes in though nobody receives.
template <class T>
void SendFour(T value) {
  auto ch = Mpsc<T>(3);
  MpscPollSender<T> sender(ch.sender);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Reserved(sender));
    sender.Send(value);
  }
  Reserving<T> fourth(sender);
  EXPECT_EQ(fourth.Poll(), std::nullopt);
  EXPECT_EQ(ch.receiver.TryRecv().value(), value);
  EXPECT_EQ(fourth.wakes(), 1);
  EXPECT_EQ(fourth.Poll(), true);
  ch.receiver.reset();
  sender.Send(value);
}

// behaviour: tokio-util/tests/mpsc.rs#simple
TEST(MpscPollSenderTest, SendsWhatItHasAPlaceFor) { SendFour(42); }

// behaviour: tokio-util/tests/mpsc.rs#simple_ref
TEST(MpscPollSenderTest, SendsPointers) {
  const int value = 42;
  SendFour(&value);
}

// behaviour: tokio-util/tests/mpsc.rs#sink_send_ref
TEST(MpscPollSenderTest, AsAFutureItSendsWhatIsBorrowed) {
  auto ch = Mpsc<const std::string*>(1);
  MpscPollSender<const std::string*> sender(ch.sender);
  const std::string text = "text";
  auto send = [&] {
    return PolledTask(PollFn([&sender, &text](Context& cx) -> Poll<Status> {
      auto room = sender.PollReserve(cx);
      if (room.ready() && room->ok()) sender.Send(&text);
      return room;
    }));
  };
  auto first = send();
  EXPECT_TRUE(first.Poll().ready());
  auto second = send();
  EXPECT_TRUE(second.Poll().pending());
  EXPECT_EQ(ch.receiver.TryRecv().value(), &text);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(second.Poll().ready());
  EXPECT_EQ(ch.receiver.TryRecv().value(), &text);
}

// behaviour: tokio-util/tests/mpsc.rs#repeated_poll_reserve
TEST(MpscPollSenderTest, AskedTwiceItKeepsOnePlace) {
  auto ch = Mpsc<int>(1);
  MpscPollSender<int> sender(ch.sender);
  EXPECT_TRUE(Reserved(sender));
  EXPECT_TRUE(Reserved(sender));
  EXPECT_EQ(ch.sender.Capacity(), 0u);
  sender.Send(1);
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
  EXPECT_EQ(ch.sender.Capacity(), 1u);
}

// behaviour: tokio-util/tests/mpsc.rs#abort_send
TEST(MpscPollSenderTest, AnAbortedPlaceGoesToWhoWaits) {
  auto ch = Mpsc<int>(3);
  MpscPollSender<int> sender(ch.sender);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(Reserved(sender));
    sender.Send(i);
  }
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
  EXPECT_TRUE(Reserved(sender));
  PolledTask other(ch.sender.Send(5));
  EXPECT_TRUE(other.Poll().pending());
  EXPECT_TRUE(sender.Abort());
  EXPECT_EQ(other.wakes(), 1);
  EXPECT_TRUE((*other.Poll()).ok());
  for (int expected : {2, 3, 5}) EXPECT_EQ(ch.receiver.TryRecv().value(), expected);
}

TEST(MpscPollSenderTest, AbortLeavesTheQueue) {
  auto ch = Mpsc<int>(1);
  MpscPollSender<int> sender(ch.sender);
  EXPECT_FALSE(sender.Abort());
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  Reserving<int> waits(sender);
  EXPECT_EQ(waits.Poll(), std::nullopt);
  EXPECT_TRUE(sender.Abort());
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
  EXPECT_EQ(waits.wakes(), 0);
  EXPECT_TRUE(ch.sender.TrySend(2).ok());
}

// behaviour: tokio-util/tests/mpsc.rs#abort_send_after_successful_reserve
TEST(MpscPollSenderTest, AnAbortedPlaceIsFreeAgain) {
  auto ch = Mpsc<int>(1);
  MpscPollSender<int> sender(ch.sender);
  EXPECT_EQ(ch.sender.Capacity(), 1u);
  EXPECT_TRUE(Reserved(sender));
  EXPECT_EQ(ch.sender.Capacity(), 0u);
  EXPECT_TRUE(sender.Abort());
  EXPECT_EQ(ch.sender.Capacity(), 1u);
}

// behaviour: tokio-util/tests/mpsc.rs#closed_when_receiver_drops
TEST(MpscPollSenderTest, WithoutAReceiverThereIsNoPlace) {
  auto ch = Mpsc<int>(1);
  MpscPollSender<int> sender(ch.sender);
  ch.receiver.reset();
  EXPECT_TRUE(sender.IsClosed());
  EXPECT_EQ(Reserving<int>(sender).Poll(), false);
}

// behaviour: tokio-util/tests/mpsc.rs#close_sender_last
TEST(MpscPollSenderTest, ClosingTheLastSenderIsTheEnd) {
  auto ch = Mpsc<int>(1);
  MpscPollSender<int> sender(std::move(ch.sender));
  PolledTask recv(ch.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  sender.Close();
  EXPECT_EQ(recv.wakes(), 1);
  EXPECT_EQ(*recv.Poll(), std::nullopt);
}

// behaviour: tokio-util/tests/mpsc.rs#close_sender_not_last
TEST(MpscPollSenderTest, ClosingOneOfTwoSendersIsNotTheEnd) {
  auto ch = Mpsc<int>(1);
  MpscPollSender<int> sender(std::move(ch.sender));
  MpscPollSender<int> copy = sender;
  PolledTask recv(ch.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  sender.Close();
  EXPECT_EQ(recv.wakes(), 0);
  EXPECT_TRUE(recv.Poll().pending());
  copy.Close();
  EXPECT_EQ(recv.wakes(), 1);
  EXPECT_EQ(*recv.Poll(), std::nullopt);
}

// behaviour: tokio-util/tests/mpsc.rs#close_sender_before_reserve
TEST(MpscPollSenderTest, ClosedItGivesNoPlace) {
  auto ch = Mpsc<int>(1);
  MpscPollSender<int> sender(std::move(ch.sender));
  EXPECT_FALSE(sender.IsClosed());
  sender.Close();
  EXPECT_TRUE(sender.IsClosed());
  EXPECT_EQ(Reserving<int>(sender).Poll(), false);
  sender.Close();
}

// behaviour: tokio-util/tests/mpsc.rs#close_sender_after_successful_reserve
TEST(MpscPollSenderTest, ClosedItStillHasItsPlace) {
  auto ch = Mpsc<int>(1);
  MpscPollSender<int> sender(std::move(ch.sender));
  PolledTask recv(ch.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  EXPECT_TRUE(Reserved(sender));
  sender.Close();
  EXPECT_TRUE(sender.IsClosed());
  EXPECT_EQ(recv.wakes(), 0);
  EXPECT_FALSE(MpscPollSender<int>(sender).sender());
  EXPECT_TRUE(Reserved(sender));
  sender.Send(7);
  EXPECT_EQ(*recv.Poll(), std::optional<int>(7));
  EXPECT_TRUE(ch.receiver.IsClosed());
}

TEST(MpscPollSenderTest, DroppedInAnyStateItLeavesNothingBehind) {
  for (bool full : {false, true}) {
    auto ch = Mpsc<int>(1);
    if (full) {
      EXPECT_TRUE(ch.sender.TrySend(1).ok());
    }
    auto sender = std::make_unique<MpscPollSender<int>>(ch.sender);
    auto reserving = std::make_unique<Reserving<int>>(*sender);
    EXPECT_EQ(reserving->Poll() == std::nullopt, full);
    sender.reset();
    if (full) {
      EXPECT_TRUE(ch.receiver.TryRecv().ok());
    }
    EXPECT_EQ(ch.sender.Capacity(), 1u);
    EXPECT_EQ(ch.sender.SenderCount(), 1u);
  }
}

class MpscPollSenderDeathTest : public testing::Test {
 protected:
  MpscPollSenderDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  static constexpr const char* kWantsAPlace = "MpscPollSender::Send wants a place: call PollReserve first";

  MpscHandles<int> ch_ = Mpsc<int>(1);
  MpscPollSender<int> sender_{ch_.sender};
};

// behaviour: tokio-util/tests/mpsc.rs#start_send_panics_when_idle
// behaviour: tokio-util/tests/panic.rs#poll_sender_send_item_panic_caller
TEST_F(MpscPollSenderDeathTest, SendingWithoutAPlace) { EXPECT_DEATH(sender_.Send(1), kWantsAPlace); }

// behaviour: tokio-util/tests/mpsc.rs#start_send_panics_when_acquiring
TEST_F(MpscPollSenderDeathTest, SendingWhileItWaitsForAPlace) {
  EXPECT_TRUE(ch_.sender.TrySend(1).ok());
  Reserving<int> waits(sender_);
  EXPECT_EQ(waits.Poll(), std::nullopt);
  EXPECT_DEATH(sender_.Send(1), kWantsAPlace);
}

}  // namespace
}  // namespace kioto::sync
