// STATE       LookUp: waiting (in the resolver's list), running (a thread has it), done. Resolver: the list and the number
//             of threads, under its lock.
// OWNERSHIP   result: the resolver thread until `done` is set, then the future. The list links: the resolver's lock.
//             A LookUp lives as long as the future or the thread that has it.
// RACES       R1 done against a poll: WakerSlot's rule: the poll registers, then looks; the thread sets, then wakes.
//             R2 a drop against a thread that takes it: both under the lock; what was taken runs to its end, unheard.
// THREADS     started when there is a look-up and fewer than the limit; they end when the list is empty, so that an idle
//             program has none. Detached: a look-up may hang for minutes and must hold up no shutdown.
// WHY NOT     in the blocking pool: its Shutdown waits for the jobs that run, as files and SpawnBlocking want it, so one hung
//             look-up would hold up the end of the runtime; several runtimes would have a cap each; and a look-up without a
//             runtime would have no pool. Nor libuv's four threads: they are the host's.
#include "kioto/net/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/thread.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/waker_slot.h"

namespace kioto::net {
namespace internal {

struct LookUp {
  LookUp(std::string host, uint16_t port) : host(std::move(host)), port(port) {}

  const std::string host;
  const uint16_t port;
  bool waiting = false;                             // under the resolver's lock
  std::list<std::shared_ptr<LookUp>>::iterator at;  // while waiting
  base::Atomic<bool> done{false};
  base::Cell<StatusOr<std::vector<SocketAddress>>> result;
  WakerSlot waker;
};

namespace {

using Result = StatusOr<std::vector<SocketAddress>>;

// Look-ups that may wait: more than any burst of one machine, less than its memory.
constexpr size_t kMaxWaiting = 4096;

// The stack of a resolver thread: getaddrinfo keeps its answers there.
constexpr size_t kStackSize = 512 * 1024;

Status LookUpError(const std::string& host, int error, int system_error) {
  const std::string what = absl::StrCat("looking up \"", host, "\"");
  if (error == EAI_SYSTEM) return ErrnoStatus(system_error, what);
  const std::string message = absl::StrCat(what, ": ", gai_strerror(error));
  switch (error) {
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
      return absl::NotFoundError(message);
    case EAI_AGAIN:
      return absl::UnavailableError(message);
    case EAI_MEMORY:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

Result SystemResolver(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) return LookUpError(host, error, errno);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    StatusOr<SocketAddress> parsed = SocketAddress::FromSockaddr(info->ai_addr, info->ai_addrlen);
    if (!parsed.ok()) continue;  // a family that we do not speak
    const SocketAddress address(parsed->ip(), port, parsed->scope_id());
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
  }
  freeaddrinfo(list);
  if (addresses.empty()) return absl::NotFoundError(absl::StrCat("\"", host, "\" has no IP address"));
  return addresses;
}

base::Atomic<ScopedResolverForTest::Function> resolver_function{&SystemResolver};

class Resolver {
 public:
  // Never destroyed: its threads may outlive main.
  static Resolver& Get() {
    static Resolver& resolver = *new Resolver;
    return resolver;
  }

  Status Add(const std::shared_ptr<LookUp>& look_up) {
    base::MutexLock lock(mutex_);
    if (waiting_.size() >= kMaxWaiting) {
      return absl::ResourceExhaustedError(
          absl::StrCat("looking up \"", look_up->host, "\": ", kMaxWaiting, " look-ups wait already; the name server hangs, "
                       "or names are looked up too often"));
    }
    if (threads_ < limits::kMaxResolverThreads) {
      StatusOr<base::Thread> thread = base::Thread::Start("kioto-resolve", [this] { Run(); }, kStackSize);
      if (thread.ok()) {
        thread->Detach();
        ++threads_;
      } else if (threads_ == 0) {
        return thread.status();
      }
    }
    look_up->at = waiting_.insert(waiting_.end(), look_up);
    look_up->waiting = true;
    return OkStatus();
  }

