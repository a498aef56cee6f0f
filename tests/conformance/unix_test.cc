// Unix sockets and pipes in memory on every flavour: between tasks, and as the runtime ends.
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/unix_fds.h"
#include "kioto/net/unix_seqpacket.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/owned_fd.h"
#include "kioto/runtime/io/pipe.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT
using net::UnixAddress;
using net::UnixListener;
using net::UnixSeqpacket;
using net::UnixSeqpacketListener;
using net::UnixStream;

class UnixTest : public FlavourTest {
 protected:
  UnixListener Listen() {
    EnterGuard guard = runtime().Enter();
    StatusOr<UnixListener> listener = UnixListener::Bind(at_);
    EXPECT_TRUE(listener.ok()) << listener.status();
    return *std::move(listener);
  }
  const UnixAddress at_ = *UnixAddress::Abstract(absl::StrCat("kioto-flavour-", std::random_device()()));
};
ON_EVERY_FLAVOUR(UnixTest);

// behaviour: tokio/tests/rt_handle_block_on.rs#unix_listener_bind
TEST_P(UnixTest, AHandleWaitsForWhoNeverConnects) {
  UnixListener listener = Listen();
  EXPECT_TRUE(IsElapsed(runtime().handle().BlockOn(Timeout(10ms, listener.Accept())).status()));
}

// behaviour: tokio/tests/rt_handle_block_on.rs#unix_listener_bind_after_shutdown
TEST_P(UnixTest, AHandleBindsNotAfterTheEnd) {
  const Handle handle = runtime().handle();
  EXPECT_TRUE(runtime().Shutdown().clean());
  const Status status = handle.BlockOn(Lazy([this] { return Ready(UnixListener::Bind(at_).status()); }));
  EXPECT_TRUE(IsShutdown(status)) << status;
}

// behaviour: tokio/tests/rt_handle_block_on.rs#unix_listener_shutdown_after_bind
TEST_P(UnixTest, AHandleAcceptsNotAfterTheEnd) {
  UnixListener listener = Listen();
  const Handle handle = runtime().handle();
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(IsShutdown(handle.BlockOn(listener.Accept()).status()));
}

// behaviour: tokio/tests/rt_handle_block_on.rs#unix_listener_shutdown_after_accept
TEST_P(UnixTest, AnAcceptThatWasMadeBeforeEndsWithTheRuntime) {
  UnixListener listener = Listen();
  const Handle handle = runtime().handle();
  auto accept = listener.Accept();
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_TRUE(IsShutdown(handle.BlockOn(std::move(accept)).status()));
}

// behaviour: tokio/tests/io_mem_stream.rs#across_tasks
TEST_P(UnixTest, ADuplexPipeJoinsTwoTasks) {
  auto pipe = io::Duplex(32);
  auto says = [](io::DuplexStream stream, absl::string_view first, bool begins) {
    return With(std::move(stream), std::string(4, ' '), [first, begins](io::DuplexStream& s, std::string& buf) {
      auto read = [&s, &buf] { return io::ReadExact(s, MutableBytes(&buf[0], buf.size())); };
      auto write = [&s, first] { return io::WriteAll(s, first); };
      return If(begins, [read, write] { return write().AndThen(read); }, [read, write] { return read().AndThen(write); })
          .Map([&buf](Status& status) { return status.ok() ? StatusOr<std::string>(buf) : StatusOr<std::string>(status); });
    });
  };
  auto heard = runtime().BlockOn([&] {
    auto ping = Spawn(says(std::move(pipe.first), "ping", true));
    auto pong = Spawn(says(std::move(pipe.second), "pong", false));
    return TryJoin(std::move(ping), std::move(pong));
  });
  ASSERT_TRUE(heard.ok()) << heard.status();
  EXPECT_EQ(std::get<0>(*heard), "pong");
  EXPECT_EQ(std::get<1>(*heard), "ping");
}

// Says hello over the connection that came.
Future<Status> Greet(net::ReceivedWithFds& got) {
  if (got.fds.size() != 1) return Ready(Status(absl::DataLossError("no fd came")));
  StatusOr<UnixStream> stream = UnixStream::FromFd(got.fds[0].fd());
  if (!stream.ok()) return Ready(stream.status());
  (void)std::move(got.fds[0]).IntoFd();
  return With(*std::move(stream), [](UnixStream& s) { return s.WriteAll("hello"); });
}

TEST_P(UnixTest, AConnectionIsHandedToAnotherTask) {
  EnterGuard guard = runtime().Enter();
  UnixStream::Ends way = *UnixStream::Pair(), line = *UnixStream::Pair();
  OwnedFd handed(std::move(line.first).IntoFd());
  auto taking = Spawn(With(std::move(way.second), Buffer(16), [](UnixStream& s, Buffer& buf) {
    return s.ReadWithFds(buf).AndThen(Greet);
  }));
  auto giving = Spawn(With(std::move(way.first), std::move(handed), [](UnixStream& s, OwnedFd& fd) {
    return s.WriteAllWithFds("take it", std::move(fd));
  }));
  EXPECT_EQ(*runtime().BlockOn(line.second.ReadToEnd(100)), "hello");
  EXPECT_EQ(runtime().BlockOn(std::move(giving)), OkStatus());
  EXPECT_EQ(runtime().BlockOn(std::move(taking)), OkStatus());
}

TEST_P(UnixTest, ASeqpacketServerAnswersMessageByMessage) {
  EnterGuard guard = runtime().Enter();
  auto serving = Spawn(With(*UnixSeqpacketListener::Bind(at_), [](UnixSeqpacketListener& listener) {
    return ForEach(listener.Incoming(), [](UnixSeqpacket socket) {
      Spawn(With(std::move(socket), Buffer(64), [](UnixSeqpacket& s, Buffer& buf) {
        return Loop([&] {
          return s.Recv(buf).AndThen([&](net::ReceivedPacket& got) {
            return If(got.end, Break, [&] { return s.Send(buf.first(got.size)).AndThen([](size_t&) { return OkStatus(); }); });
          });
        });
      })).Detach();
    });
  }));
  char buf[64];
  for (int i = 0; i < 3; ++i) {
    UnixSeqpacket client = *runtime().BlockOn(UnixSeqpacket::Connect(at_));
    for (const std::string message : {"one", "", "another"}) {
      EXPECT_EQ(*runtime().BlockOn(client.Send(message)), message.size());
    }
    for (const std::string message : {"one", "", "another"}) {
      const net::ReceivedPacket got = *runtime().BlockOn(client.Recv(buf));
      EXPECT_FALSE(got.end);
      EXPECT_EQ(absl::string_view(buf, got.size), message);
    }
    EXPECT_EQ(client.Shutdown(SHUT_WR), OkStatus());
    EXPECT_TRUE(runtime().BlockOn(client.Recv(buf))->end);
  }
  serving.Abort();
  EXPECT_TRUE(kioto::IsAborted(runtime().BlockOn(std::move(serving))));
}

}  // namespace
}  // namespace kioto
