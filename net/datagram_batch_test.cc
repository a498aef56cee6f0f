// Batches and segments of datagrams, through the sockets that send and receive them.
#include "kioto/net/datagram_batch.h"

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "kioto/net/udp_socket.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;

using Outgoing = UdpSocket::Outgoing;
using UnixBatch = DatagramBatch<UnixAddress>;

// Counts calls, and shortens none.
sys::Fault CountOnly() { return sys::Fault::Short(size_t{1} << 30, 1); }

class DatagramBatchTest : public testing::Test {
 protected:
  struct Two {
    UdpSocket a, b;
    SocketAddress a_at, b_at;
  };
  UdpSocket Bind() { return *loop_.Run(UdpSocket::Bind("127.0.0.1:0")); }
  Two Unconnected() {
    UdpSocket a = Bind(), b = Bind();
    SocketAddress a_at = *a.local_address(), b_at = *b.local_address();
    return {std::move(a), std::move(b), a_at, b_at};
  }
  // `count` of them, by as many batches as it takes.
  std::vector<std::string> Take(UdpSocket& socket, size_t count) {
    UdpBatch batch(8, 2'000);
    std::vector<std::string> taken;
    while (taken.size() < count) {
      StatusOr<size_t> n = loop_.Run(socket.RecvBatch(batch));
      if (!n.ok()) {
        ADD_FAILURE() << n.status();
        break;
      }
      for (size_t i = 0; i < *n; ++i) taken.emplace_back(batch[i].bytes());
    }
    return taken;
  }
  template <class Fn>
  auto RunPolls(Fn poll) {
    return loop_.Run(PollFn(std::move(poll)));
  }

  DrivenLoop loop_;
};

TEST_F(DatagramBatchTest, SeveralGoAndComeByOneCall) {
  auto ends = *UnixDatagram::Pair();
  sys::ScopedFault sends(sys::Call::kSendmmsg, CountOnly());
  sys::ScopedFault receives(sys::Call::kRecvmmsg, CountOnly());
  const std::vector<UnixDatagram::Outgoing> sent = {{"one"}, {""}, {"three"}};
  EXPECT_EQ(*loop_.Run(ends.first.SendBatch(sent)), 3u);
  UnixBatch batch(8, 16);
  EXPECT_EQ(batch.size(), 8u);
  EXPECT_EQ(*loop_.Run(ends.second.RecvBatch(batch)), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(batch[i].bytes(), sent[i].bytes);
    EXPECT_TRUE(batch[i].from.is_unnamed());
    EXPECT_FALSE(batch[i].cut);
  }
  EXPECT_EQ(sends.hits(), 1);
  EXPECT_EQ(receives.hits(), 1);
}

TEST_F(DatagramBatchTest, WaitsForOneAndKnowsThenThatThereAreNoMore) {
  auto ends = *UnixDatagram::Pair();
  UnixBatch batch(8, 16);
  PolledTask recv(ends.second.RecvBatch(batch));
  EXPECT_TRUE(recv.Poll().pending());
  EXPECT_EQ(*ends.first.TrySend("hello"), 5u);
  loop_.Await([&] { return recv.wakes() > 0; });
  EXPECT_EQ(**recv.Poll(), 1u);
  EXPECT_EQ(batch[0].bytes(), "hello");
  sys::ScopedFault receives(sys::Call::kRecvmmsg, CountOnly());
  EXPECT_TRUE(PolledTask(ends.second.RecvBatch(batch)).Poll().pending());
  EXPECT_EQ(receives.hits(), KIOTO_PORTABLE ? 1 : 0);  // the portable twin forgets what it saw
}

TEST_F(DatagramBatchTest, KeepsTheOrderAndTellsWhoSent) {
  Two two = Unconnected();
  UdpSocket c = Bind();
  EXPECT_EQ(*loop_.Run(two.a.SendBatch(std::vector<Outgoing>{{"a1", two.b_at}, {"a2", two.b_at}})), 2u);
  const Outgoing to_both[] = {{"c1", two.b_at}, {"for a", two.a_at}, {"c2", two.b_at}};
  EXPECT_EQ(*loop_.Run(c.SendBatch(to_both)), 3u);
  std::vector<std::string> from_a, from_c;
  UdpBatch batch(3, 16);
  while (from_a.size() + from_c.size() < 4) {
    const size_t n = *loop_.Run(two.b.RecvBatch(batch));
    for (size_t i = 0; i < n; ++i) (batch[i].from == two.a_at ? from_a : from_c).emplace_back(batch[i].bytes());
  }
  EXPECT_EQ(from_a, (std::vector<std::string>{"a1", "a2"}));
  EXPECT_EQ(from_c, (std::vector<std::string>{"c1", "c2"}));
  EXPECT_EQ(*loop_.Run(two.a.RecvBatch(batch)), 1u);
  EXPECT_EQ(batch[0].bytes(), "for a");
  EXPECT_EQ(batch[0].from, *c.local_address());
}

TEST_F(DatagramBatchTest, SendsToWhomItIsConnected) {
  Two two = Unconnected();
  const Outgoing list[] = {{"one"}, {"two"}};
  EXPECT_EQ(ErrnoOf(loop_.Run(two.a.SendBatch(list)).status()), EDESTADDRREQ);
  ASSERT_EQ(loop_.Run(two.a.Connect(two.b_at)), OkStatus());
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two.a.PollSendBatch(cx, list); }), 2u);
  EXPECT_EQ(*two.a.TrySendBatch(list), 2u);
  EXPECT_EQ(Take(two.b, 4), (std::vector<std::string>{"one", "two", "one", "two"}));
  EXPECT_TRUE(IsEmpty(two.b.TryRecvFrom(MutableBytes()).status()));
}

