#include "kioto/runtime/base/testing/allocation_counter.h"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace kioto::base {
namespace {

thread_local int64_t allocations = 0;

void* Allocate(size_t size, size_t alignment) {
  ++allocations;
  if (size == 0) size = 1;
  // aligned_alloc asks for a whole number of alignments.
  void* block = alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
                    ? std::malloc(size)
                    : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (block == nullptr) std::abort();
  return block;
}

}  // namespace

int64_t AllocationsOfThisThread() { return allocations; }

}  // namespace kioto::base

void* operator new(size_t size) { return kioto::base::Allocate(size, 1); }
void* operator new[](size_t size) { return kioto::base::Allocate(size, 1); }
void* operator new(size_t size, std::align_val_t alignment) {
  return kioto::base::Allocate(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return kioto::base::Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { std::free(block); }
