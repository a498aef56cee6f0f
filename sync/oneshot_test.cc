#include "kioto/sync/oneshot.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

using Counted = std::shared_ptr<int>;

// behaviour: tokio/tests/sync_oneshot.rs#send_recv
TEST(OneshotTest, WakesTheReceiverOnceAndGivesTheValue) {
  auto channel = Oneshot<int>();
  PolledTask task(std::move(channel.receiver));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(channel.sender.Send(7));
  EXPECT_FALSE(static_cast<bool>(channel.sender));
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_EQ((*task.Poll()).value(), 7);
  EXPECT_EQ(task.held(), 0);
}

// behaviour: tokio/tests/sync_oneshot.rs#async_send_recv
TEST(OneshotTest, AValueSentFirstIsReadyAtOnceForOneAllocation) {
  base::AllocationCounter allocations;
  auto channel = Oneshot<int>();
  EXPECT_TRUE(channel.sender.Send(1));
  const StatusOr<int> value = internal::BlockingWait(std::move(channel.receiver));
  EXPECT_LE(allocations.count(), 2);  // the block, and the blocked thread's waker
  EXPECT_EQ(value.value(), 1);
}

// behaviour: tokio/tests/sync_oneshot.rs#async_rx_closed
TEST(OneshotTest, ClosedIsReadyOnceTheReceiverIsDroppedElsewhere) {
  auto channel = Oneshot<int>();
  PolledTask closed(channel.sender.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  std::thread([rx = std::move(channel.receiver)] {}).join();
  EXPECT_EQ(closed.wakes(), 1);
  EXPECT_TRUE(closed.Poll().ready());
}

// behaviour: tokio/tests/sync_oneshot.rs#close_tx
TEST(OneshotTest, ADroppedSenderWakesAndClosesTheReceiver) {
  auto channel = Oneshot<int>();
  PolledTask task(std::move(channel.receiver));
  EXPECT_TRUE(task.Poll().pending());
  { auto gone = std::move(channel.sender); }
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(IsClosed((*task.Poll()).status()));
}

// behaviour: tokio/tests/sync_oneshot.rs#explicit_close_poll
TEST(OneshotTest, CloseRefusesLaterSendsAndKeepsAnEarlierOne) {
  {
    auto channel = Oneshot<std::string>();
    EXPECT_TRUE(channel.sender.Send("first"));
    channel.receiver.Close();
    PolledTask task(std::move(channel.receiver));
    EXPECT_EQ((*task.Poll()).value(), "first");
  }
  for (bool send : {true, false}) {
    auto channel = Oneshot<std::string>();
    PolledTask closed(channel.sender.Closed());
    EXPECT_TRUE(closed.Poll().pending());
    channel.receiver.Close();
    EXPECT_EQ(closed.wakes(), 1);
    EXPECT_TRUE(channel.sender.IsClosed());
    EXPECT_TRUE(closed.Poll().ready());
    std::string value = "kept";
    if (send) {
      EXPECT_FALSE(channel.sender.Send(std::move(value)));
    }
    EXPECT_EQ(value, "kept");
    PolledTask task(std::move(channel.receiver));
    EXPECT_TRUE(IsClosed((*task.Poll()).status()));
  }
}

// behaviour: tokio/tests/sync_oneshot.rs#explicit_close_try_recv
TEST(OneshotTest, AfterACloseTryRecvStillGivesWhatWasSent) {
  auto channel = Oneshot<int>();
  EXPECT_TRUE(IsEmpty(channel.receiver.TryRecv().status()));
  EXPECT_TRUE(channel.sender.Send(17));
  channel.receiver.Close();
  EXPECT_EQ(channel.receiver.TryRecv().value(), 17);

  auto nothing = Oneshot<int>();
  PolledTask closed(nothing.sender.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  nothing.receiver.Close();
  EXPECT_EQ(closed.wakes(), 1);
  EXPECT_TRUE(closed.Poll().ready());
  EXPECT_TRUE(IsClosed(nothing.receiver.TryRecv().status()));
}

// behaviour: tokio/tests/sync_oneshot.rs#close_after_recv
// behaviour: tokio/tests/sync_oneshot.rs#try_recv_after_completion
TEST(OneshotTest, AfterTheValueItIsClosedAndACloseIsHarmless) {
  for (const bool ask_again : {false, true}) {
    auto channel = Oneshot<int>();
    EXPECT_TRUE(channel.sender.Send(17));
    EXPECT_EQ(channel.receiver.TryRecv().value(), 17);
    if (ask_again) {
      EXPECT_TRUE(IsClosed(channel.receiver.TryRecv().status()));
    }
    channel.receiver.Close();
    EXPECT_TRUE(IsClosed(channel.receiver.TryRecv().status()));
  }
}

// behaviour: tokio/tests/sync_oneshot.rs#drops_tasks
TEST(OneshotTest, DroppingBothEndsReleasesBothWakers) {
  auto channel = Oneshot<int>();
  CountingWaker rx_waker;
  CountingWaker tx_waker;
  auto poll = [](auto& future, const CountingWaker& waker) {
    kioto::internal::PollScope scope;
    Context cx(waker.waker(), scope);
    return future.PollOnce(cx).pending();
  };
  {
    auto receiver = std::move(channel.receiver);
    auto sender = std::move(channel.sender);
    auto closed = sender.Closed();
    EXPECT_TRUE(poll(receiver, rx_waker));
    EXPECT_TRUE(poll(closed, tx_waker));
    EXPECT_EQ(rx_waker.held(), 1);
    EXPECT_EQ(tx_waker.held(), 1);
  }
  EXPECT_EQ(rx_waker.held(), 0);
  EXPECT_EQ(tx_waker.held(), 0);
}

// behaviour: tokio/tests/sync_oneshot.rs#receiver_changes_task
TEST(OneshotTest, TheReceiverMovesToAnotherTask) {
  auto channel = Oneshot<int>();
  CountingWaker a;
  CountingWaker b;
  auto poll = [&](const CountingWaker& waker) {
    kioto::internal::PollScope scope;
    Context cx(waker.waker(), scope);
    return channel.receiver.PollOnce(cx);
  };
  EXPECT_TRUE(poll(a).pending());
  EXPECT_EQ(a.held(), 1);
  EXPECT_TRUE(poll(b).pending());
  EXPECT_TRUE(poll(b).pending());
  EXPECT_EQ(a.held(), 0);
  EXPECT_EQ(b.held(), 1);
  EXPECT_TRUE(channel.sender.Send(3));
  EXPECT_EQ(a.wakes(), 0);
  EXPECT_EQ(b.wakes(), 1);
  EXPECT_EQ((*poll(b)).value(), 3);
  EXPECT_EQ(b.held(), 0);
}

// behaviour: tokio/tests/sync_oneshot.rs#sender_changes_task
TEST(OneshotTest, ClosedMovesToAnotherTask) {
  auto channel = Oneshot<int>();
  CountingWaker a;
  CountingWaker b;
  auto closed = channel.sender.Closed();
  auto poll = [&](const CountingWaker& waker) {
    kioto::internal::PollScope scope;
    Context cx(waker.waker(), scope);
    return closed.PollOnce(cx);
  };
  EXPECT_TRUE(poll(a).pending());
  EXPECT_TRUE(poll(b).pending());
  EXPECT_EQ(a.held(), 0);
  channel.receiver.reset();
  EXPECT_EQ(a.wakes(), 0);
  EXPECT_EQ(b.wakes(), 1);
  EXPECT_TRUE(poll(b).ready());
}

// Whether there is something to take, and whether the answer was given.
struct Seen {
  bool empty, terminated;
  bool operator==(const Seen& other) const { return empty == other.empty && terminated == other.terminated; }
};
constexpr Seen kNothingYet{true, false};
constexpr Seen kSomething{false, false};
constexpr Seen kAnswered{true, true};

class OneshotObserversTest : public testing::Test {
 protected:
  Seen Now() const { return {channel_.receiver.IsEmpty(), channel_.receiver.IsTerminated()}; }
  StatusOr<int> Receive() {
    PolledTask task(ByRef(channel_.receiver));
    auto poll = task.Poll();
    if (poll.pending()) return EmptyError();
    return *std::move(poll);
  }

  OneshotChannel<int> channel_ = Oneshot<int>();
};

// behaviour: tokio/tests/sync_oneshot.rs#receiver_is_terminated_send
// behaviour: tokio/tests/sync_oneshot.rs#receiver_is_empty_send
TEST_F(OneshotObserversTest, UntilTheValueIsAwaited) {
  EXPECT_EQ(Now(), kNothingYet);
  EXPECT_TRUE(channel_.sender.Send(1));
  EXPECT_EQ(Now(), kSomething);
  EXPECT_EQ(Receive().value(), 1);
  EXPECT_EQ(Now(), kAnswered);
}

// behaviour: tokio/tests/sync_oneshot.rs#receiver_is_terminated_try_recv
// behaviour: tokio/tests/sync_oneshot.rs#receiver_is_empty_try_recv
TEST_F(OneshotObserversTest, UntilTheValueIsTaken) {
  EXPECT_EQ(Now(), kNothingYet);
  EXPECT_TRUE(channel_.sender.Send(1));
  EXPECT_EQ(Now(), kSomething);
  EXPECT_EQ(channel_.receiver.TryRecv().value(), 1);
  EXPECT_EQ(Now(), kAnswered);
}

// behaviour: tokio/tests/sync_oneshot.rs#receiver_is_terminated_drop
// behaviour: tokio/tests/sync_oneshot.rs#receiver_is_empty_drop
TEST_F(OneshotObserversTest, UntilTheSendersEndIsAwaited) {
  EXPECT_EQ(Now(), kNothingYet);
  channel_.sender.reset();
  EXPECT_EQ(Now(), kNothingYet);
  EXPECT_TRUE(IsClosed(Receive().status()));
  EXPECT_EQ(Now(), kAnswered);
}

// behaviour: tokio/tests/sync_oneshot.rs#receiver_is_terminated_rx_close
// behaviour: tokio/tests/sync_oneshot.rs#receiver_is_empty_rx_close
TEST_F(OneshotObserversTest, UntilItsOwnCloseIsAwaited) {
  EXPECT_EQ(Now(), kNothingYet);
  channel_.receiver.Close();
  EXPECT_EQ(Now(), kNothingYet);
  EXPECT_TRUE(IsClosed(Receive().status()));
  EXPECT_EQ(Now(), kAnswered);
}

TEST(OneshotTest, TheValueIsDestroyedExactlyOnceWhereverItIsLeft) {
  auto value = std::make_shared<int>(5);
  {
    auto channel = Oneshot<Counted>();
    EXPECT_TRUE(channel.sender.Send(value));
    EXPECT_EQ(value.use_count(), 2);
  }
  EXPECT_EQ(value.use_count(), 1);
  {
    auto channel = Oneshot<Counted>();
    channel.receiver.reset();
    Counted mine = value;
    EXPECT_FALSE(channel.sender.Send(std::move(mine)));
    EXPECT_EQ(mine, value);  // given back
    EXPECT_FALSE(channel.sender.Send(value));
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(OneshotTest, AStatusIsReceivedAsItself) {
  auto status = Oneshot<Status>();
  static_assert(std::is_same_v<OutputOf<decltype(status.receiver)>, Status>);
  EXPECT_TRUE(status.sender.Send(absl::NotFoundError("x")));
  EXPECT_TRUE(absl::IsNotFound(status.receiver.TryRecv()));

  auto nested = Oneshot<StatusOr<int>>();
  static_assert(std::is_same_v<OutputOf<decltype(nested.receiver)>, StatusOr<int>>);
  nested.sender.reset();
  EXPECT_TRUE(IsClosed(nested.receiver.TryRecv().status()));
}

TEST(OneshotTest, ASpentBudgetLeavesTheValue) {
  auto channel = Oneshot<int>();
  EXPECT_TRUE(channel.sender.Send(9));
  CountingWaker waker;
  kioto::internal::PollScope scope;
  scope.budget = 0;
  Context tired(waker.waker(), scope);
  EXPECT_TRUE(channel.receiver.PollOnce(tired).pending());
  EXPECT_TRUE(scope.yielded);
  EXPECT_EQ(channel.receiver.TryRecv().value(), 9);
}

// check: H1
TEST(OneshotTest, DroppedAtAnyPointNothingLeaks) {
  for (int polls = 0; polls < 3; ++polls) {
    auto value = std::make_shared<int>(1);
    auto channel = Oneshot<Counted>();
    PolledTask task(std::move(channel.receiver));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
    task.Drop();
    EXPECT_EQ(task.held(), 0);
    EXPECT_FALSE(channel.sender.Send(value));
    EXPECT_EQ(value.use_count(), 1);
  }
  for (int polls = 0; polls < 3; ++polls) {
    auto channel = Oneshot<Counted>();
    PolledTask task(channel.sender.Closed());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
    task.Drop();
    channel.receiver.Close();
    EXPECT_EQ(task.wakes(), 0);
  }
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#smoke
// behaviour: tokio/src/sync/tests/loom_oneshot.rs#recv_closed
// behaviour: tokio/src/sync/tests/loom_oneshot.rs#try_recv_close
TEST(OneshotTest, StressSendAgainstReceiveCloseAndDrop) {
  auto value = std::make_shared<int>(1);
  for (int round = 0; round < 3000; ++round) {
    auto channel = Oneshot<Counted>();
    bool sent = false;
    std::thread sender([&sent, tx = std::move(channel.sender), copy = value]() mutable {
      sent = tx.Send(std::move(copy));
      EXPECT_EQ(sent, copy == nullptr);
    });
    bool received = false;
    switch (round % 5) {
      case 0:
        received = std::move(channel.receiver).BlockingRecv().ok();
        EXPECT_TRUE(received);
        break;
      case 1:
        channel.receiver.Close();
        received = channel.receiver.TryRecv().ok();
        break;
      case 2: {
        PolledTask task(std::move(channel.receiver));
        received = task.Poll().ready();
        break;  // dropped, maybe with a waker in it
      }
      case 3:
        break;
      case 4:
        channel.receiver.Close();
        received = std::move(channel.receiver).BlockingRecv().ok();
        break;
    }
    sender.join();
    EXPECT_TRUE(sent || !received);
    const bool closed = round % 5 == 1 || round % 5 == 4;
    EXPECT_TRUE(received || !sent || !closed);
    channel.receiver.reset();
    ASSERT_EQ(value.use_count(), 1);
  }
}

// Remembers on which thread it was destroyed while it had a value.
struct DestroyedOn {
  explicit DestroyedOn(std::thread::id* where) : where(where) {}
  DestroyedOn(DestroyedOn&& other) noexcept : where(std::exchange(other.where, nullptr)) {}
  DestroyedOn& operator=(DestroyedOn&& other) noexcept {
    where = std::exchange(other.where, nullptr);
    return *this;
  }
  ~DestroyedOn() {
    if (where != nullptr) *where = std::this_thread::get_id();
  }
  std::thread::id* where;
};

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#checking_tx_send_ok_not_drop
TEST(OneshotTest, StressWhatWasSentIsDestroyedByTheReceiver) {
  for (int round = 0; round < 3000; ++round) {
    std::thread::id where;
    auto channel = Oneshot<DestroyedOn>();
    bool sent = false;
    std::thread sender([&, tx = std::move(channel.sender)]() mutable {
      DestroyedOn value(&where);
      sent = tx.Send(std::move(value));
      if (sent) {
        EXPECT_EQ(value.where, nullptr);
      }
    });
    const std::thread::id sender_id = sender.get_id();
    if (round % 4 == 0) {
      while (channel.receiver.IsEmpty()) std::this_thread::yield();  // it leaves with the value
    } else {
      for (int i = 0; i < round % 64; ++i) (void)channel.receiver.IsEmpty();
    }
    channel.receiver.reset();
    sender.join();
    EXPECT_EQ(where, sent ? std::this_thread::get_id() : sender_id);
  }
}

TEST(OneshotTest, StressClosedAgainstDrop) {
  for (int round = 0; round < 2000; ++round) {
    auto channel = Oneshot<int>();
    std::thread receiver([rx = std::move(channel.receiver)]() mutable { rx.reset(); });
    internal::BlockingWait(channel.sender.Closed());
    EXPECT_FALSE(channel.sender.Send(1));
    receiver.join();
  }
}

}  // namespace
}  // namespace kioto::sync