TEST_F(DatagramBatchTest, HearsThatNobodyListens) {
  Two two = Unconnected();
  ASSERT_EQ(loop_.Run(two.a.Connect(two.b_at)), OkStatus());
  { UdpSocket gone = std::move(two.b); }
  EXPECT_EQ(*two.a.TrySend("hello"), 5u);
  UdpBatch batch(4, 16);
  EXPECT_EQ(ErrnoOf(loop_.Run(two.a.RecvBatch(batch)).status()), ECONNREFUSED);
}

TEST_F(DatagramBatchTest, SaysWhichItCut) {
  auto ends = *UnixDatagram::Pair();
  const UnixDatagram::Outgoing list[] = {{"hello"}, {"hello"}, {"hello"}};
  EXPECT_EQ(*ends.first.TrySendBatch(list), 3u);
  char whole[8], exact[5], small[2];
  UnixDatagram::Incoming into[] = {{whole}, {small}, {exact}};
  EXPECT_EQ(*RunPolls([&](Context& cx) { return ends.second.PollRecvBatch(cx, absl::MakeSpan(into)); }), 3u);
  EXPECT_EQ(into[0].bytes(), "hello");
  EXPECT_EQ(into[1].bytes(), "he");
  EXPECT_EQ(into[2].bytes(), "hello");
  EXPECT_FALSE(into[0].cut);
  EXPECT_TRUE(into[1].cut);
  EXPECT_FALSE(into[2].cut);
}

TEST_F(DatagramBatchTest, AnEmptyBatchIsDoneAtOnce) {
  Two two = Unconnected();
  UdpBatch none(0, 16);
  EXPECT_EQ(*loop_.Run(two.a.RecvBatch(none)), 0u);
  EXPECT_EQ(*two.a.TryRecvBatch(none), 0u);
  EXPECT_EQ(*loop_.Run(two.a.SendBatch(std::vector<Outgoing>())), 0u);
  EXPECT_EQ(*two.a.TrySendBatch({}), 0u);
}

TEST_F(DatagramBatchTest, TakesOfALongListWhatOneCallMayCarry) {
  Two two = Unconnected();
  std::vector<std::string> texts;
  for (size_t i = 0; i < kMostInBatch + 8; ++i) texts.push_back(std::to_string(i));
  std::vector<Outgoing> list;
  for (const std::string& text : texts) list.push_back({text, two.b_at});
  const std::vector<Outgoing> rest(list.begin() + kMostInBatch, list.end());
  EXPECT_EQ(*loop_.Run(two.a.SendBatch(std::move(list))), kMostInBatch);
  EXPECT_EQ(*loop_.Run(two.a.SendBatch(rest)), 8u);
  UdpBatch batch(kMostInBatch + 8, 4);
  std::vector<std::string> taken;
  while (taken.size() < texts.size()) {
    const size_t n = *loop_.Run(two.b.RecvBatch(batch));
    EXPECT_LE(n, kMostInBatch);
    for (size_t i = 0; i < n; ++i) taken.emplace_back(batch[i].bytes());
  }
  EXPECT_EQ(taken, texts);
}

