#include "kioto/runtime/base/memory_cache.h"

#include <pthread.h>

#include <cstdlib>

#include "kioto/runtime/base/check.h"
#if KIOTO_MEMORY_CACHE
#include "kioto/runtime/base/memory_slab.h"
#endif

namespace kioto::base {
namespace {

void* CheckedMalloc(size_t size) {
  void* block = std::malloc(size);  // aligned to 16 on every platform of ours
  KIOTO_CHECK(block != nullptr || size == 0, "the system has no memory left for tasks");
  return block;
}

}  // namespace

#if !KIOTO_MEMORY_CACHE

namespace internal {
void* AllocateSlow(size_t size) { return CheckedMalloc(size); }
void FreeSlow(void* block, size_t) { std::free(block); }
}  // namespace internal

void FlushMemoryCache() {}
size_t MemoryCacheMappedBytes() { return 0; }

#else

namespace internal {
namespace {

ThreadCache no_cache;  // never written: no blocks, no room

struct Classes {
  Classes() {
    // Class 0 is size 0, which gets a block like size 1.
    for (size_t i = 0; i < kClasses; ++i) classes[i].Init(&pool, (i == 0 ? 1 : i) * kClassBytes);
    // In a child of fork() no lock is to be held by a thread that is not there.
    const int refused = ::pthread_atfork(&LockAll, &UnlockAll, &UnlockAll);
    KIOTO_CHECK(refused == 0, "the system has no memory left for a handler of fork()");
  }
  static void LockAll();
  static void UnlockAll();

  SlabPool pool;
  SizeClass classes[kClasses];
};
Classes& TheClasses() {
  static Classes& classes = *new Classes;  // never destroyed: threads may outlive main
  return classes;
}

void Classes::LockAll() {
  for (SizeClass& size_class : TheClasses().classes) size_class.mutex().Lock();
  TheClasses().pool.mutex().Lock();
}

void Classes::UnlockAll() {
  TheClasses().pool.mutex().Unlock();
  for (SizeClass& size_class : TheClasses().classes) size_class.mutex().Unlock();
}

void GiveAll(ThreadCache* cache) {
  for (size_t i = 0; i < kClasses; ++i) {
    ThreadCache::Class& cls = cache->classes[i];
    if (cls.count > 0) TheClasses().classes[i].Give(cls.top, cls.count);
    cls.top = nullptr;
    cls.count = 0;
  }
}

// Owns a thread's cache, and ends it with the thread. What other thread-locals free after that goes the slow way.
struct Owner {
  Owner() : cache(new ThreadCache) {
    for (size_t i = 0; i < kClasses; ++i) cache->classes[i].limit = 2 * TheClasses().classes[i].batch();
    thread_cache = cache;
  }
  ~Owner() {
    thread_cache = &no_cache;
    ended = true;
    GiveAll(cache);
    delete cache;
  }
  ThreadCache* const cache;
  static thread_local bool ended;
};
thread_local bool Owner::ended = false;

// This thread's cache, made if it has none; null if the thread is ending.
ThreadCache* Begin() {
  if (thread_cache != &no_cache) return thread_cache;
  if (Owner::ended) return nullptr;
  static thread_local Owner owner;
  return owner.cache;
}

}  // namespace

__thread ThreadCache* thread_cache = &no_cache;

void* AllocateSlow(size_t size) {
  if (size > kMaxCachedBytes) return CheckedMalloc(size);
  SizeClass& size_class = TheClasses().classes[ClassOf(size)];
  ThreadCache* cache = Begin();
  if (cache == nullptr) return size_class.Take(1);
  ThreadCache::Class& cls = cache->classes[ClassOf(size)];
  // It is empty, or has just been made. One block for the caller, the rest for later.
  FreeBlock* chain = size_class.Take(size_class.batch());
  cls.top = chain->next;
  cls.count = size_class.batch() - 1;
  return chain;
}

void FreeSlow(void* block, size_t size) {
  if (size > kMaxCachedBytes) return std::free(block);
  SizeClass& size_class = TheClasses().classes[ClassOf(size)];
  auto* free_block = static_cast<FreeBlock*>(block);
  ThreadCache* cache = Begin();
  if (cache == nullptr) {
    size_class.Give(free_block, 1);
    return;
  }
  ThreadCache::Class& cls = cache->classes[ClassOf(size)];
  if (cls.count == cls.limit) {
    cls.top = size_class.Give(cls.top, size_class.batch());
    cls.count -= size_class.batch();
  }
  free_block->next = cls.top;
  cls.top = free_block;
  ++cls.count;
}

}  // namespace internal

void FlushMemoryCache() {
  if (internal::thread_cache != &internal::no_cache) internal::GiveAll(internal::thread_cache);
}

size_t MemoryCacheMappedBytes() { return internal::TheClasses().pool.mapped_bytes(); }

#endif  // KIOTO_MEMORY_CACHE

}  // namespace kioto::base
