// The row of HTTP: a fixed reply to each GET.
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/if.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/io/buffer.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

constexpr absl::string_view kEndOfHead = "\r\n\r\n";
constexpr absl::string_view kReply = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\r\nHello, World!";

// Where the first head from `from` on ends; as the peer looks for it, byte by byte.
size_t EndOfHead(absl::string_view all, size_t from) {
  for (; from + kEndOfHead.size() <= all.size(); ++from) {
    if (std::memcmp(all.data() + from, kEndOfHead.data(), kEndOfHead.size()) == 0) return from;
  }
  return absl::string_view::npos;
}

struct HttpConnection {
  net::TcpStream stream;
  Buffer in;
  size_t have = 0;
  std::string replies;

  // A reply for each head that is complete; what is left of another one goes to the front.
  void Answer() {
    replies.clear();
    size_t from = 0;
    const absl::string_view all = in.first(have);
    for (size_t end; (end = EndOfHead(all, from)) != absl::string_view::npos; from = end + kEndOfHead.size()) {
      replies.append(kReply.data(), kReply.size());
    }
    std::memmove(in.data(), in.data() + from, have - from);
    have -= from;
  }
  auto Run() {
    return Loop([this] {
      return stream.Read(in.from(have)).AndThen([this](size_t& n) {
        have += n;
        Answer();
        return If(n == 0 || have == in.size(), Break, [this] { return stream.WriteAll(replies); });
      });
    });
  }
};

}  // namespace

// Replies to wrk, connections kept alive; never ends.
void ServeHttp(Bench& bench) {
  (void)bench.runtime.BlockOn(net::TcpListener::Bind(bench.addr).AndThen([](net::TcpListener& listener) {
    return ForEach(listener.Incoming(), [](net::TcpStream stream) {
      Check(stream.SetNoDelay(true).ok(), "TCP_NODELAY");
      Spawn(With(HttpConnection{std::move(stream), Buffer(8192), 0, ""}, &HttpConnection::Run).Map([](auto) {})).Detach();
    });
  }));
  Check(false, "a server that ended");
}

const Row kHttpRows[] = {
    {"serve_http", ServeHttp},
    {nullptr, nullptr},
};

}  // namespace kioto::bench
