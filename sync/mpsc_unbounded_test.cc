#include "kioto/sync/mpsc_unbounded.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

using Counted = std::shared_ptr<int>;

// behaviour: tokio/tests/sync_mpsc.rs#send_recv_unbounded
TEST(MpscUnboundedTest, ValuesComeInOrderThenTheEnd) {
  auto ch = MpscUnbounded<int>();
  PolledTask first(ch.receiver.Recv());
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_TRUE(ch.sender.Send(1).ok());
  EXPECT_TRUE(ch.sender.Send(2).ok());
  EXPECT_EQ(first.wakes(), 1);
  EXPECT_EQ(*first.Poll(), std::optional<int>(1));
  ch.sender.reset();
  PolledTask second(ch.receiver.Recv());
  EXPECT_EQ(*second.Poll(), std::optional<int>(2));
  PolledTask end(ch.receiver.Recv());
  EXPECT_EQ(*end.Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#async_send_recv_unbounded
TEST(MpscUnboundedTest, ValuesOfAnotherThreadWakeTheReceiver) {
  auto ch = MpscUnbounded<int>();
  PolledTask first(ch.receiver.Recv());
  EXPECT_TRUE(first.Poll().pending());
  std::thread([tx = ch.sender] {
    for (int i = 1; i <= 2; ++i) EXPECT_EQ(tx.Send(i), OkStatus());
  }).join();
  EXPECT_EQ(first.wakes(), 1);
  EXPECT_EQ(*first.Poll(), std::optional<int>(1));
  EXPECT_EQ(*PolledTask(ch.receiver.Recv()).Poll(), std::optional<int>(2));
  ch.sender.reset();
  EXPECT_EQ(*PolledTask(ch.receiver.Recv()).Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#try_recv_unbounded
// behaviour: tokio/tests/sync_mpsc.rs#try_recv_close_while_empty_unbounded
TEST(MpscUnboundedTest, AnyNumberAcrossBlocks) {
  for (int n = 0; n < 200; ++n) {
    auto ch = MpscUnbounded<int>();
    for (int i = 0; i < n; ++i) EXPECT_TRUE(ch.sender.Send(i).ok());
    for (int i = 0; i < n; ++i) EXPECT_EQ(ch.receiver.TryRecv().value(), i);
    EXPECT_TRUE(IsEmpty(ch.receiver.TryRecv().status()));
    ch.sender.reset();
    EXPECT_TRUE(IsClosed(ch.receiver.TryRecv().status()));
  }
}

// behaviour: tokio/tests/sync_mpsc.rs#send_recv_many_unbounded_capacity
TEST(MpscUnboundedTest, RecvManyCrossesBlocks) {
  auto ch = MpscUnbounded<int>();
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(ch.sender.Send(i).ok());  // a block holds 128
  std::vector<int> out;
  out.reserve(299);
  PolledTask none(ch.receiver.RecvMany(out, 0));
  EXPECT_EQ(*none.Poll(), 0u);
  PolledTask one(ch.receiver.RecvMany(out, 1));
  EXPECT_EQ(*one.Poll(), 1u);
  PolledTask limited(ch.receiver.RecvMany(out, 298));
  EXPECT_EQ(*limited.Poll(), 298u);
  EXPECT_EQ(out.capacity(), 299u);
  PolledTask rest(ch.receiver.RecvMany(out, 298));
  EXPECT_EQ(*rest.Poll(), 1u);
  EXPECT_EQ(out.size(), 300u);
  PolledTask waits(ch.receiver.RecvMany(out, 298));
  EXPECT_TRUE(waits.Poll().pending());
  EXPECT_TRUE(ch.sender.Send(300).ok());
  EXPECT_EQ(*waits.Poll(), 1u);
  ASSERT_EQ(out.size(), 301u);
  for (int i = 0; i <= 300; ++i) EXPECT_EQ(out[i], i);
  ch.sender.reset();
  PolledTask end(ch.receiver.RecvMany(out, 298));
  EXPECT_EQ(*end.Poll(), 0u);
  PolledTask over(ch.receiver.Recv());
  EXPECT_EQ(*over.Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#send_recv_many_unbounded
TEST(MpscUnboundedTest, RecvManyTakesWhatIsThereUpToItsLimit) {
  auto ch = MpscUnbounded<int>();
  const std::vector<int> sent = {7, 13, 100, 1002};
  for (int n : sent) EXPECT_TRUE(ch.sender.Send(n).ok());
  std::vector<int> out;
  out.reserve(8);
  const size_t room = out.capacity();
  EXPECT_EQ(*PolledTask(ch.receiver.RecvMany(out, 0)).Poll(), 0u);
  EXPECT_TRUE(out.empty());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(*PolledTask(ch.receiver.RecvMany(out, 1)).Poll(), 1u);
  EXPECT_EQ(out, sent);
  out.clear();
  for (int n : sent) EXPECT_TRUE(ch.sender.Send(n).ok());
  EXPECT_EQ(*PolledTask(ch.receiver.RecvMany(out, 32)).Poll(), 4u);
  EXPECT_EQ(out, sent);
  EXPECT_EQ(out.capacity(), room);
  ch.sender.reset();
  EXPECT_EQ(*PolledTask(ch.receiver.RecvMany(out, 32)).Poll(), 0u);
  EXPECT_EQ(*PolledTask(ch.receiver.Recv()).Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_is_closed_when_calling_close_with_sender
TEST(MpscUnboundedTest, CloseRefusesAndDrains) {
  auto ch = MpscUnbounded<std::string>();
  EXPECT_TRUE(ch.sender.Send("before").ok());
  PolledTask closed(ch.sender.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  ch.receiver.Close();
  EXPECT_TRUE(closed.Poll().ready());
  EXPECT_TRUE(ch.receiver.IsClosed());
  std::string value = "after";
  EXPECT_TRUE(IsClosed(ch.sender.Send(std::move(value))));
  EXPECT_EQ(value, "after");
  PolledTask recv(ch.receiver.Recv());
  EXPECT_EQ(*recv.Poll(), "before");
  PolledTask end(ch.receiver.Recv());
  EXPECT_EQ(*end.Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#recv_many_with_non_empty_buffer_unbounded_rx_closed_and_idle
TEST(MpscUnboundedTest, RecvManyOnAClosedIdleChannelLeavesTheBuffer) {
  auto ch = MpscUnbounded<std::string>();
  ch.receiver.Close();
  std::vector<std::string> out = {"kept"};
  PolledTask end(ch.receiver.RecvMany(out, 4));
  EXPECT_EQ(*end.Poll(), 0u);
  EXPECT_EQ(out, (std::vector<std::string>{"kept"}));
}

TEST(MpscUnboundedTest, LenIsExactAcrossBlocks) {
  auto ch = MpscUnbounded<int>();
  for (size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(ch.receiver.size(), i);
    EXPECT_TRUE(ch.sender.Send(1).ok());
  }
  ch.sender.reset();
  for (size_t i = 300; i > 0; --i) {
    EXPECT_EQ(ch.receiver.size(), i);
    EXPECT_TRUE(ch.receiver.TryRecv().ok());
  }
  EXPECT_TRUE(ch.receiver.IsEmpty());
}

TEST(MpscUnboundedTest, ASteadyFlowAllocatesNothing) {
  auto ch = MpscUnbounded<int>();
  auto burst = [&](int n) {
    for (int i = 0; i < n; ++i) EXPECT_TRUE(ch.sender.Send(i).ok());
    for (int i = 0; i < n; ++i) EXPECT_EQ(ch.receiver.TryRecv().value(), i);
  };
  for (int round = 0; round < 10; ++round) burst(900);  // every alignment to the blocks
  base::AllocationCounter allocations;
  for (int round = 0; round < 20; ++round) burst(900);
  EXPECT_EQ(allocations.count(), 0);
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#test_msgs_dropped_on_unbounded_rx_drop
TEST(MpscUnboundedTest, EveryValueIsDestroyedOnce) {
  auto value = std::make_shared<int>(1);
  for (int received = 0; received <= 80; received += 16) {
    auto ch = MpscUnbounded<Counted>();
    for (int i = 0; i < 80; ++i) EXPECT_TRUE(ch.sender.Send(value).ok());
    for (int i = 0; i < received; ++i) EXPECT_TRUE(ch.receiver.TryRecv().ok());
    EXPECT_EQ(value.use_count(), 81 - received);
    ch.receiver.reset();
    EXPECT_EQ(value.use_count(), 1);
    EXPECT_TRUE(IsClosed(ch.sender.Send(value)));
    EXPECT_EQ(value.use_count(), 1);
  }
}

// A value whose end uses the channel that it lies in, and is counted.
struct Meddles {
  Meddles() = default;
  Meddles(const MpscUnboundedSender<Meddles>& sender, int& gone) : sender(&sender), gone(&gone) {}
  Meddles(Meddles&& other) noexcept : sender(other.sender), gone(std::exchange(other.gone, nullptr)) {}
  ~Meddles() {
    if (gone == nullptr) return;
    ++*gone;
    EXPECT_TRUE(IsClosed(sender->Send(Meddles())));
  }
  const MpscUnboundedSender<Meddles>* sender = nullptr;
  int* gone = nullptr;
};

// behaviour: tokio/tests/sync_mpsc.rs#drop_all_elements_during_panic
TEST(MpscUnboundedTest, AllThatIsLeftGoesWithTheReceiverWhateverItsEndDoes) {
  int gone = 0;
  auto ch = MpscUnbounded<Meddles>();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ch.sender.Send(Meddles(ch.sender, gone)).ok());
  EXPECT_EQ(gone, 0);
  ch.receiver.reset();
  EXPECT_EQ(gone, 3);  // while there is a sender
}

}  // namespace
}  // namespace kioto::sync
