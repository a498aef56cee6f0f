// A connection that a runtime echoes, and how long its exchanges take.
#ifndef KIOTO_TESTS_STRESS_ECHO_H_
#define KIOTO_TESTS_STRESS_ECHO_H_

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {

inline auto Echo(net::TcpStream stream) {
  return With(std::move(stream), Buffer(64), [](net::TcpStream& s, Buffer& buf) {
    return Loop([&] {
      return s.Read(buf).AndThen([&](size_t& n) { return If(n == 0, Break, [&] { return s.WriteAll(buf.first(n)); }); });
    });
  });
}

class EchoedConnection {
 public:
  explicit EchoedConnection(const Runtime& runtime) : made_(Connect()) {
    runtime.Spawn(Echo(*net::TcpStream::FromFd(made_.server))).Detach();
  }
  EchoedConnection(const EchoedConnection&) = delete;
  ~EchoedConnection() { ::close(made_.client); }

  // Once there and back, from a thread that may block.
  void Exchange() {
    const int64_t start = base::MonotonicNanos();
    EXPECT_TRUE(ExchangeByte(made_.client));
    took_.push_back(base::MonotonicNanos() - start);
  }
  int64_t p99() {
    std::sort(took_.begin(), took_.end());
    return took_[took_.size() * 99 / 100];
  }
  int64_t longest() const { return *std::max_element(took_.begin(), took_.end()); }

 private:
  Connection made_;
  std::vector<int64_t> took_;
};

}  // namespace kioto

#endif  // KIOTO_TESTS_STRESS_ECHO_H_
