// The memory of erased futures and wide joins: from the thread's cache, unless the alignment asks for more.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_ERASED_MEMORY_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_ERASED_MEMORY_H_

#include <cstddef>
#include <new>
#include <utility>

#include "kioto/runtime/base/memory_cache.h"

namespace kioto::internal {

inline constexpr size_t kCacheAlign = 16;

inline void* AllocateErased(size_t size, size_t align) {
  if (align > kCacheAlign) return ::operator new(size, std::align_val_t(align));
  return base::CacheAllocate(size);
}

inline void FreeErased(void* memory, size_t size, size_t align) {
  if (align > kCacheAlign) {
    ::operator delete(memory, std::align_val_t(align));
  } else {
    base::CacheFree(memory, size);
  }
}

// Holds the memory while an object is made in it, and gives it back if that throws.
class ErasedMemory {
 public:
  ErasedMemory(size_t size, size_t align) : memory_(AllocateErased(size, align)), size_(size), align_(align) {}
  ErasedMemory(const ErasedMemory&) = delete;
  ErasedMemory& operator=(const ErasedMemory&) = delete;
  ~ErasedMemory() {
    if (memory_ != nullptr) FreeErased(memory_, size_, align_);
  }

  void* get() const { return memory_; }
  void* Release() { return std::exchange(memory_, nullptr); }

 private:
  void* memory_;
  const size_t size_;
  const size_t align_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_ERASED_MEMORY_H_
