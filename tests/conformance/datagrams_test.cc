// UDP on every flavour: one socket between tasks, and what Handle::BlockOn does with it.
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/udp_socket.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/mpsc.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto {
namespace {

using net::UdpDatagram;
using net::UdpSocket;

class DatagramsTest : public FlavourTest {
 protected:
  UdpSocket Bind() { return *runtime().BlockOn(UdpSocket::Bind("127.0.0.1:0")); }
  std::shared_ptr<UdpSocket> Shared() { return std::make_shared<UdpSocket>(Bind()); }
  // Sends one, and gives what comes back.
  std::string Ask(UdpSocket& client, net::SocketAddress server) {
    StatusOr<UdpDatagram> answer = runtime().BlockOn(client.SendTo("hello", server).AndThen([&](size_t&) {
      return client.RecvDatagram();
    }));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer->bytes;
  }
};
ON_EVERY_FLAVOUR(DatagramsTest);

// behaviour: tokio/tests/udp.rs#split
TEST_P(DatagramsTest, OneOwnerSendsAndTheOtherReceives) {
  std::shared_ptr<UdpSocket> socket = Shared();
  const net::SocketAddress at = *socket->local_address();
  auto got = runtime().BlockOn([&] {
    auto sent = Spawn(With(socket, [at](std::shared_ptr<UdpSocket>& s) { return s->SendTo("hello", at); }));
    return TryJoin(socket->RecvDatagram(), std::move(sent));
  });
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(std::get<0>(*got).bytes, "hello");
}

// behaviour: tokio/tests/udp.rs#split_chan
TEST_P(DatagramsTest, AReceivingAndASendingTaskMakeAnEcho) {
  std::shared_ptr<UdpSocket> server = Shared();
  const net::SocketAddress at = *server->local_address();
  EnterGuard guard = runtime().Enter();
  auto channel = sync::Mpsc<UdpDatagram>(4);
  auto receiving = Spawn(With(server, std::move(channel.sender), [](auto& socket, auto& sender) {
    return Loop([&] {
      return socket->RecvDatagram().AndThen([&](UdpDatagram& got) { return sender.Send(std::move(got)); });
    });
  }));
  Spawn(With(server, std::move(channel.receiver), [](auto& socket, auto& receiver) {
    return ForEach(ByRef(receiver), [&](UdpDatagram& got) {
      return socket->SendTo(std::move(got.bytes), got.from).Map([](StatusOr<size_t>& n) { return n.status(); });
    });
  })).Detach();
  UdpSocket client = Bind();
  EXPECT_EQ(Ask(client, at), "hello");
  receiving.Abort();
}

// behaviour: tokio/tests/udp.rs#split_chan_poll
TEST_P(DatagramsTest, AReceivingAndASendingTaskMakeAnEchoByPolls) {
  std::shared_ptr<UdpSocket> server = Shared();
  const net::SocketAddress at = *server->local_address();
  EnterGuard guard = runtime().Enter();
  auto channel = sync::Mpsc<UdpDatagram>(4);
  struct Receiving {
    std::shared_ptr<UdpSocket> socket;
    sync::MpscSender<UdpDatagram> sender;
    char buf[64];
  };
  auto receiving = Spawn(With(Receiving{server, std::move(channel.sender), {}}, [](Receiving& r) {
    return PollFn([&r](Context& cx) -> Poll<Status> {
      while (true) {
        auto got = r.socket->PollRecvFrom(cx, r.buf);
        if (got.pending()) return kPending;
        if (!got->ok()) return got->status();
        EXPECT_TRUE(r.sender.TrySend(UdpDatagram{std::string(r.buf, (*got)->size), (*got)->from, false}).ok());
      }
    });
  }));
  Spawn(With(server, std::move(channel.receiver), [](auto& socket, auto& receiver) {
    return ForEach(ByRef(receiver), [&](UdpDatagram& got) {
      return PollFn([&](Context& cx) -> Poll<Status> {
        auto sent = socket->PollSendTo(cx, got.bytes, got.from);
        if (sent.pending()) return kPending;
        return sent->status();
      });
    });
  })).Detach();
  UdpSocket client = Bind();
  EXPECT_EQ(Ask(client, at), "hello");
  receiving.Abort();
}

TEST_P(DatagramsTest, ATaskAnswersBatchByBatch) {
  std::shared_ptr<UdpSocket> server = Shared();
  const net::SocketAddress at = *server->local_address();
  EnterGuard guard = runtime().Enter();
  auto answering = Spawn(With(server, net::UdpBatch(8, 64), [](auto& socket, net::UdpBatch& batch) {
    return Loop([&] {
      return socket->RecvBatch(batch)
          .AndThen([&](size_t& count) {
            std::vector<UdpSocket::Outgoing> answers;
            for (size_t i = 0; i < count; ++i) answers.push_back({batch[i].bytes(), batch[i].from});
            return socket->SendBatch(std::move(answers));
          })
          .Map([](StatusOr<size_t>& n) { return n.status(); });
    });
  }));
  UdpSocket client = Bind();
  const UdpSocket::Outgoing questions[] = {{"one", at}, {"two", at}, {"three", at}};
  EXPECT_EQ(*runtime().BlockOn(client.SendBatch(questions)), 3u);
  for (const UdpSocket::Outgoing& question : questions) {
    EXPECT_EQ(runtime().BlockOn(client.RecvDatagram())->bytes, question.bytes);
  }
  answering.Abort();
}

// behaviour: tokio/tests/rt_handle_block_on.rs#udp_socket_bind
TEST_P(DatagramsTest, AHandleBinds) {
  const StatusOr<UdpSocket> socket = runtime().handle().BlockOn(UdpSocket::Bind("127.0.0.1:0"));
  EXPECT_TRUE(socket.ok()) << socket.status();
}

// behaviour: tokio/tests/rt_handle_block_on.rs#udp_stream_bind_after_shutdown
TEST_P(DatagramsTest, AHandleBindsNotAfterTheEnd) {
  const Handle handle = runtime().handle();
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(IsShutdown(handle.BlockOn(UdpSocket::Bind("127.0.0.1:0")).status()));
}

// behaviour: tokio/tests/rt_handle_block_on.rs#udp_stream_bind_before_shutdown
TEST_P(DatagramsTest, AHandleBindsNotWhatWasMadeBeforeTheEnd) {
  const Handle handle = runtime().handle();
  auto bind = UdpSocket::Bind("127.0.0.1:0");
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(IsShutdown(handle.BlockOn(std::move(bind)).status()));
}

}  // namespace
}  // namespace kioto
