// A user's second program: an echo server and its client, on a runtime with worker threads.
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "kioto/kioto.h"

namespace {

using namespace kioto;  // NOLINT: a program, not a library

Future<Status> Echo(net::TcpStream stream) {
  return With(std::move(stream), Buffer(4096), [](net::TcpStream& s, Buffer& buf) {
    return Loop([&] {
      return s.Read(buf).AndThen([&](size_t& n) {
        return If(n == 0, Break, [&s, &buf, &n] { return s.WriteAll(buf.first(n)); });
      });
    });
  });
}

Future<StatusOr<std::string>> Ask(net::SocketAddress server, std::string question) {
  return With(std::move(question), [server](std::string& question) {
    return net::TcpStream::Connect(server).AndThen([&question](net::TcpStream& s) {
      return s.WriteAll(question)
          .AndThen([&s] { return s.Shutdown(); })
          .AndThen([&s] { return s.ReadToEnd(1 << 20); });
    });
  });
}

// Serves one connection, and is its client too.
Future<StatusOr<std::string>> ServeAndAsk(net::TcpListener& listener) {
  StatusOr<net::SocketAddress> address = listener.local_address();
  if (!address.ok()) return Ready(StatusOr<std::string>(address.status()));
  return With(Spawn(Ask(*address, "hello")), [&listener](JoinHandle<StatusOr<std::string>>& answer) {
    return listener.Accept()
        .AndThen([](net::TcpStream& s) { return Echo(std::move(s)); })
        .AndThen([&answer] { return std::move(answer); });
  });
}

}  // namespace

int main() {
  StatusOr<Runtime> runtime = Runtime::MultiThread();
  if (!runtime.ok()) return 1;
  StatusOr<std::string> answer = runtime->BlockOn([] {
    return Timeout(std::chrono::seconds(30), net::TcpListener::Bind("127.0.0.1:0").AndThen(ServeAndAsk));
  });
  std::printf("answer: %s\n", answer.ok() ? answer->c_str() : answer.status().ToString().c_str());
  return answer.ok() && *answer == "hello" ? 0 : 1;
}
