#include "kioto/tools/examples/testing/meter.h"

#include <algorithm>
#include <utility>

namespace kioto {
namespace {

thread_local bool on = false;
thread_local Meter::Taken taken;
#if KIOTO_MEMORY_CACHE
thread_local base::internal::ThreadCache* cache = nullptr;  // the thread's own, while the meter is on
thread_local base::internal::ThreadCache no_room;           // in its place
#endif

// Puts the thread's own cache back for as long as it lives, and no meter sees what is done.
class Unseen {
 public:
  Unseen() {
    on = false;
#if KIOTO_MEMORY_CACHE
    base::internal::thread_cache = cache;
#endif
  }
  ~Unseen() {
#if KIOTO_MEMORY_CACHE
    cache = std::exchange(base::internal::thread_cache, &no_room);
#endif
    on = true;
  }
};

}  // namespace

Meter::Meter() : news_before_(base::AllocationsOfThisThread()) {
  taken = {};
#if KIOTO_MEMORY_CACHE
  base::CacheFree(base::CacheAllocate(1), 1);  // the thread has a cache of its own from here on
  cache = std::exchange(base::internal::thread_cache, &no_room);
#endif
  on = true;
}

Meter::Taken Meter::Stop() {
  if (!std::exchange(on, false)) return taken;
#if KIOTO_MEMORY_CACHE
  base::internal::thread_cache = cache;
#endif
  taken.count += base::AllocationsOfThisThread() - news_before_;
  return taken;
}

}  // namespace kioto

// AllocateSlow and FreeSlow of base::internal, as the linker's --wrap names them.
extern "C" {
void* __real__ZN5kioto4base8internal12AllocateSlowEm(size_t size);
void __real__ZN5kioto4base8internal8FreeSlowEPvm(void* block, size_t size);

void* __wrap__ZN5kioto4base8internal12AllocateSlowEm(size_t size) {
  if (!kioto::on) return __real__ZN5kioto4base8internal12AllocateSlowEm(size);
  ++kioto::taken.count;
  kioto::taken.largest_block = std::max(kioto::taken.largest_block, size);
  const kioto::Unseen unseen;
  return kioto::base::CacheAllocate(size);
}

void __wrap__ZN5kioto4base8internal8FreeSlowEPvm(void* block, size_t size) {
  if (!kioto::on) return __real__ZN5kioto4base8internal8FreeSlowEPvm(block, size);
  const kioto::Unseen unseen;
  kioto::base::CacheFree(block, size);
}
}
