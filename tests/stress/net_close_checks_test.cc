// Whoever hears of an event may close what it is of, the other end, the listener, or everything: D17 (README.md).
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/net/udp_socket.h"
#include "kioto/net/unix_address.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/unix_pipe.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/echo.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;
using net::TcpListener;
using net::TcpStream;
using net::UdpSocket;
using net::UnixAddress;
using net::UnixDatagram;
using net::UnixListener;
using net::UnixStream;

// Both ends of each kind of connection, and what accepts them.
struct Handles {
  void CloseEverything() {
    tcp.reset();
    tcp_peer.reset();
    unix_stream.reset();
    unix_peer.reset();
    datagrams.reset();
    datagrams_peer.reset();
    udp.reset();
    udp_peer.reset();
    pipe.reset();
    pipe_peer.reset();
    CloseListeners();
  }
  void CloseListeners() {
    listener.reset();
    unix_listener.reset();
  }
  // Makes again what was closed.
  void Open(Runtime& runtime);

  std::optional<TcpListener> listener;
  std::optional<UnixListener> unix_listener;
  std::optional<TcpStream> tcp, tcp_peer;
  std::optional<UnixStream> unix_stream, unix_peer;
  std::optional<UnixDatagram> datagrams, datagrams_peer;
  std::optional<UdpSocket> udp, udp_peer;
  std::optional<io::PipeReceiver> pipe;
  std::optional<io::PipeSender> pipe_peer;
};

// One for each listener: the last one's fd may be closed a little later than the listener.
UnixAddress NewName() {
  static const unsigned mine = std::random_device()();
  static int names = 0;
  return *UnixAddress::Abstract(absl::StrCat("kioto-close-", mine, "-", ++names));
}

void Handles::Open(Runtime& runtime) {
  if (!listener) listener.emplace(*runtime.BlockOn(TcpListener::Bind("127.0.0.1:0")));
  if (!unix_listener) unix_listener.emplace(*runtime.BlockOn([] { return UnixListener::Bind(NewName()); }));
  if (!tcp || !tcp_peer) {
    const Connection made = Connect();
    tcp.emplace(*TcpStream::FromFd(made.server));
    tcp_peer.emplace(*TcpStream::FromFd(made.client));
  }
  if (!unix_stream || !unix_peer) {
    UnixStream::Ends ends = *UnixStream::Pair();
    unix_stream.emplace(std::move(ends.first));
    unix_peer.emplace(std::move(ends.second));
  }
  if (!datagrams || !datagrams_peer) {
    UnixDatagram::Ends ends = *UnixDatagram::Pair();
    datagrams.emplace(std::move(ends.first));
    datagrams_peer.emplace(std::move(ends.second));
  }
  if (!udp || !udp_peer) {
    udp.emplace(*runtime.BlockOn(UdpSocket::Bind("127.0.0.1:0")));
    udp_peer.emplace(*runtime.BlockOn(UdpSocket::Bind("127.0.0.1:0")));
  }
  if (!pipe || !pipe_peer) {
    auto ends = *io::UnixPipe();
    pipe.emplace(std::move(ends.receiver));
    pipe_peer.emplace(std::move(ends.sender));
  }
}

// What is waited for; what makes it come; and what closes who hears of it, and who made it.
struct Event {
  const char* name;
  Future<Unit> (*waits)(Handles& all, char& byte);
  void (*comes)(Handles& all);
  void (*close_self)(Handles& all);
  void (*close_peer)(Handles& all);
};

template <class F>
Future<Unit> Heard(F future) {
  return std::move(future).Then([](auto&) {}).Boxed();
}
MutableBytes Into(char& byte) { return MutableBytes(&byte, 1); }

// A plain client that comes and goes.
void Knock(const UnixAddress& address) {
  sockaddr_storage storage;
  const size_t size = address.ToSockaddr(&storage);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&storage), static_cast<socklen_t>(size)), 0);
  ::close(fd);
}