  void Forget(LookUp& look_up) {
    std::shared_ptr<LookUp> last;  // destroyed behind the lock
    base::MutexLock lock(mutex_);
    if (!look_up.waiting) return;
    look_up.waiting = false;
    last = std::move(*look_up.at);
    waiting_.erase(look_up.at);
    lock.Unlock();
  }

  int threads() {
    base::MutexLock lock(mutex_);
    return threads_;
  }
  size_t waiting() {
    base::MutexLock lock(mutex_);
    return waiting_.size();
  }

 private:
  std::shared_ptr<LookUp> Take() {
    base::MutexLock lock(mutex_);
    if (waiting_.empty()) {
      --threads_;
      return nullptr;
    }
    std::shared_ptr<LookUp> look_up = std::move(waiting_.front());
    waiting_.pop_front();
    look_up->waiting = false;
    return look_up;
  }

  void Run() {
    while (std::shared_ptr<LookUp> look_up = Take()) {
      auto* function = resolver_function.load(std::memory_order_acquire);  // acquire: pairs with ScopedResolverForTest
      look_up->result.Write() = function(look_up->host, look_up->port);
      look_up->done.store(true, std::memory_order_release);  // release: pairs with the poll's acquire (R1)
      look_up->waker.Wake();
    }
  }

  base::Mutex mutex_;
  std::list<std::shared_ptr<LookUp>> waiting_;
  int threads_ = 0;
};

}  // namespace

ScopedResolverForTest::ScopedResolverForTest(Function function)
    // acq_rel: what the test made before is seen by the resolver's threads, and back
    : before_(resolver_function.exchange(function, std::memory_order_acq_rel)) {}

ScopedResolverForTest::~ScopedResolverForTest() {
  resolver_function.store(before_, std::memory_order_release);  // release: pairs with Run's acquire
}

int ResolverThreads() { return Resolver::Get().threads(); }
size_t WaitingLookUps() { return Resolver::Get().waiting(); }

}  // namespace internal

ResolveFuture::ResolveFuture(Endpoint to) : to_(std::move(to)) {}
ResolveFuture::ResolveFuture(ResolveFuture&& other) noexcept
    : FutureBase(std::move(other)),
      to_(std::move(other.to_)),
      look_up_(std::move(other.look_up_)),
      stopped_(std::exchange(other.stopped_, nullptr)) {}

ResolveFuture::~ResolveFuture() { End(); }

void ResolveFuture::End() {
  if (look_up_ != nullptr) {
    internal::Resolver::Get().Forget(*look_up_);
    look_up_->waker.Register(kioto::Waker());  // one that is under way ends unheard, and may take long
  }
  look_up_.reset();
  if (stopped_ != nullptr) std::exchange(stopped_, nullptr)->AllowAutoAdvance();
}

Poll<StatusOr<std::vector<SocketAddress>>> ResolveFuture::PollOnce(Context& cx) {
  if (look_up_ == nullptr) {
    if (!cx.ConsumeBudget()) return kPending;
    if (!to_.addresses().empty()) return std::move(to_).addresses();
    if (!to_.status().ok()) return to_.status();
    look_up_ = std::make_shared<internal::LookUp>(to_.host(), to_.port());
    look_up_->waker.Register(cx.waker());
    Status status = internal::Resolver::Get().Add(look_up_);
    if (!status.ok()) return status;
    kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
    if (drivers != nullptr && drivers->clock.paused()) {
      stopped_ = &drivers->clock;
      stopped_->InhibitAutoAdvance();
    }
    return kPending;
  }
  look_up_->waker.Register(cx.waker());  // first register, then look (R1)
  // acquire: pairs with the resolver thread's release, which published the result
  if (!look_up_->done.load(std::memory_order_acquire)) return kPending;
  StatusOr<std::vector<SocketAddress>> result = std::move(look_up_->result.Write());
  End();
  return result;
}

}  // namespace kioto::net
