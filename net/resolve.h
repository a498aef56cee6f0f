// Resolve: from a name to addresses, in the order in which they should be tried.
//
// Names are looked up by the system's resolver (getaddrinfo: hosts file, DNS, whatever is configured) on at most
// limits::kMaxResolverThreads threads of its own, so that look-ups that hang take nothing else with them, not even the end of
// the runtime; addresses never go there.
#ifndef KIOTO_NET_RESOLVE_H_
#define KIOTO_NET_RESOLVE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kioto/net/address.h"
#include "kioto/net/endpoint.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::internal {
class RuntimeClock;
}  // namespace kioto::internal

namespace kioto::net {
namespace internal {
struct LookUp;
}  // namespace internal

// Output: StatusOr<std::vector<SocketAddress>>, not empty.
class [[nodiscard]] ResolveFuture : public FutureBase<ResolveFuture, StatusOr<std::vector<SocketAddress>>> {
 public:
  explicit ResolveFuture(Endpoint to);
  ResolveFuture(ResolveFuture&&) noexcept;
  ResolveFuture& operator=(ResolveFuture&&) = delete;
  ~ResolveFuture();
  Poll<StatusOr<std::vector<SocketAddress>>> PollOnce(Context& cx);

 private:
  Endpoint to_;
  void End();

  std::shared_ptr<internal::LookUp> look_up_;
  kioto::internal::RuntimeClock* stopped_ = nullptr;  // a test's paused clock, which must not jump meanwhile
};

// The addresses of `to`; of a name without duplicates. Errors: kInvalidArgument for what can be no name; kNotFound for a name without
// address; kUnavailable when the name server does not answer; kResourceExhausted with too many look-ups waiting.
// CANCEL SAFE: yes: a look-up that nobody waits for is not begun; one that has begun ends unheard. Any thread, no runtime.
inline ResolveFuture Resolve(Endpoint to) { return ResolveFuture(std::move(to)); }

namespace internal {

// What `attempt` (a Result of an address) gives for the first address with which it succeeds; else for the last.
template <class Result, class Attempt>
Poll<Result> PollFirstOf(Context& cx, ResolveFuture& resolve, Attempt attempt) {
  Poll<StatusOr<std::vector<SocketAddress>>> addresses = resolve.PollOnce(cx);
  if (addresses.pending()) return kPending;
  if (!addresses->ok()) return Result(addresses->status());
  for (size_t i = 0;; ++i) {
    Result result = attempt((**addresses)[i]);
    if (result.ok() || i + 1 == (*addresses)->size()) return result;
  }
}

// What looks names up, for tests. The function runs on a resolver thread and may block.
class ScopedResolverForTest {
 public:
  using Function = StatusOr<std::vector<SocketAddress>> (*)(const std::string& host, uint16_t port);
  explicit ScopedResolverForTest(Function function);
  ~ScopedResolverForTest();
  ScopedResolverForTest(const ScopedResolverForTest&) = delete;
  ScopedResolverForTest& operator=(const ScopedResolverForTest&) = delete;

 private:
  Function before_;
};

// Threads that look up now, and look-ups that wait for one.
int ResolverThreads();
size_t WaitingLookUps();

}  // namespace internal
}  // namespace kioto::net

#endif  // KIOTO_NET_RESOLVE_H_