TEST_F(DatagramBatchTest, OneThatIsRefusedEndsTheBatchAndBeginsTheNext) {
  Two two = Unconnected();
  const std::string too_long(70'000, 'x');
  const std::vector<Outgoing> list = {{"one", two.b_at}, {too_long, two.b_at}, {"three", two.b_at}};
  const absl::Span<const Outgoing> from_second = absl::MakeConstSpan(list).subspan(1);
  EXPECT_EQ(*loop_.Run(two.a.SendBatch(list)), 1u);
  EXPECT_EQ(ErrnoOf(loop_.Run(two.a.SendBatch(from_second)).status()), EMSGSIZE);
  EXPECT_EQ(ErrnoOf(two.a.TrySendBatch(from_second).status()), EMSGSIZE);
  EXPECT_EQ(*loop_.Run(two.a.SendBatch(from_second.subspan(1))), 1u);
  EXPECT_EQ(Take(two.b, 2), (std::vector<std::string>{"one", "three"}));
}

TEST_F(DatagramBatchTest, SendsAFewWhenTheKernelTakesAFew) {
  Two two = Unconnected();
  sys::ScopedFault few(sys::Call::kSendmmsg, sys::Fault::Short(2, 5));
  const std::vector<Outgoing> list = {{"1", two.b_at}, {"2", two.b_at}, {"3", two.b_at}, {"4", two.b_at}, {"5", two.b_at}};
  for (size_t done = 0; done < list.size();) {
    const size_t n = *loop_.Run(two.a.SendBatch(absl::MakeConstSpan(list).subspan(done)));
    EXPECT_GE(n, 1u);
    EXPECT_LE(n, 2u);
    done += n;
  }
  EXPECT_EQ(Take(two.b, 5), (std::vector<std::string>{"1", "2", "3", "4", "5"}));
}

TEST_F(DatagramBatchTest, WaitsForRoomAndThenSends) {
  Two two = Unconnected();
  const std::vector<Outgoing> list = {{"one", two.b_at}, {"two", two.b_at}};
  sys::ScopedFault full(sys::Call::kSendmmsg, sys::Fault::First(2, EAGAIN));
  EXPECT_TRUE(IsFull(two.a.TrySendBatch(list).status()));
  EXPECT_EQ(*loop_.Run(two.a.SendBatch(list)), 2u);
  EXPECT_EQ(full.hits(), 2);
  EXPECT_EQ(Take(two.b, 2), (std::vector<std::string>{"one", "two"}));
}

TEST_F(DatagramBatchTest, FillsUpASocketAndGoesOnWhenThereIsRoom) {
  auto ends = *UnixDatagram::Pair();
  const std::string text(1'000, 't');
  const std::vector<UnixDatagram::Outgoing> list(kMostInBatch, {text});
  size_t sent = 0;
  while (true) {
    StatusOr<size_t> n = ends.first.TrySendBatch(list);
    if (!n.ok()) {
      EXPECT_TRUE(IsFull(n.status())) << n.status();
      break;
    }
    EXPECT_GE(*n, 1u);
    sent += *n;
  }
  PolledTask waits(ends.first.SendBatch(list));
  EXPECT_TRUE(waits.Poll().pending());
  UnixBatch batch(kMostInBatch, text.size());
  const auto drain = [&] {
    size_t received = 0;
    while (true) {
      StatusOr<size_t> n = ends.second.TryRecvBatch(batch);
      if (!n.ok()) {
        EXPECT_TRUE(IsEmpty(n.status())) << n.status();
        return received;
      }
      received += *n;
    }
  };
  EXPECT_EQ(drain(), sent);
  const size_t more = *loop_.Run(waits);
  EXPECT_GE(more, 1u);
  EXPECT_EQ(drain(), more);
}

TEST_F(DatagramBatchTest, AReceiveThatFailsTakesNothing) {
  auto ends = *UnixDatagram::Pair();
  UnixBatch batch(4, 16);
  EXPECT_EQ(*ends.first.TrySend("kept"), 4u);
  sys::ScopedFault fault(sys::Call::kRecvmmsg, sys::Fault::First(1, ENOMEM));
  EXPECT_EQ(ErrnoOf(loop_.Run(ends.second.RecvBatch(batch)).status()), ENOMEM);
  EXPECT_EQ(*loop_.Run(ends.second.RecvBatch(batch)), 1u);
  EXPECT_EQ(batch[0].bytes(), "kept");
}

// check: H1
TEST_F(DatagramBatchTest, ADroppedReceiveTakesNothing) {
  auto ends = *UnixDatagram::Pair();
  for (int polls = 0; polls < 4; ++polls) {
    UnixBatch batch(4, 16);
    PolledTask recv(ends.second.RecvBatch(batch));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(recv.Poll().pending());
    EXPECT_EQ(*ends.first.TrySend("kept"), 4u);
    if (polls > 0) loop_.Await([&] { return recv.wakes() > 0; });
    recv.Drop();
    EXPECT_EQ(recv.held(), 0);
    EXPECT_EQ(*loop_.Run(ends.second.RecvBatch(batch)), 1u);
    EXPECT_EQ(batch[0].bytes(), "kept");
  }
}

// check: H1
TEST_F(DatagramBatchTest, ADroppedSendSendsNothing) {
  for (int polls = 0; polls < 4; ++polls) {
    auto ends = *UnixDatagram::Pair();
    sys::ScopedFault full(sys::Call::kSendmmsg, sys::Fault::Every(EAGAIN));
    PolledTask send(ends.first.SendBatch(std::vector<UnixDatagram::Outgoing>{{"never"}, {"sent"}}));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(send.Poll().pending());
    send.Drop();
    EXPECT_EQ(send.held(), 0);
    UnixBatch batch(4, 16);
    EXPECT_TRUE(IsEmpty(ends.second.TryRecvBatch(batch).status()));
  }
}

TEST_F(DatagramBatchTest, OneBatchIsOneUnitOfBudget) {
  auto ends = *UnixDatagram::Pair();
  const UnixDatagram::Outgoing list[] = {{"one"}, {"two"}, {"three"}};
  PolledTask send(ends.first.SendBatch(list));
  EXPECT_TRUE(send.Poll().ready());
  EXPECT_EQ(send.budget_used(), 1);
  UnixBatch batch(4, 16);
  PolledTask recv(ends.second.RecvBatch(batch));
  EXPECT_TRUE(recv.Poll().ready());
  EXPECT_EQ(recv.budget_used(), 1);
}

TEST_F(DatagramBatchTest, ABatchIsMovedWithItsMemory) {
  auto ends = *UnixDatagram::Pair();
  UnixBatch batch(2, 16);
  EXPECT_EQ(*ends.first.TrySend("hello"), 5u);
  EXPECT_EQ(*ends.second.TryRecvBatch(batch), 1u);
  UnixBatch moved = std::move(batch);
  EXPECT_EQ(moved[0].bytes(), "hello");
  EXPECT_EQ(*ends.first.TrySend("again"), 5u);
  EXPECT_EQ(*loop_.Run(ends.second.RecvBatch(moved)), 1u);
  EXPECT_EQ(moved[0].bytes(), "again");
}

#if defined(__linux__) && !KIOTO_PORTABLE  // elsewhere nobody cuts: SegmentsAreRefusedWhereTheKernelDoesNotCut

class SegmentsTest : public DatagramBatchTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(two_.a.TrySendSegments("", 1, two_.a_at).status(), OkStatus()) << "Linux cuts datagrams since 4.18";
    EXPECT_EQ(Take(two_.a, 1), std::vector<std::string>{""});
  }
  // What is sent, and what of it comes.
  static std::string Bytes() { return std::string(1'000, 'a') + std::string(1'000, 'b') + std::string(500, 'c'); }
  static std::vector<std::string> Segments() {
    return {std::string(1'000, 'a'), std::string(1'000, 'b'), std::string(500, 'c')};
  }

  Two two_ = Unconnected();
};

