// The floors of the memory cache below the threads: size classes made of slabs, and the pool of empty slabs.
// Only for memory_cache.cc.
//
// LOCKS       each SizeClass has a mutex over its slabs and all they hold; the pool has its own, taken inside.
// OWNERSHIP   a block belongs to its slab while it is in the slab's free list or was never cut; else to a thread.
#ifndef KIOTO_RUNTIME_BASE_MEMORY_SLAB_H_
#define KIOTO_RUNTIME_BASE_MEMORY_SLAB_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/memory_cache.h"
#include "kioto/runtime/base/mutex.h"

namespace kioto::base::internal {

inline constexpr size_t kSlabBytes = 64 << 10;  // and its alignment: a block finds its slab by its address

// Lies at the start of its own memory.
struct alignas(64) Slab : ListNode<> {
  static Slab* Of(void* block) {
    return reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) & ~uintptr_t{kSlabBytes - 1});
  }
  FreeBlock* free = nullptr;  // blocks that came back
  uint32_t cut = 0;           // blocks that were ever given out: the rest was not touched yet
  uint32_t out = 0;           // blocks that threads have
};
static_assert(sizeof(Slab) == 64);

// Empty slabs, for any class.
class SlabPool {
 public:
  Slab* Take();
  void Give(Slab* slab);
  size_t mapped_bytes();
  // For who forks (memory_cache.cc).
  Mutex& mutex() { return mutex_; }

 private:
  Mutex mutex_;
  IntrusiveList<Slab> empty_;  // kept
  size_t empty_count_ = 0;
  char* region_ = nullptr;  // address space that was not cut yet
  char* region_end_ = nullptr;
  size_t mapped_ = 0;  // slabs in use or kept
};

// All blocks of one size.
class SizeClass {
 public:
  // `blocks` of `pool`, each of `bytes`, a multiple of 16.
  void Init(SlabPool* pool, size_t bytes);

  // Blocks that a thread moves at once; it keeps twice as many at most.
  uint32_t batch() const { return batch_; }

  // `count` blocks, linked.
  FreeBlock* Take(uint32_t count);
  // The first `count` blocks of a chain; gives the rest.
  FreeBlock* Give(FreeBlock* chain, uint32_t count);
  // As SlabPool's. Locked before that one.
  Mutex& mutex() { return mutex_; }

 private:
  SlabPool* pool_ = nullptr;
  size_t bytes_ = 0;
  uint32_t batch_ = 0;
  uint32_t blocks_ = 0;  // in a slab
  Mutex mutex_;
  IntrusiveList<Slab> partial_;  // slabs that can give a block
};

}  // namespace kioto::base::internal

#endif  // KIOTO_RUNTIME_BASE_MEMORY_SLAB_H_
