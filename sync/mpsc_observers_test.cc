// What holds of both channels, bounded and unbounded: above all what their handles say.
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto::sync {
namespace {

struct Bounded {
  static constexpr int kMany = 100;  // its capacity
  template <class T = int>
  static auto Make() {
    return Mpsc<T>(100);
  }
  template <class Sender, class T>
  static Status Send(const Sender& sender, T&& value) {
    return sender.TrySend(std::forward<T>(value));
  }
};
struct Unbounded {
  static constexpr int kMany = 300;  // more than two blocks hold
  template <class T = int>
  static auto Make() {
    return MpscUnbounded<T>();
  }
  template <class Sender, class T>
  static Status Send(const Sender& sender, T&& value) {
    return sender.Send(std::forward<T>(value));
  }
};

template <class Kind>
class MpscObserversTest : public testing::Test {
 protected:
  void Send(int count) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(Kind::Send(ch_.sender, i).ok());
  }
  void Receive(int count) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(ch_.receiver.TryRecv().ok());
  }
  // size and IsEmpty say the same.
  void ExpectSize(size_t size) {
    EXPECT_EQ(ch_.receiver.size(), size);
    EXPECT_EQ(ch_.receiver.IsEmpty(), size == 0);
  }

  decltype(Kind::Make()) ch_ = Kind::Make();
};
using Kinds = testing::Types<Bounded, Unbounded>;
struct Numbers {  // given, since clang counts an empty list of macro arguments as an extension
  template <class Kind>
  static std::string GetName(int index) {
    return std::to_string(index);
  }
};
TYPED_TEST_SUITE(MpscObserversTest, Kinds, Numbers);

