// Echo, with an idle time-out and a graceful end: on Ctrl-C or SIGTERM it stops accepting, gives the connections ten
// seconds to finish, cancels what is left, and exits with 0; with 1, and a word about the time-out, if something was left.
//
//   bazel run //tools/examples/echo        then:  nc 127.0.0.1 8080
#include <chrono>

#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/until.h"
#include "kioto/time/timeout.h"

using namespace kioto;  // NOLINT: a program of one page
using namespace std::chrono_literals;

// [region echo]
Future<Status> Echo(net::TcpStream stream) {
  return With(std::move(stream), Buffer(16 * 1024), [](net::TcpStream& s, Buffer& buf) {
    return Loop([&] {  // an OK Status means: once more
      return Timeout(30s, s.Read(buf)).AndThen([&](size_t& n) {
        return If(n == 0, Break, [&] { return s.WriteAll(buf.first(n)); });
      });
    });
  });
}

Future<Status> Serve(net::TcpListener& listener) {
  return With(TaskTracker(), CancellationToken(), [&listener](TaskTracker& conns, CancellationToken& stop) {
    return ForEach(TakeUntil(listener.Incoming(), signal::Shutdown()),
                   [&](net::TcpStream s) {
                     conns.Spawn(Until(stop, Echo(std::move(s))));  // a new task owns what it uses
                   })
        .AndThen([&] { return Timeout(10s, conns.CloseAndWait()); })
        .Finally([&] {
          stop.Cancel();
          return conns.CloseAndWait();  // on every path; keeps the outcome
        });
  });
}

int main(int argc, char** argv) {
  const char* address = argc > 1 ? argv[1] : "127.0.0.1:8080";
  return Main([&] { return net::TcpListener::Bind(address).AndThen(Serve); });
}
// [end echo]
