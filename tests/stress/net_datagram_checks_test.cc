// Datagrams of all sizes by the million, and sockets that are closed while errors wait in them: D15 (README.md).
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "kioto/net/address.h"
#include "kioto/net/datagram_batch.h"
#include "kioto/net/udp_socket.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/testing/driven_loop.h"
#include "kioto/tests/stress/stress.h"

namespace kioto::net {
namespace {

class NetDatagramChecks : public testing::Test {
 protected:
  UdpSocket Bind() { return *loop_.Run(UdpSocket::Bind("127.0.0.1:0")); }

  DrivenLoop loop_;
};

// Datagram number `n`: its size is a matter of chance, and its bytes of both.
std::string Payload(uint32_t n, base::FastRandom& random) {
  constexpr size_t kSizes[] = {0, 1, 4, 63, 64, 65, 1'400};
  return std::string(kSizes[random.Below(7)], static_cast<char>('a' + n % 26));
}

// As many as one call may carry, or fewer, received by as many as one call may bring, or fewer, into memory that some are too long
// for: each comes once, in its order, with its own size or cut.
// check: D15
TEST_F(NetDatagramChecks, AMillionOfAllSizesComeOnceWholeOrCut) {
  constexpr size_t kLongest = 64;
  const auto datagrams = static_cast<uint32_t>(Scaled(1'000'000));
  UdpSocket to = Bind();
  UdpSocket from = Bind();
  const SocketAddress address = *to.local_address(), sender = *from.local_address();
  base::FastRandom random(15);
  uint32_t next = 0, cut = 0, empty = 0;
  std::vector<std::string> payloads;
  while (next < datagrams) {
    payloads.clear();
    std::vector<UdpSocket::Outgoing> out;
    for (uint32_t count = 1 + random.Below(kMostInBatch); count > 0; --count) {
      payloads.push_back(Payload(next + static_cast<uint32_t>(payloads.size()), random));
    }
    for (const std::string& payload : payloads) out.push_back({payload, address});
    for (absl::Span<const UdpSocket::Outgoing> left = out; !left.empty();) {
      const StatusOr<size_t> sent = loop_.Run(from.SendBatch(left));
      ASSERT_TRUE(sent.ok()) << sent.status();
      left.remove_prefix(*sent);
    }
    for (size_t got = 0; got < payloads.size();) {
      UdpBatch batch(1 + random.Below(kMostInBatch), kLongest);
      const size_t count = *loop_.Run(to.RecvBatch(batch));
      ASSERT_GT(count, 0u);
      for (size_t i = 0; i < count; ++i) {
        const std::string& expected = payloads[got++];
        ASSERT_EQ(batch[i].bytes(), absl::string_view(expected).substr(0, kLongest));
        ASSERT_EQ(batch[i].cut, expected.size() > kLongest);
        ASSERT_EQ(batch[i].from, sender);
        cut += batch[i].cut;
        empty += expected.empty();
      }
    }
    next += static_cast<uint32_t>(payloads.size());
  }
  std::printf("%u datagrams, %u of them cut and %u empty\n", next, cut, empty);
  EXPECT_GT(cut, 0u);
  EXPECT_GT(empty, 0u);
}

// More than the socket holds: what is too much is dropped by the kernel, and the rest comes in its order.
// check: D15
TEST_F(NetDatagramChecks, AFloodKeepsItsOrder) {
  const int floods = Scaled(100);
  constexpr uint32_t kFlood = 2'000;
  UdpSocket to = Bind();
  EXPECT_EQ(to.SetReceiveBufferSize(64 << 10), OkStatus());
  UdpSocket from = Bind();
  const SocketAddress address = *to.local_address();
  uint32_t number = 0, received = 0;
  std::optional<uint32_t> last;
  for (int flood = 0; flood < floods; ++flood) {
    for (uint32_t i = 0; i < kFlood; ++i, ++number) {
      char bytes[4];
      std::memcpy(bytes, &number, sizeof(bytes));
      ASSERT_EQ(*loop_.Run(from.SendTo(absl::string_view(bytes, sizeof(bytes)), address)), sizeof(bytes));
    }
    char bytes[8];
    ASSERT_TRUE(loop_.Run(to.Readable()).ok());
    while (true) {
      const StatusOr<size_t> size = to.TryRecv(absl::MakeSpan(bytes));
      if (IsEmpty(size.status())) break;
      ASSERT_EQ(*size, sizeof(number));
      uint32_t got;
      std::memcpy(&got, bytes, sizeof(got));
      ASSERT_TRUE(!last.has_value() || got > *last);
      last = got;
      ++received;
    }
  }
  std::printf("%u of %u datagrams came\n", received, number);
  EXPECT_GT(received, 0u);
  EXPECT_LT(received, number) << "that was no flood";
}

// Nobody listens, the kernel says so, and the socket is closed at the poll that hears of it, with more errors in its queue; or is
// closed without having heard.
// check: D15
TEST_F(NetDatagramChecks, TenThousandAreClosedWithErrorsInTheirQueues) {
  const int closes = Scaled(10'000);
  // Somebody who goes on: no event of a closed socket may reach it.
  UdpSocket bystander = Bind();
  PolledTask waits(bystander.Readable());
  ASSERT_TRUE(waits.Poll().pending());
  // A port that refuses: it is bound, so nobody else gets it, and hears its peer alone.
  UdpSocket refuses = Bind();
  ASSERT_EQ(loop_.Run(refuses.Connect(*bystander.local_address())), OkStatus());
  const SocketAddress nowhere = *refuses.local_address();
  const std::set<int> before = OpenFdSet();
  int heard = 0;
  for (int i = 0; i < closes; ++i) {
    std::optional<UdpSocket> socket(Bind());
    ASSERT_EQ(loop_.Run(socket->Connect(nowhere)), OkStatus());
    const int on = 1;
    ASSERT_EQ(::setsockopt(socket->fd(), IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
    char byte;
    PolledTask receive(socket->Recv(MutableBytes(&byte, 1)));
    ASSERT_TRUE(receive.Poll().pending());
    // Each is answered by an error, which a call of sending may have, too: then it has sent nothing.
    for (int n = 0; n < 3; ++n) (void)socket->TrySend("x");
    if (i % 2 == 0) {
      ASSERT_TRUE(loop_.Await([&] { return receive.is_woken(); }));
      auto poll = receive.PollWhileWoken();
      if (poll.ready()) {
        EXPECT_EQ(ErrnoOf(poll->status()), ECONNREFUSED) << poll->status();
        ++heard;
      }
    }
    receive.Drop();
    socket.reset();
  }
  std::printf("%d closed, %d of them when they had heard of an error\n", closes, heard);
  EXPECT_GT(heard, 0);
  EXPECT_EQ(waits.wakes(), 0);
  EXPECT_EQ(OpenFdSet(), before);
}

}  // namespace
}  // namespace kioto::net