// --- closed ---

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_not_closed_when_there_are_senders
TYPED_TEST(MpscObserversTest, NotClosedWhileThereIsASender) {
  EXPECT_FALSE(this->ch_.receiver.IsClosed());
  auto copy = this->ch_.sender;
  this->ch_.sender.reset();
  EXPECT_FALSE(this->ch_.receiver.IsClosed());
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_not_closed_when_there_are_senders_and_buffer_filled
TYPED_TEST(MpscObserversTest, NotClosedThoughItIsFull) {
  this->Send(100);
  EXPECT_FALSE(this->ch_.receiver.IsClosed());
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_closed_when_calling_close_with_sender
TYPED_TEST(MpscObserversTest, ClosedByItsReceiver) {
  this->ch_.receiver.Close();
  EXPECT_TRUE(this->ch_.receiver.IsClosed());
  EXPECT_TRUE(this->ch_.sender.IsClosed());
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_closed_when_dropping_all_senders
TYPED_TEST(MpscObserversTest, ClosedWhenTheLastSenderWent) {
  std::thread([copy = this->ch_.sender] {}).join();
  EXPECT_FALSE(this->ch_.receiver.IsClosed());
  this->ch_.sender.reset();
  EXPECT_TRUE(this->ch_.receiver.IsClosed());
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_closed_when_there_are_no_senders_and_there_are_messages
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_is_closed_when_there_are_no_senders_and_there_are_messages
TYPED_TEST(MpscObserversTest, ClosedWithoutSendersThoughThereAreValues) {
  this->Send(10);
  this->ch_.sender.reset();
  EXPECT_TRUE(this->ch_.receiver.IsClosed());
  this->ExpectSize(10);
}

// --- size ---

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_empty_when_no_messages_were_sent
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_is_empty_when_no_messages_were_sent
TYPED_TEST(MpscObserversTest, EmptyAtFirst) { EXPECT_TRUE(this->ch_.receiver.IsEmpty()); }

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_len_on_empty_channel
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_len_on_empty_channel
TYPED_TEST(MpscObserversTest, OfNoSizeAtFirst) { EXPECT_EQ(this->ch_.receiver.size(), 0u); }

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_len_on_empty_channel_without_senders
TYPED_TEST(MpscObserversTest, TheEndIsNotCounted) {
  this->ch_.sender.reset();
  this->ExpectSize(0);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_not_empty_when_all_but_one_messages_are_consumed
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_is_not_empty_when_there_are_messages_in_the_buffer
TYPED_TEST(MpscObserversTest, NotEmptyWhileOneIsLeft) {
  this->Send(10);
  this->Receive(9);
  this->ExpectSize(1);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_is_empty_when_all_messages_are_consumed
TYPED_TEST(MpscObserversTest, EmptyWhenAllIsConsumed) {
  this->Send(10);
  this->Receive(10);
  this->ExpectSize(0);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_empty_all_senders_are_dropped_and_messages_consumed
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_is_empty_all_senders_are_dropped_and_messages_consumed
TYPED_TEST(MpscObserversTest, EmptyWhenAllIsConsumedAfterTheEnd) {
  this->Send(10);
  this->ch_.sender.reset();
  this->Receive(10);
  this->ExpectSize(0);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_len_on_filled_channel
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_len_with_multiple_messages
TYPED_TEST(MpscObserversTest, OfFullSize) {
  this->Send(TypeParam::kMany);
  this->ExpectSize(TypeParam::kMany);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_len_on_filled_channel_without_senders
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_len_with_multiple_messages_and_dropped_senders
TYPED_TEST(MpscObserversTest, OfFullSizeWithoutSenders) {
  this->Send(TypeParam::kMany);
  this->ch_.sender.reset();
  this->ExpectSize(TypeParam::kMany);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_len_when_consuming_all_messages
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_len_when_consuming_all_messages
TYPED_TEST(MpscObserversTest, TheSizeFollowsEverySendAndReceive) {
  for (size_t i = 0; i < 100; ++i) {
    this->Send(1);
    this->ExpectSize(i + 1);
  }
  this->ch_.sender.reset();
  for (size_t i = 100; i > 0; --i) {
    this->ExpectSize(i);
    this->Receive(1);
  }
  this->ExpectSize(0);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_is_empty_32_msgs
TYPED_TEST(MpscObserversTest, EmptyAfterEachOfManyAcrossBlocks) {
  for (int i = 0; i < 256; ++i) {
    this->Send(1);
    this->Receive(1);
    this->ExpectSize(0);
  }
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_len_when_close_is_called
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_len_when_close_is_called
TYPED_TEST(MpscObserversTest, ACloseIsNotCounted) {
  this->Send(1);
  this->ch_.receiver.Close();
  this->ExpectSize(1);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_len_when_close_is_called_before_dropping_sender
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_len_when_close_is_called_before_dropping_sender
TYPED_TEST(MpscObserversTest, ACloseBeforeTheEndIsNotCounted) {
  this->Send(1);
  this->ch_.receiver.Close();
  this->ch_.sender.reset();
  EXPECT_TRUE(this->ch_.receiver.IsClosed());
  this->ExpectSize(1);
  this->Receive(1);
  this->ExpectSize(0);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_len_when_close_is_called_after_dropping_sender
// behaviour: tokio/tests/sync_mpsc.rs#test_rx_unbounded_len_when_close_is_called_after_dropping_sender
TYPED_TEST(MpscObserversTest, ACloseAfterTheEndIsNotCounted) {
  this->Send(1);
  this->ch_.sender.reset();
  this->ch_.receiver.Close();
  this->ExpectSize(1);
}

// --- handles ---

// behaviour: tokio/tests/sync_mpsc_weak.rs#sender_strong_count_when_cloned
// behaviour: tokio/tests/sync_mpsc_weak.rs#unbounded_sender_strong_count_when_cloned
TYPED_TEST(MpscObserversTest, ACopyIsCounted) {
  auto copy = this->ch_.sender;
  EXPECT_TRUE(copy.SameChannel(this->ch_.sender));
  EXPECT_EQ(this->ch_.sender.SenderCount(), 2u);
  EXPECT_EQ(copy.SenderCount(), 2u);
  EXPECT_EQ(this->ch_.receiver.SenderCount(), 2u);
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#sender_strong_count_when_dropped
// behaviour: tokio/tests/sync_mpsc_weak.rs#unbounded_sender_strong_count_when_dropped
TYPED_TEST(MpscObserversTest, ADroppedCopyIsNotCounted) {
  { auto copy = this->ch_.sender; }
  EXPECT_EQ(this->ch_.sender.SenderCount(), 1u);
  EXPECT_EQ(this->ch_.receiver.SenderCount(), 1u);
}

// behaviour: tokio/tests/sync_mpsc.rs#send_recv_stream_with_buffer
// behaviour: tokio/tests/sync_mpsc.rs#send_recv_stream_unbounded
TYPED_TEST(MpscObserversTest, AReceiverIsAStream) {
  std::thread sender([tx = std::move(this->ch_.sender)] {
    for (int i = 1; i <= 2; ++i) EXPECT_TRUE(TypeParam::Send(tx, i).ok());
  });
  std::vector<int> seen;
  EXPECT_TRUE(internal::BlockingWait(ForEach(std::move(this->ch_.receiver), [&seen](int& value) { seen.push_back(value); })).ok());
  sender.join();
  EXPECT_EQ(seen, (std::vector<int>{1, 2}));
}

// Can be neither copied nor compared nor printed.
struct Bare {
  explicit Bare(int number) : number(number) {}
  Bare(Bare&&) = default;
  Bare& operator=(Bare&&) = delete;
  int number;
};

// behaviour: tokio/tests/sync_mpsc.rs#no_t_bounds_buffer
// behaviour: tokio/tests/sync_mpsc.rs#no_t_bounds_unbounded
TYPED_TEST(MpscObserversTest, AskNothingOfTheValueButThatItMoves) {
  auto ch = TypeParam::template Make<Bare>();
  auto copy = ch.sender;
  EXPECT_TRUE(TypeParam::Send(copy, Bare(7)).ok());
  EXPECT_EQ(ch.receiver.TryRecv()->number, 7);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_tx_capacity
TEST(MpscCapacityTest, PermitsAndValuesTakeRoom) {
  auto ch = Mpsc<int>(10);
  EXPECT_EQ(ch.sender.Capacity(), 10u);
  EXPECT_EQ(ch.sender.MaxCapacity(), 10u);
  auto permit = ch.sender.TryReserve();
  EXPECT_EQ(ch.sender.Capacity(), 9u);
  EXPECT_EQ(ch.sender.MaxCapacity(), 10u);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  EXPECT_EQ(ch.sender.Capacity(), 8u);
  permit->Send(2);
  EXPECT_EQ(ch.sender.Capacity(), 8u);
  EXPECT_EQ(ch.sender.MaxCapacity(), 10u);
}

}  // namespace
}  // namespace kioto::sync
