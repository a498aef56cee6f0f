// Proxy: carries TCP connections to another server and back, within limits. One side's end is passed on to the other, and what
// that still has to say comes through. More clients than there are slots wait to be accepted. On Ctrl-C or SIGTERM it accepts no
// more, gives the connections a while to end, cuts what is left, and exits with 0.
//
//   bazel run //tools/examples/proxy -- 127.0.0.1:8080 example.org:80        then:  curl -H 'Host: example.org' 127.0.0.1:8080
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/copy_bidirectional.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/until.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"
#include "kioto/tools/examples/flags/descriptors.h"
#include "kioto/tools/examples/flags/flags.h"

using namespace kioto;  // NOLINT: a program of one page
using std::chrono::milliseconds;

struct Options {
  std::string upstream;
  int64_t connections = 1024, connect_ms = 5'000, idle_ms = 60'000, drain_ms = 10'000;
};

// [region silence]
// Ready when nothing was copied for so long. It is polled behind the copying, whenever that was, and puts its timer off when bytes
// have moved.
class Silence : public FutureBase<Silence, Unit> {
 public:
  Silence(const io::CopyBidirectionalFuture& copying, milliseconds limit)
      : copying_(&copying), limit_(limit), over_(Sleep(limit)) {}

  Poll<Unit> PollOnce(Context& cx) {
    const io::Copied copied = copying_->copied();
    if (const uint64_t bytes = copied.a_to_b + copied.b_to_a; bytes != seen_) {
      seen_ = bytes;
      over_.Reset(time::Instant::Now() + limit_);
    }
    return over_.PollOnce(cx);
  }

 private:
  const io::CopyBidirectionalFuture* copying_;
  milliseconds limit_;
  time::SleepFuture over_;
  uint64_t seen_ = 0;
};
// [end silence]

// [region relay]
Future<Status> Carry(net::TcpStream& client, net::TcpStream& server, milliseconds idle) {
  return With(io::CopyBidirectional(client, server), [idle](io::CopyBidirectionalFuture& copying) {
    return SelectBiased(Case(ByRef(copying), [](StatusOr<io::Copied>& copied) { return copied.status(); }),
                        Case(Silence(copying, idle), [] { return ElapsedError("the connection was idle"); }));
  });
}

// One client, from beginning to end, with the slot that it takes.
Future<Status> Relay(net::TcpStream client, sync::OwnedSemaphorePermit slot, std::shared_ptr<const Options> options) {
  return With(std::move(client), std::move(slot), std::move(options), [](net::TcpStream& client, auto&, auto& options) {
    return Timeout(milliseconds(options->connect_ms), net::TcpStream::Connect(options->upstream))
        .AndThen([&client, &options](net::TcpStream& server) {
          (void)client.SetNoDelay(true);  // what comes in pieces is passed on in pieces
          (void)server.SetNoDelay(true);
          return Carry(client, server, milliseconds(options->idle_ms));
        })
        .Then([&client, &options](Status& end) {
          if (end.ok()) return;
          const auto who = client.peer_address();
          std::fprintf(stderr, "proxy: %s to %s: %s\n", who.ok() ? who->ToString().c_str() : "a client that is gone",
                       options->upstream.c_str(), end.ToString().c_str());
        });
  });
}
// [end relay]

// [region accept]
// A slot first, then a client: who finds none free is not accepted, and waits in the kernel's queue. At the end the listener is
// closed: who comes now is refused, and may try another server.
Future<Status> Accept(net::TcpListener listener, TaskTracker& conns, CancellationToken& stop,
                      std::shared_ptr<const Options> options) {
  return With(std::move(listener), std::make_shared<sync::Semaphore>(options->connections), signal::Shutdown(),
              [&conns, &stop, options](auto& listener, auto& slots, auto& shutdown) {
                return Loop([&] {
                  return SelectBiased(
                      Case(ByRef(shutdown), [] { return Break(); }),
                      Case(sync::Semaphore::AcquireOwned(slots).AndThen([&](sync::OwnedSemaphorePermit& slot) {
                        return listener.Accept().AndThen([&](net::TcpStream& client) {
                          conns.Spawn(Until(stop, Relay(std::move(client), std::move(slot), options)));
                        });
                      })));
                });
              });
}

Future<Status> Serve(net::TcpListener& listener, std::shared_ptr<const Options> options) {
  return With(TaskTracker(), CancellationToken(), [&listener, options](TaskTracker& conns, CancellationToken& stop) {
    return Accept(std::move(listener), conns, stop, options)
        .Finally([&conns, options] { return Timeout(milliseconds(options->drain_ms), conns.CloseAndWait()).Map([](auto) {}); })
        .Finally([&conns, &stop] {
          if (conns.size() != 0) std::fprintf(stderr, "proxy: %zu connections were cut\n", conns.size());
          stop.Cancel();
          return conns.CloseAndWait();
        });
  });
}
// [end accept]

int main(int argc, char** argv) {
  Options options;
  const auto words = examples::ParseFlags(argc, argv, "proxy LISTEN UPSTREAM",
                                          {{"connections", &options.connections, "at a time"},
                                           {"connect-ms", &options.connect_ms, "how long upstream may take to accept"},
                                           {"idle-ms", &options.idle_ms, "how long nothing may move"},
                                           {"drain-ms", &options.drain_ms, "how long connections may take at the end"}});
  if (!words.ok()) return examples::Fail("proxy", words.status());
  options.upstream = (*words)[1];
  return Main([&] {
    return net::TcpListener::Bind((*words)[0]).AndThen([&](net::TcpListener& listener) {
      std::fprintf(stderr, "proxy: listening on %s\n", listener.local_address()->ToString().c_str());
      options.connections = examples::RoomForConnections("proxy", options.connections, /*each=*/6,  // two, and two pipes
                                                         Handle::Current()->metrics().workers());
      return Serve(listener, std::make_shared<const Options>(options));
    });
  });
}
