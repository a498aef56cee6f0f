#include "kioto/tools/examples/http_server/server.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "kioto/fs/paths.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/until.h"
#include "kioto/time/timeout.h"
#include "kioto/tools/examples/flags/descriptors.h"
#include "kioto/tools/examples/http_server/session.h"

namespace http_server {
namespace {

using kioto::Case;
using kioto::Loop;
using kioto::Status;
using kioto::With;
using kioto::sync::OwnedSemaphorePermit;
using kioto::sync::Semaphore;
using SitePtr = std::shared_ptr<Site>;

// One client: a task of its own, which ends with the client, and holds a slot until then.
void Accept(kioto::net::TcpStream client, OwnedSemaphorePermit slot, const SitePtr& site) {
  site->clients.Spawn(With(std::move(slot), Serve(std::move(client), site), [site](auto&, auto& session) {
    return Until(site->kill, ByRef(session)).Then([](Status) {});  // how it ended is the client's affair
  }));
}

// A slot first, then a client: the others wait in the kernel's queue. The listener is closed when this ends.
auto AcceptUntilShutdown(kioto::net::TcpListener listener, const SitePtr& site) {
  return With(std::move(listener), std::make_shared<Semaphore>(site->limits.connections), kioto::signal::Shutdown(),
              [site](auto& listener, auto& slots, auto& shutdown) {
                return Loop([&] {
                  return SelectBiased(
                      Case(ByRef(shutdown), [] { return kioto::Break(); }),
                      Case(Semaphore::AcquireOwned(slots).AndThen([&](OwnedSemaphorePermit& slot) {
                        return listener.Accept().AndThen([&](kioto::net::TcpStream& client) {
                          Accept(std::move(client), std::move(slot), site);
                        });
                      })));
                });
              });
}

// Those that wait for a request leave at once, those that are being answered when they are.
auto Drain(const SitePtr& site) {
  site->stop.Cancel();
  return kioto::Timeout(std::chrono::milliseconds(site->limits.drain_ms), site->clients.CloseAndWait())
      .Then([site](Status) { site->kill.Cancel(); })
      .Then([site] { return site->clients.CloseAndWait(); });
}

}  // namespace

kioto::Future<Status> RunServer(std::string address, std::string root, Limits limits) {
  auto site = std::make_shared<Site>();
  site->limits = limits;
  return kioto::fs::Canonicalize(std::move(root)).AndThen([site, address](std::string& root) {
    site->root = root;
    return kioto::net::TcpListener::Bind(address).AndThen([site](kioto::net::TcpListener& listener) {
      std::fprintf(stderr, "http_server: listening on %s\n", listener.local_address()->ToString().c_str());
      site->limits.connections =
          examples::RoomForConnections("http_server", site->limits.connections, /*each=*/2,  // it, and a file
                                       kioto::Handle::Current()->metrics().workers());
      return AcceptUntilShutdown(std::move(listener), site).Finally([site] { return Drain(site); });
    });
  });
}

}  // namespace http_server
