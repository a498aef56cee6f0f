// Chat: every line that one says goes to all. Two ways in which it could be better are left as they are: a slow reader does not read
// its own client's lines while it writes (split the stream, or put a Timeout round the write), and one that is so slow that it
// misses lines is thrown out (IsLagged(said.status()) would tell).
//
//   bazel run //tools/examples/chat        then, several times:  nc 127.0.0.1 8080
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/lines.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/until.h"
#include "kioto/time/timeout.h"

using namespace kioto;  // NOLINT: a program of one page
using namespace std::chrono_literals;

// [region chat]
using Room = sync::Broadcast<std::string>;

Future<Status> Member(net::TcpStream stream, Room room) {  // handles by value: own
  return With(std::move(stream), room.Subscribe(), room, [](net::TcpStream& s, Room::Receiver& inbox, Room& room) {
    return With(io::Lines(s, /*max_line=*/4096), [&](io::Lines& lines) {
      return Loop([&] {
        return Select(Case(lines.Next(),
                           [&](StatusOr<std::optional<std::string>>& line) -> StatusOr<Flow<>> {
                             if (!line.ok()) return line.status();
                             if (!line->has_value()) return Break();
                             room.Send(**line + "\n");
                             return Continue();
                           }),
                      Case(inbox.Recv(), [&](StatusOr<std::string>& said) { return s.WriteAll(*said); }));
      });
    });
  });
}
// [end chat]

Future<Status> Serve(net::TcpListener& listener) {
  return With(TaskTracker(), CancellationToken(), Room(), [&](TaskTracker& conns, CancellationToken& stop, Room& room) {
    return ForEach(TakeUntil(listener.Incoming(), signal::Shutdown()),
                   [&](net::TcpStream s) { conns.Spawn(Until(stop, Member(std::move(s), room))); })
        .AndThen([&] { return Timeout(10s, conns.CloseAndWait()); })
        .Finally([&] {
          stop.Cancel();
          return conns.CloseAndWait();
        });
  });
}

int main(int argc, char** argv) {
  const char* address = argc > 1 ? argv[1] : "127.0.0.1:8080";
  return Main([&] { return net::TcpListener::Bind(address).AndThen(Serve); });
}
