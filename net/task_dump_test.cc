// What a dump shows of a server: names, limits, sockets and channels, down to the fd.
#include "kioto/runtime/task/task_dump.h"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/datagram_framed.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/udp_socket.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/copy_bidirectional.h"
#include "kioto/runtime/io/testing/driven_loop.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/until.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto::net {
namespace {

// The tree of that task, once it waits; "left" times are cut off.
std::vector<std::string> TreeOf(const Runtime& runtime, uint64_t id) {
  for (;;) {
    const RuntimeDump dump = runtime.Dump();
    for (const TaskDump& task : dump.tasks) {
      if (task.id != id || task.state != TaskDump::State::kWaiting) continue;
      std::vector<std::string> lines;
      for (const WaitNode& node : task.waits) lines.push_back(absl::StrCat(node.depth, " ", node.what.substr(0, node.what.find(", "))));
      return lines;
    }
    std::this_thread::yield();
  }
}

// behaviour: kioto/runtime/task/task_dump.h#sockets_timers_and_channels
TEST(TaskDumpTest, SocketsTimersAndChannels) {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  StatusOr<TcpListener> listener = runtime->BlockOn(TcpListener::Bind("127.0.0.1:0"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  const std::string address = listener->local_address()->ToString();
  StatusOr<TcpStream> client = runtime->BlockOn(TcpStream::Connect(address));
  ASSERT_TRUE(client.ok()) << client.status();
  const std::string resource = absl::StrCat("TcpStream fd ", client->fd(), " ", address);

  auto channel = sync::Mpsc<int>(4);
  CancellationToken stop;
  auto reader = runtime->Spawn(With(*std::move(client), Buffer(64), std::move(channel.receiver),
                                    [](TcpStream& s, Buffer& buf, auto& inbox) {
                                      return Select(Case(Timeout(std::chrono::hours(1), s.Read(buf)).Named("request")),
                                                    Case(inbox.Recv().Map([](auto&) { return StatusOr<size_t>(0); })));
                                    }));
  EXPECT_EQ(TreeOf(*runtime, reader.id()), (std::vector<std::string>{"0 Select", "1 \"request\"", "2 Timeout", "3 Read",
                                                                     absl::StrCat("4 ", resource), "1 mpsc::Recv"}));
  auto sleeper = runtime->Spawn(Until(stop, Sleep(std::chrono::hours(1)).Then([] { return OkStatus(); })));
  EXPECT_EQ(TreeOf(*runtime, sleeper.id()), (std::vector<std::string>{"0 Until a CancellationToken", "1 Sleep"}));
  auto accepts = runtime->Spawn(With(*std::move(listener), [](TcpListener& l) {
    return Loop([&l] { return l.Accept().Then([](StatusOr<TcpStream>&) { return Continue(); }); });
  }));
  const std::vector<std::string> accepting = TreeOf(*runtime, accepts.id());
  ASSERT_EQ(accepting.size(), 2u);
  EXPECT_EQ(accepting[0], "0 Accept");
  EXPECT_EQ(accepting[1].substr(0, 17), "1 TcpListener fd ");
  EXPECT_TRUE(runtime->Shutdown().clean());
}

// What a future that waits says of itself, depth before each line.
template <class F>
std::vector<std::string> Described(const F& future) {
  WaitTrace trace(16);
  trace.Child(future);
  std::vector<std::string> lines;
  for (const WaitNode& node : trace.Take()) lines.push_back(absl::StrCat(node.depth, " ", node.what));
  return lines;
}
std::vector<std::string> Tree(const char* first, const std::string& second) {
  return {absl::StrCat("0 ", first), absl::StrCat("1 ", second)};
}

TEST(DescribeTest, UdpShowsThePeerOrElseItself) {
  DrivenLoop loop;
  UdpSocket socket = *loop.Run(UdpSocket::Bind("127.0.0.1:0"));
  UdpSocket peer = *loop.Run(UdpSocket::Bind("127.0.0.1:0"));
  char buf[4];
  const std::string itself = absl::StrCat("UdpSocket fd ", socket.fd(), " ", socket.local_address()->ToString());
  EXPECT_EQ(Described(socket.RecvFrom(buf)), Tree("RecvFrom", itself));
  EXPECT_EQ(Described(socket.SendTo("x", *peer.local_address())), Tree("SendTo", itself));
  EXPECT_EQ(Described(socket.Readable()), Tree("Readable", itself));
  EXPECT_EQ(Described(socket.Ready()), Tree("Ready", itself));
  EXPECT_EQ(Described(socket.SendSegments("x", 1)), Tree("SendSegments", itself));
  EXPECT_EQ(Described(socket.AsyncIo(Interest::kReadable, [] { return OkStatus(); })), Tree("AsyncIo", itself));
  EXPECT_EQ(loop.Run(socket.Connect(*peer.local_address())), OkStatus());
  const std::string connected = absl::StrCat("UdpSocket fd ", socket.fd(), " ", peer.local_address()->ToString());
  EXPECT_EQ(Described(socket.Recv(buf)), Tree("Recv", connected));
  EXPECT_EQ(Described(DatagramFramed(std::make_shared<UdpSocket>(std::move(peer)), io::LinesCodec())).size(), 2u);
  EXPECT_EQ(Described(DatagramFramed(std::move(socket), io::LinesCodec())), Tree("DatagramFramed", connected));
}

TEST(DescribeTest, StreamsShowThePeer) {
  DrivenLoop loop;
  TcpListener listener = *loop.Run(TcpListener::Bind("127.0.0.1:0"));
  TcpStream client = *loop.Run(TcpStream::Connect(*listener.local_address()));
  const std::string peer = absl::StrCat("TcpStream fd ", client.fd(), " ", listener.local_address()->ToString());
  EXPECT_EQ(Described(client.Readable()), Tree("Readable", peer));
  EXPECT_EQ(Described(client.Writable()), Tree("Writable", peer));
  EXPECT_EQ(Described(client.Ready()), Tree("Ready", peer));
  EXPECT_EQ(Described(client.AsyncIo(Interest::kReadable, [] { return OkStatus(); })), Tree("AsyncIo", peer));
}

// At its end at once, and never shut down.
struct NeverShut {
  Poll<StatusOr<size_t>> PollRead(Context&, MutableBytes) { return StatusOr<size_t>(0); }
  Poll<StatusOr<size_t>> PollWrite(Context&, absl::string_view bytes) { return StatusOr<size_t>(bytes.size()); }
  Poll<Status> PollShutdown(Context&) { return kPending; }
  void Describe(WaitTrace& trace) const { trace.Leaf("NeverShut"); }
};

TEST(DescribeTest, ACopyShowsTheSocketsOfEachWay) {
  DrivenLoop loop;
  UnixStream::Ends client = *UnixStream::Pair(), server = *UnixStream::Pair();
  UnixStream &a = client.second, &b = server.first;
  const std::string at_a = absl::StrCat("2 UnixStream fd ", a.fd(), " (unnamed)");
  const std::string at_b = absl::StrCat("2 UnixStream fd ", b.fd(), " (unnamed)");
  auto both = io::CopyBidirectional(a, b);
  PolledTask copier(ByRef(both));
  EXPECT_TRUE(copier.Poll().pending());
  EXPECT_EQ(Described(both), (std::vector<std::string>{"0 CopyBidirectional", "1 Copy", at_a, at_b, "1 Copy", at_b, at_a}));
  EXPECT_EQ(loop.Run(client.first.Shutdown()), OkStatus());
  loop.Await([&] { return copier.wakes() > 0; });
  EXPECT_TRUE(copier.Poll().pending());
  EXPECT_EQ(Described(both), (std::vector<std::string>{"0 CopyBidirectional", "1 Copy", at_b, at_a}));
}

TEST(DescribeTest, ACopyShowsWhatItShutsDown) {
  DrivenLoop loop;
  UnixStream::Ends client = *UnixStream::Pair();
  EXPECT_EQ(loop.Run(client.first.Shutdown()), OkStatus());
  NeverShut server;
  auto both = io::CopyBidirectional(client.second, server);
  EXPECT_TRUE(PolledTask(ByRef(both)).Poll().pending());
  EXPECT_EQ(Described(both), (std::vector<std::string>{"0 CopyBidirectional", "1 Shutdown", "2 NeverShut"}));
}

TEST(DescribeTest, UnixSocketsShowTheirPath) {
  DrivenLoop loop;
  const UnixAddress at = *UnixAddress::Abstract(absl::StrCat("kioto-dump-", std::random_device()()));
  UnixListener listener = *UnixListener::Bind(at);
  const std::string listening = absl::StrCat("UnixListener fd ", listener.fd(), " ", at.ToString());
  EXPECT_EQ(Described(listener.Accept()), Tree("Accept", listening));
  EXPECT_EQ(Described(listener.Incoming()), Tree("Accept", listening));
  const UnixAddress of_datagrams = *UnixAddress::Abstract(absl::StrCat("kioto-dump-datagrams-", std::random_device()()));
  UnixDatagram socket = *UnixDatagram::Bind(of_datagrams);
  char buf[4];
  EXPECT_EQ(Described(socket.Recv(buf)),
            Tree("Recv", absl::StrCat("UnixDatagram fd ", socket.fd(), " ", of_datagrams.ToString())));
}

}  // namespace
}  // namespace kioto::net