const Event kEvents[] = {
    {"TCP has bytes", [](Handles& all, char& byte) { return Heard(all.tcp->Read(Into(byte))); },
     [](Handles& all) { EXPECT_TRUE(all.tcp_peer->TryWrite("x").ok()); },
     [](Handles& all) { all.tcp.reset(); }, [](Handles& all) { all.tcp_peer.reset(); }},
    {"TCP is readable", [](Handles& all, char&) { return Heard(all.tcp->Readable()); },
     [](Handles& all) { EXPECT_TRUE(all.tcp_peer->TryWrite("x").ok()); },
     [](Handles& all) { all.tcp.reset(); }, [](Handles& all) { all.tcp_peer.reset(); }},
    {"TCP is peeked at", [](Handles& all, char& byte) { return Heard(all.tcp->Peek(Into(byte))); },
     [](Handles& all) { EXPECT_TRUE(all.tcp_peer->TryWrite("x").ok()); },
     [](Handles& all) { all.tcp.reset(); }, [](Handles& all) { all.tcp_peer.reset(); }},
    {"TCP has ended", [](Handles& all, char& byte) { return Heard(all.tcp->Read(Into(byte))); },
     [](Handles& all) { EXPECT_EQ(::shutdown(all.tcp_peer->fd(), SHUT_WR), 0); },
     [](Handles& all) { all.tcp.reset(); }, [](Handles& all) { all.tcp_peer.reset(); }},
    {"TCP was reset", [](Handles& all, char& byte) { return Heard(all.tcp->Read(Into(byte))); },
     [](Handles& all) { all.tcp_peer.reset(); },
     [](Handles& all) { all.tcp.reset(); }, [](Handles& all) { all.tcp_peer.reset(); }},
    {"TCP is writable", [](Handles& all, char&) { return Heard(all.tcp->Writable()); },
     [](Handles&) {},
     [](Handles& all) { all.tcp.reset(); }, [](Handles& all) { all.tcp_peer.reset(); }},
    {"TCP accepts", [](Handles& all, char&) { return Heard(all.listener->Accept()); },
     [](Handles& all) { net::BlockingSocket(*all.listener->local_address()).Reset(); },
     [](Handles& all) { all.tcp.reset(); }, [](Handles& all) { all.tcp_peer.reset(); }},
    {"a Unix stream has bytes", [](Handles& all, char& byte) { return Heard(all.unix_stream->Read(Into(byte))); },
     [](Handles& all) { EXPECT_TRUE(all.unix_peer->TryWrite("x").ok()); },
     [](Handles& all) { all.unix_stream.reset(); }, [](Handles& all) { all.unix_peer.reset(); }},
    {"a Unix stream has ended", [](Handles& all, char& byte) { return Heard(all.unix_stream->Read(Into(byte))); },
     [](Handles& all) { all.unix_peer.reset(); },
     [](Handles& all) { all.unix_stream.reset(); }, [](Handles& all) { all.unix_peer.reset(); }},
    {"a Unix listener accepts", [](Handles& all, char&) { return Heard(all.unix_listener->Accept()); },
     [](Handles& all) { Knock(*all.unix_listener->local_address()); },
     [](Handles& all) { all.unix_stream.reset(); }, [](Handles& all) { all.unix_peer.reset(); }},
    {"Unix datagrams come", [](Handles& all, char& byte) { return Heard(all.datagrams->Recv(Into(byte))); },
     [](Handles& all) { EXPECT_TRUE(all.datagrams_peer->TrySend("x").ok()); },
     [](Handles& all) { all.datagrams.reset(); }, [](Handles& all) { all.datagrams_peer.reset(); }},
    {"UDP comes", [](Handles& all, char& byte) { return Heard(all.udp->Recv(Into(byte))); },
     [](Handles& all) { EXPECT_TRUE(all.udp_peer->TrySendTo("x", *all.udp->local_address()).ok()); },
     [](Handles& all) { all.udp.reset(); }, [](Handles& all) { all.udp_peer.reset(); }},
    {"UDP is readable", [](Handles& all, char&) { return Heard(all.udp->Readable()); },
     [](Handles& all) { EXPECT_TRUE(all.udp_peer->TrySendTo("x", *all.udp->local_address()).ok()); },
     [](Handles& all) { all.udp.reset(); }, [](Handles& all) { all.udp_peer.reset(); }},
    {"a pipe has bytes", [](Handles& all, char& byte) { return Heard(io::Read(*all.pipe, Into(byte))); },
     [](Handles& all) { EXPECT_TRUE(all.pipe_peer->TryWrite("x").ok()); },
     [](Handles& all) { all.pipe.reset(); }, [](Handles& all) { all.pipe_peer.reset(); }},
    {"a pipe has ended", [](Handles& all, char& byte) { return Heard(io::Read(*all.pipe, Into(byte))); },
     [](Handles& all) { all.pipe_peer.reset(); },
     [](Handles& all) { all.pipe.reset(); }, [](Handles& all) { all.pipe_peer.reset(); }},
    {"time is over", [](Handles&, char&) { return Heard(time::Sleep(1us)); },
     [](Handles&) {},
     [](Handles& all) { all.tcp.reset(); }, [](Handles& all) { all.tcp_peer.reset(); }},
};

// What a step does that hears of `event`.
struct Cell {
  const char* name;
  void (*close)(const Event& event, Handles& all);
};
const Cell kCells[] = {
    {"itself", [](const Event& event, Handles& all) { event.close_self(all); }},
    {"its peer", [](const Event& event, Handles& all) { event.close_peer(all); }},
    {"the listeners", [](const Event&, Handles& all) { all.CloseListeners(); }},
    {"everything", [](const Event&, Handles& all) { all.CloseEverything(); }},
};

// A thousand times each, on a pool whose workers also serve somebody else, to whom none of it may happen.
// check: D17
TEST(NetCloseChecks, WhoHearsOfAnEventMayCloseWhatItLikes) {
  const std::set<int> before = OpenFdSet();
  const int rounds = Scaled(1'000);
  int cells = 0;
  {
    Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
    EchoedConnection bystander(runtime);
    Handles all;
    for (const Event& event : kEvents) {
      for (const Cell& cell : kCells) {
        SCOPED_TRACE(absl::StrCat(event.name, ", and closes ", cell.name));
        int closed = 0;
        for (int round = 0; round < rounds; ++round) {
          all.Open(runtime);
          char byte = 0;
          JoinHandle<Unit> task = runtime.Spawn(Lazy([&] {
            return JoinBiased(event.waits(all, byte).Then([&](Unit&) {
                                ++closed;
                                cell.close(event, all);
                              }),
                              Lazy([&] { event.comes(all); }))
                .Then([](auto&) {});
          }));
          ASSERT_TRUE(runtime.BlockOn(std::move(task)).ok());
          event.close_self(all);
          event.close_peer(all);
        }
        ASSERT_EQ(closed, rounds);
        bystander.Exchange();
        ++cells;
      }
    }
    all.CloseEverything();
  }
  std::printf("%d pairs of an event and what is closed then, %d times each\n", cells, rounds);
  EXPECT_GE(cells, 60);
  EXPECT_EQ(OpenFdSet(), before);
}

}  // namespace
}  // namespace kioto
