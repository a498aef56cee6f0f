// The row of datagrams.
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kioto/net/address.h"
#include "kioto/net/datagram_socket.h"
#include "kioto/net/udp_socket.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/time/timeout.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

using namespace std::chrono_literals;

constexpr size_t kDatagram = 64;

auto EchoDatagrams(net::UdpSocket socket) {
  return With(std::move(socket), Buffer(2048), [](net::UdpSocket& socket, Buffer& buffer) {
    return Loop([&] {
      return socket.RecvFrom(buffer)
          .AndThen([&](net::UdpSocket::Received& got) { return socket.SendTo(buffer.first(got.size), got.from); })
          .AndThen([](size_t& sent) { Check(sent == kDatagram, "the size of a datagram"); });
    });
  });
}

struct DatagramClient {
  net::UdpSocket socket;
  std::string request;
  Buffer reply;
  size_t left;

  auto Exchange() {
    return socket.Send(request)
        .AndThen([this](size_t&) { return socket.Recv(reply); })
        .AndThen([this](size_t& n) -> Flow<> {
          Check(reply.first(n) == request, "an echo");
          return --left > 0 ? Flow<>(Continue()) : Flow<>(Break());
        });
  }
  auto Run(const net::SocketAddress& server) {
    return socket.Connect(server).AndThen([this] { return Loop([this] { return Exchange(); }); });
  }
};

auto ExchangeDatagrams(net::SocketAddress server, size_t exchanges) {
  return net::UdpSocket::Bind("127.0.0.1:0").AndThen([server, exchanges](net::UdpSocket& socket) {
    return With(DatagramClient{std::move(socket), std::string(kDatagram, 7), Buffer(2048), exchanges},
                [server](DatagramClient& client) { return client.Run(server); });
  });
}

// Closed-loop exchanges over loopback of 64 clients and one server, each of which has a socket and a task.
void UdpEcho(Bench& bench) {
  const size_t clients = bench.Size(64);
  const size_t exchanges = bench.Times(3'000);
  StatusOr<net::UdpSocket> socket = bench.runtime.BlockOn(net::UdpSocket::Bind("127.0.0.1:0"));
  Check(socket.ok(), "a socket");
  const net::SocketAddress server = *socket->local_address();
  auto echoing = bench.runtime.Spawn(EchoDatagrams(*std::move(socket)));
  const auto start = Clock::now();
  using Handle = decltype(bench.runtime.Spawn(ExchangeDatagrams(server, exchanges)));
  const Status ended = bench.runtime.BlockOn([=] {
    std::vector<Handle> handles;
    for (size_t i = 0; i < clients; ++i) handles.push_back(Spawn(ExchangeDatagrams(server, exchanges)));
    return Timeout(60s, AwaitEach(std::move(handles)));  // a datagram that is lost has no reply
  });
  Check(ended.ok(), "datagrams");
  bench.Report(clients * exchanges, Clock::now() - start);
  echoing.Abort();
}

}  // namespace

const Row kDatagramRows[] = {
    {"udp_echo", UdpEcho},
    {nullptr, nullptr},
};

}  // namespace kioto::bench
