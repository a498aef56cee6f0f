#include "kioto/tools/examples/mini_redis/pubsub.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace mini_redis {
namespace {

constexpr absl::string_view kHello = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n";

std::string Take(Mailbox& mailbox) {
  std::string out;
  mailbox.TakeTo(out);
  return out;
}

TEST(PubSubTest, ManyMessagesAreOneWake) {
  Hub hub;
  auto mailbox = std::make_shared<Mailbox>(1000);
  hub.Subscribe("c", mailbox);
  kioto::PolledTask waiting(mailbox->Arrived());
  EXPECT_TRUE(waiting.Poll().pending());
  EXPECT_EQ(hub.Publish("c", "hello"), 1u);
  EXPECT_EQ(hub.Publish("c", "hello"), 1u);
  EXPECT_EQ(hub.Publish("other", "hello"), 0u);
  EXPECT_EQ(waiting.wakes(), 1);
  EXPECT_TRUE(waiting.Poll().ready());
  std::string out = "before ";
  mailbox->TakeTo(out);
  EXPECT_EQ(out, "before " + std::string(kHello) + std::string(kHello));
  EXPECT_EQ(Take(*mailbox), "");
}

TEST(PubSubTest, UnsubscribedHearsNothing) {
  Hub hub;
  auto a = std::make_shared<Mailbox>(1000), b = std::make_shared<Mailbox>(1000);
  hub.Subscribe("c", a);
  hub.Subscribe("c", b);
  hub.Unsubscribe("c", a.get());
  hub.Unsubscribe("nobody's", a.get());
  EXPECT_EQ(hub.Publish("c", "hello"), 1u);
  EXPECT_EQ(Take(*a), "");
  EXPECT_EQ(Take(*b), kHello);
  hub.Unsubscribe("c", b.get());
  EXPECT_EQ(hub.channels(), 0u);
  EXPECT_EQ(a.use_count(), 1);
}

// One that does not read costs its backlog, and is told to go.
TEST(PubSubTest, OverflowIsBounded) {
  Hub hub;
  auto slow = std::make_shared<Mailbox>(1000), fine = std::make_shared<Mailbox>(1000);
  hub.Subscribe("c", slow);
  hub.Subscribe("c", fine);
  size_t received = 0;
  for (int i = 0; i < 1000; ++i) {
    hub.Publish("c", "hello");
    received += Take(*fine).size();
  }
  EXPECT_EQ(received, 1000 * kHello.size());
  EXPECT_TRUE(slow->overflow().IsCancelled());
  EXPECT_FALSE(fine->overflow().IsCancelled());
  EXPECT_LE(Take(*slow).size(), 1000u);
}

TEST(PubSubTest, AMessageAboveTheBacklogIsNotKept) {
  Mailbox mailbox(100);
  EXPECT_TRUE(mailbox.Add(std::string(100, 'x')));
  EXPECT_EQ(Take(mailbox).size(), 100u);
  EXPECT_FALSE(mailbox.Add(std::string(101, 'x')));
  EXPECT_FALSE(mailbox.overflow().IsCancelled());
  mailbox.Tell(/*added=*/false);
  EXPECT_TRUE(mailbox.overflow().IsCancelled());
  EXPECT_EQ(Take(mailbox), "");
}

}  // namespace
}  // namespace mini_redis
