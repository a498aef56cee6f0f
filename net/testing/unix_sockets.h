// What the tests of Unix sockets share.
#ifndef KIOTO_NET_TESTING_UNIX_SOCKETS_H_
#define KIOTO_NET_TESTING_UNIX_SOCKETS_H_

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::net {

// A loop, and paths of sockets that go with the test.
class UnixTest : public testing::Test {
 protected:
  ~UnixTest() override {
    for (const std::string& path : paths_) ::unlink(path.c_str());
    ::rmdir(dir_.c_str());
  }
  std::string NewPath() {
    paths_.push_back(absl::StrCat(dir_, "/", paths_.size()));
    return paths_.back();
  }
  UnixListener Listen(const UnixEndpoint& at) {
    StatusOr<UnixListener> listener = UnixListener::Bind(at);
    EXPECT_TRUE(listener.ok()) << listener.status();
    return *std::move(listener);
  }
  UnixStream::Ends Pair() { return *UnixStream::Pair(); }
  UnixDatagram Bind(const UnixEndpoint& at) {
    StatusOr<UnixDatagram> socket = UnixDatagram::Bind(at);
    EXPECT_TRUE(socket.ok()) << socket.status();
    return *std::move(socket);
  }
  template <class Fn>
  auto RunPolls(Fn poll) {
    return loop_.Run(PollFn(std::move(poll)));
  }
  std::string Got(size_t n) { return std::string(buf_, n); }

  DrivenLoop loop_;
  char buf_[64] = {};

 private:
  // TEST_TMPDIR may be longer than an address.
  static std::string NewDir() {
    std::string dir = "/tmp/kioto-XXXXXX";
    EXPECT_NE(::mkdtemp(&dir[0]), nullptr);
    return dir;
  }

  const std::string dir_ = NewDir();
  std::vector<std::string> paths_;
};

// Binds a plain socket, of which nothing of Kioto knows.
inline int PlainSocket(int type, const std::string& path) {
  const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  sockaddr_storage storage;
  const size_t size = UnixAddress::Path(path)->ToSockaddr(&storage);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&storage), static_cast<socklen_t>(size)), 0);
  return fd;
}

}  // namespace kioto::net

#endif  // KIOTO_NET_TESTING_UNIX_SOCKETS_H_
