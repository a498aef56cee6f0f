// For tests of this folder: blocking client sockets as counterparts, and a connected pair of our own.
#ifndef KIOTO_NET_TESTING_SOCKETS_H_
#define KIOTO_NET_TESTING_SOCKETS_H_

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/testing/short_io.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::net {

// A plain blocking socket, of which nothing of Kioto knows.
class BlockingSocket {
 public:
  explicit BlockingSocket(const SocketAddress& to) : fd_(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage;
    const size_t size = to.ToSockaddr(&storage);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&storage), static_cast<socklen_t>(size)), 0);
    const timeval limit{10, 0};
    EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
  }
  BlockingSocket(BlockingSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~BlockingSocket() { Close(); }

  void Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  // Exactly so many bytes, or what came before the end. Fails the test when nothing comes for ten seconds.
  std::string Receive(size_t size) {
    std::string all(size, '\0');
    size_t done = 0;
    while (done < size) {
      const ssize_t n = ::recv(fd_, &all[done], size - done, 0);
      if (n < 0 && errno == EINTR) continue;  // with a limit of time the kernel does not begin it again by itself
      if (n < 0 && errno == EAGAIN) ADD_FAILURE() << "nothing came for ten seconds";
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
    all.resize(done);
    return all;
  }
  void ShutdownWrite() { EXPECT_EQ(::shutdown(fd_, SHUT_WR), 0); }
  // Closes with a reset instead of an end.
  void Reset() {
    linger value{1, 0};
    EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &value, sizeof(value)), 0);
    Close();
  }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Where streams are cut, the kernel holds little of what goes from one to the other: it is soon full, though by a few bytes at a time.
inline void UseSmallBuffersIfCut(int writes, int reads) {
  if (!StreamsAreCut()) return;
  const int to_send = 16 * 1024, received = 64 * 1024;  // as much as the peer has been told that there is room for
  EXPECT_EQ(::setsockopt(writes, SOL_SOCKET, SO_SNDBUF, &to_send, sizeof(to_send)), 0);
  EXPECT_EQ(::setsockopt(reads, SOL_SOCKET, SO_RCVBUF, &received, sizeof(received)), 0);
}

// A loop, a listener on loopback, and what it takes to get connections.
class TcpTest : public testing::Test {
 protected:
  TcpTest() : listener_(*loop_.Run(TcpListener::Bind("127.0.0.1:0"))), address_(*listener_.local_address()) {}

  // Our end, and the blocking one.
  std::pair<TcpStream, BlockingSocket> Accepted() {
    BlockingSocket client(address_);
    StatusOr<TcpStream> stream = loop_.Run(listener_.Accept());
    EXPECT_TRUE(stream.ok()) << stream.status();
    return {*std::move(stream), std::move(client)};
  }
  // Both ends ours.
  std::pair<TcpStream, TcpStream> Pair() {
    PolledTask connect(TcpStream::Connect(address_));
    PolledTask accept(listener_.Accept());
    StatusOr<TcpStream> client = loop_.Run(connect);
    EXPECT_TRUE(client.ok()) << client.status();
    return {*std::move(client), *loop_.Run(accept)};
  }

  DrivenLoop loop_;
  TcpListener listener_;
  SocketAddress address_;
};

}  // namespace kioto::net

#endif  // KIOTO_NET_TESTING_SOCKETS_H_