TEST_F(SegmentsTest, OneSendIsSeveralDatagrams) {
  const std::string bytes = Bytes();
  EXPECT_EQ(*loop_.Run(two_.a.SendSegments(bytes, 1'000, two_.b_at)), 2'500u);
  EXPECT_EQ(Take(two_.b, 3), Segments());
  EXPECT_EQ(*two_.a.TrySendSegments(bytes, 1'000, two_.b_at), 2'500u);
  EXPECT_EQ(Take(two_.b, 3), Segments());
  EXPECT_EQ(*loop_.Run(two_.a.SendSegments("short", 1'000, two_.b_at)), 5u);
  EXPECT_EQ(Take(two_.b, 1), std::vector<std::string>{"short"});
}

TEST_F(SegmentsTest, ToWhomItIsConnected) {
  EXPECT_EQ(ErrnoOf(loop_.Run(two_.a.SendSegments("to whom", 3)).status()), EDESTADDRREQ);
  ASSERT_EQ(loop_.Run(two_.a.Connect(two_.b_at)), OkStatus());
  EXPECT_EQ(*loop_.Run(two_.a.SendSegments(Bytes(), 1'000)), 2'500u);
  EXPECT_EQ(Take(two_.b, 3), Segments());
  const std::string bytes = Bytes();
  EXPECT_EQ(*RunPolls([&](Context& cx) { return two_.a.PollSendSegments(cx, bytes, 1'000, std::nullopt); }), 2'500u);
  EXPECT_EQ(Take(two_.b, 3), Segments());
}

TEST_F(SegmentsTest, WhatCanNotBeSentIsNot) {
  EXPECT_EQ(ErrnoOf(two_.a.TrySendSegments(std::string(60'000, 'x'), 1, two_.b_at).status()), EINVAL);
  EXPECT_EQ(ErrnoOf(loop_.Run(two_.a.SendSegments(std::string(70'000, 'x'), 1'400, two_.b_at)).status()), EMSGSIZE);
  EXPECT_TRUE(IsEmpty(two_.b.TryRecvFrom(MutableBytes()).status()));
}

TEST_F(SegmentsTest, WaitsForRoomAndThenSends) {
  sys::ScopedFault full(sys::Call::kSendmsg, sys::Fault::First(2, EAGAIN));
  EXPECT_TRUE(IsFull(two_.a.TrySendSegments("abc", 1, two_.b_at).status()));
  EXPECT_EQ(*loop_.Run(two_.a.SendSegments("abc", 1, two_.b_at)), 3u);
  EXPECT_EQ(full.hits(), 2);
  EXPECT_EQ(Take(two_.b, 3), (std::vector<std::string>{"a", "b", "c"}));
}

// check: H1
TEST_F(SegmentsTest, ADroppedSendSendsNothing) {
  for (int polls = 0; polls < 4; ++polls) {
    UdpSocket a = Bind();
    sys::ScopedFault full(sys::Call::kSendmsg, sys::Fault::Every(EAGAIN));
    PolledTask send(a.SendSegments(std::string("never sent"), 5, two_.b_at));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(send.Poll().pending());
    send.Drop();
    EXPECT_EQ(send.held(), 0);
  }
  EXPECT_TRUE(IsEmpty(two_.b.TryRecvFrom(MutableBytes()).status()));
}

#endif

// On any kernel.
TEST_F(DatagramBatchTest, SegmentsAreRefusedWhereTheKernelDoesNotCut) {
  Two two = Unconnected();
  sys::ScopedFault old_kernel(sys::Call::kGetsockopt, sys::Fault::Every(ENOPROTOOPT));
  sys::ScopedFault sends(sys::Call::kSendmsg, CountOnly());
  const Status status = loop_.Run(two.a.SendSegments("abc", 1, two.b_at)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_NE(status.message().find("SendBatch"), absl::string_view::npos) << status;
  EXPECT_EQ(two.a.TrySendSegments("abc", 1, two.b_at).status(), status);
  EXPECT_EQ(sends.hits(), 0);
}

TEST_F(DatagramBatchTest, ASegmentHasASize) {
  UdpSocket socket = Bind();
  for (size_t segment : {size_t{0}, size_t{65'536}}) {
    EXPECT_EQ(socket.TrySendSegments("abc", segment).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(loop_.Run(socket.SendSegments("abc", segment)).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace kioto::net
