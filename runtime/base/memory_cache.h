// The memory of task cells and boxed futures: free blocks by size, kept by the thread that freed them.
//
//   void* block = base::CacheAllocate(sizeof(Cell));
//   base::CacheFree(block, sizeof(Cell));   // the same size; any thread
//
// Three floors:
//   thread   a stack of free blocks for each size class of 16 bytes, up to kMaxCachedBytes; no lock, no atomics. It is
//            bounded: what is too much goes down, and what is missing comes up, a batch at a time under one lock, so
//            tasks made on one worker and freed on another cost that lock once in dozens of blocks.
//   class    slabs of 64 KiB, cut into blocks of one size; a slab knows which of its blocks are free.
//   process  empty slabs: so many are kept for any class, the rest is given back to the system at once.
// A block has no header; larger ones are malloc's. A thread's blocks go down when it ends. Under AddressSanitizer,
// ThreadSanitizer and the explorer all of it is malloc, so that they see every block.
//
// Alignment 16. Memory that the system refuses ends the process with a sentence. Any thread, also while it ends, and in a child of
// fork().
#ifndef KIOTO_RUNTIME_BASE_MEMORY_CACHE_H_
#define KIOTO_RUNTIME_BASE_MEMORY_CACHE_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/config.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || KIOTO_MODEL
#define KIOTO_MEMORY_CACHE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define KIOTO_MEMORY_CACHE 0
#endif
#endif
#ifndef KIOTO_MEMORY_CACHE
#define KIOTO_MEMORY_CACHE 1
#endif

namespace kioto::base {

inline constexpr size_t kMaxCachedBytes = 1024;

namespace internal {

struct FreeBlock {
  FreeBlock* next;
};

inline constexpr size_t kClassBytes = 16;
inline constexpr size_t kClasses = kMaxCachedBytes / kClassBytes + 1;  // class 0: size 0

constexpr size_t ClassOf(size_t size) { return (size + kClassBytes - 1) / kClassBytes; }

struct ThreadCache {
  struct Class {
    FreeBlock* top = nullptr;
    uint32_t count = 0;
    uint32_t limit = 0;  // 0: no cache here, every call goes the slow way
  };
  Class classes[kClasses];
};

// Never null: a thread that has not begun, or has ended, shares one that is empty and has no room.
// initial-exec: one instruction to find it, 8 bytes of the static room for thread-locals.
extern __thread ThreadCache* thread_cache __attribute__((tls_model("initial-exec")));

void* AllocateSlow(size_t size);
void FreeSlow(void* block, size_t size);

}  // namespace internal

[[nodiscard]] inline void* CacheAllocate(size_t size) {
#if KIOTO_MEMORY_CACHE
  if (__builtin_expect(size <= kMaxCachedBytes, 1)) {
    internal::ThreadCache::Class& cls = internal::thread_cache->classes[internal::ClassOf(size)];
    if (internal::FreeBlock* block = cls.top; __builtin_expect(block != nullptr, 1)) {
      cls.top = block->next;
      --cls.count;
      return block;
    }
  }
#endif
  return internal::AllocateSlow(size);
}

// `block` may not be null; `size` is what it was allocated with.
inline void CacheFree(void* block, size_t size) {
#if KIOTO_MEMORY_CACHE
  if (__builtin_expect(size <= kMaxCachedBytes, 1)) {
    internal::ThreadCache::Class& cls = internal::thread_cache->classes[internal::ClassOf(size)];
    if (__builtin_expect(cls.count < cls.limit, 1)) {
      auto* free_block = static_cast<internal::FreeBlock*>(block);
      free_block->next = cls.top;
      cls.top = free_block;
      ++cls.count;
      return;
    }
  }
#endif
  internal::FreeSlow(block, size);
}

// Gives what this thread keeps to the other threads, or to the system: before a long sleep.
void FlushMemoryCache();

// Bytes of slabs that the process has from the system at this moment.
size_t MemoryCacheMappedBytes();

// What stays mapped when nothing is in use, but for what threads keep: empty slabs, in bytes.
inline constexpr size_t kKeptEmptyBytes = 2 << 20;

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_MEMORY_CACHE_H_
