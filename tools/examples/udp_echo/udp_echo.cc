// UDP echo: sends every datagram back to who sent it. Exits with 0 on Ctrl-C or SIGTERM.
//
//   bazel run //tools/examples/udp_echo        then:  socat - UDP:127.0.0.1:8080
#include <cstdio>

#include "kioto/net/udp_socket.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"

using namespace kioto;  // NOLINT: a program of one page

// [region udp_echo]
Future<Status> Echo(net::UdpSocket& socket) {
  return With(Buffer(net::kLongestDatagram), signal::Shutdown(), [&socket](Buffer& buf, signal::SignalFuture& shutdown) {
    return Loop([&] {
      return SelectBiased(  //
          Case(ByRef(shutdown), [] { return Break(); }),
          Case(socket.RecvFrom(buf).AndThen([&](net::ReceivedFrom<net::SocketAddress>& got) {
            // An error of one answer is its sender's: who sends from port 0 gets none, and ends no server.
            return socket.SendTo(buf.first(got.size), got.from).Map([](auto) { return OkStatus(); });
          })));
    });
  });
}
// [end udp_echo]

int main(int argc, char** argv) {
  const char* address = argc > 1 ? argv[1] : "127.0.0.1:8080";
  return Main([&] {
    return net::UdpSocket::Bind(address).AndThen([](net::UdpSocket& socket) {
      std::fprintf(stderr, "udp_echo: listening on %s\n", socket.local_address()->ToString().c_str());
      return Echo(socket);
    });
  });
}
