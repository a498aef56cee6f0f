#include "kioto/tools/examples/mini_redis/server.h"

#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/sync/until.h"
#include "kioto/time/timeout.h"
#include "kioto/tools/examples/mini_redis/farewell.h"
#include "kioto/tools/examples/mini_redis/session.h"
#include "kioto/tools/examples/mini_redis/state.h"

namespace mini_redis {
namespace {

using kioto::Until;
using kioto::With;
using StatePtr = std::shared_ptr<State>;

// So many of those that were refused get the time to hear of it (and one task of the background is none of them). With `clients`
// they fit into what main.cc leaves for the rest.
constexpr size_t kMostRefused = 32;

// A client too many gets a word before the door is shut.
void Refuse(kioto::net::TcpStream stream, State& state) {
  state.refused.Add(1);
  (void)stream.TryWrite("-ERR max number of clients reached\r\n");
  if (state.background.size() > kMostRefused) return;
  state.background.Spawn(Until(state.kill, Farewell(std::move(stream))).Then([](absl::Status) {}));
}

void Accept(kioto::net::TcpStream stream, const StatePtr& state) {
  if (state->clients.size() >= state->options.max_clients) return Refuse(std::move(stream), *state);
  state->clients.Spawn(Until(state->kill, Serve(std::move(stream), state)).Then([](absl::Status) {}));
}

// [region drain]
// After the last client was accepted: those that are there finish what they have begun.
auto Drain(const StatePtr& state) {
  state->stop.Cancel();
  return kioto::Timeout(state->options.drain_timeout, state->clients.CloseAndWait())
      .Then([state](absl::Status) { state->kill.Cancel(); })
      .Then([state] { return Join(state->clients.CloseAndWait(), state->background.CloseAndWait()); });
}

// When this has ended the listener is closed: who comes now is refused, and may try another server.
auto AcceptUntilShutdown(kioto::net::TcpListener listener, kioto::signal::Listener end, StatePtr state) {
  return With(std::move(listener), std::move(end), std::move(state), [](auto& listener, auto& end, const StatePtr& state) {
    return ForEach(TakeUntil(listener.Incoming(), end.Recv()),
                   [&state](kioto::net::TcpStream stream) { Accept(std::move(stream), state); });
  });
}
// [end drain]

// A task owns what it uses.
auto ExpireKeys(StatePtr state) {
  return With(std::move(state), [](const StatePtr& s) { return s->store.ExpireForever(); });
}

kioto::Future<absl::Status> Listen(kioto::net::TcpListener listener, StatePtr state) {
  const auto address = listener.local_address();
  if (!address.ok()) return address.status();
  state->port = address->port();
  auto end = kioto::signal::Listener::Make({SIGINT, SIGTERM});  // first: who reads that we listen may end us at once
  if (!end.ok()) return end.status();
  std::printf("mini_redis: listening on %s\n", address->ToString().c_str());
  std::fflush(stdout);
  // The expiry of keys is a task of its own, which ends with the server.
  state->background.Spawn(Until(state->kill, ExpireKeys(state)).Then([](absl::Status) {}));
  return AcceptUntilShutdown(std::move(listener), *std::move(end), state)
      .Finally([state] { return Drain(state); })
      .Finally([] { std::puts("mini_redis: bye"); });
}

}  // namespace

kioto::Future<absl::Status> RunServer(const Options& options) {
  return kioto::net::TcpListener::Bind(kioto::net::Endpoint(options.bind, static_cast<uint16_t>(options.port)))
      .AndThen([options](kioto::net::TcpListener& listener) {
        return Listen(std::move(listener), std::make_shared<State>(options));
      });
}

}  // namespace mini_redis
