#include "kioto/runtime/base/sys_fault.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "kioto/runtime/base/mutex.h"

// STATE       installed_faults counts; the list and everything in the faults is under `mutex`.
// RACES       R1 a call that read 0 just before a fault is installed misses it: as if it had been made earlier. A test
//                installs its faults before it does what shall fail, and what hands that work over orders the two.
//             R2 a call that read 1 just before a fault is removed takes the lock and does not find it.
namespace kioto::base::sys {
namespace {

struct Registry {
  Mutex mutex;
  IntrusiveList<ScopedFault> faults;  // the newest first
};
Registry& TheRegistry() {
  static Registry& registry = *new Registry;  // never destroyed: detached threads may still make calls
  return registry;
}

thread_local bool last_was_cut = false;

bool IsStream(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) return type == SOCK_STREAM;
  struct stat info;
  return ::fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
}

}  // namespace

Atomic<int> installed_faults{0};

Fault Fault::First(int64_t times, int error) {
  Fault fault;
  fault.error = error;
  fault.times = times;
  return fault;
}
Fault Fault::Nth(int64_t n, int error) {
  Fault fault = First(1, error);
  fault.skip = n - 1;
  return fault;
}
Fault Fault::Every(int error) { return First(INT64_MAX, error); }
Fault Fault::Sometimes(double probability, int error, uint64_t seed) {
  Fault fault = Every(error);
  fault.probability = probability;
  fault.seed = seed;
  return fault;
}
Fault Fault::Short(size_t max_bytes, uint64_t seed) {
  Fault fault;
  fault.max_bytes = max_bytes;
  fault.seed = seed;
  return fault;
}

Fault Fault::ShortStreams(size_t max_bytes, uint64_t seed) {
  Fault fault = Short(max_bytes, seed);
  fault.only_streams = true;
  return fault;
}

ScopedFault::ScopedFault(Call call, Fault fault) : call_(call), fault_(fault), random_(fault.seed) {
  Registry& registry = TheRegistry();
  MutexLock lock(registry.mutex);
  registry.faults.PushFront(*this);
  installed_faults.fetch_add(1, std::memory_order_relaxed);  // relaxed: what it announces is under the lock (R1)
}

ScopedFault::~ScopedFault() {
  MutexLock lock(TheRegistry().mutex);
  installed_faults.fetch_sub(1, std::memory_order_relaxed);  // relaxed: see above (R2)
  Unlink();
}

int64_t ScopedFault::hits() const {
  MutexLock lock(TheRegistry().mutex);
  return hits_;
}

bool ScopedFault::Meets(Call call, int fd, bool shortens) {
  if (call != call_ || (fault_.fd != -1 && fault_.fd != fd)) return false;
  if (shortens != (fault_.error == 0)) return false;
  if (fault_.only_streams && !IsStream(fd)) return false;
  if (calls_++ < fault_.skip || hits_ >= fault_.times) return false;
  if (fault_.probability < 1 && random_.Next() >= fault_.probability * 18446744073709551616.0) return false;
  ++hits_;
  return true;
}

int InjectedError(Call call, int fd) {
  Registry& registry = TheRegistry();
  MutexLock lock(registry.mutex);
  for (ScopedFault& fault : registry.faults) {
    if (fault.Meets(call, fd, /*shortens=*/false)) return fault.fault_.error;
  }
  return 0;
}

size_t InjectedSize(Call call, int fd, size_t size) {
  last_was_cut = false;
  if (size <= 1) return size;
  Registry& registry = TheRegistry();
  MutexLock lock(registry.mutex);
  for (ScopedFault& fault : registry.faults) {
    if (!fault.Meets(call, fd, /*shortens=*/true)) continue;
    const size_t most = 1 + fault.random_.Below(static_cast<uint32_t>(fault.fault_.max_bytes));
    last_was_cut = most < size;
    return last_was_cut ? most : size;
  }
  return size;
}

bool LastWasCut() {
  // relaxed: pairs with nothing, for last_was_cut is this thread's own; where no fault is left, it may be of an earlier one.
  return installed_faults.load(std::memory_order_relaxed) != 0 && last_was_cut;
}

}  // namespace kioto::base::sys
