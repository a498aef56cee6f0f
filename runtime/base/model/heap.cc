#include "kioto/runtime/base/model/heap.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "kioto/runtime/base/model/execution.h"

namespace kioto::model::internal {

thread_local bool heap_on = false;

namespace {

constexpr size_t kHeapSize = 32 << 20;
constexpr uint64_t kLive = 0x11fe11fe;
constexpr uint64_t kFreed = 0xdeaddead;

// Before each block, at an address that is a multiple of 16.
struct alignas(16) Header {
  uint64_t size;   // of the block, rounded up to 16
  uint64_t state;  // kLive or kFreed
};

// One heap a process: one thread explores at a time (Explore checks).
char* heap_begin = nullptr;
char* heap_next = nullptr;

bool Owns(const void* p) {
  const char* c = static_cast<const char*>(p);
  return heap_begin != nullptr && c >= heap_begin && c < heap_begin + kHeapSize;
}

void* Take(size_t size, size_t alignment) {
  size = (size + 15) & ~size_t{15};
  if (alignment < 16) alignment = 16;
  char* block = heap_next + sizeof(Header);
  block += (alignment - reinterpret_cast<uintptr_t>(block) % alignment) % alignment;
  if (block + size > heap_begin + kHeapSize)
    Fail("the model takes more memory in one execution than the explorer has");
  // What alignment skipped stays part of the chain: an empty block that was given back.
  while (heap_next + sizeof(Header) < block) {
    new (heap_next) Header{0, kFreed};
    heap_next += sizeof(Header);
  }
  new (heap_next) Header{size, kLive};
  heap_next = block + size;
  return block;
}

void GiveBack(void* p) {
  Header* header = reinterpret_cast<Header*>(static_cast<char*>(p) - sizeof(Header));
  if (Execution::Current() == nullptr) return;  // left over from an execution that ended
  if (header->state == kFreed) Fail("memory was freed twice");
  header->state = kFreed;
  std::memset(p, kFreedByte, header->size);
}

void* Allocate(size_t size, size_t alignment) {
  if (heap_on) return Take(size, alignment);
  void* p = alignment <= alignof(std::max_align_t)
                ? std::malloc(size == 0 ? 1 : size)
                : std::aligned_alloc(alignment, (size + alignment - 1) & ~(alignment - 1));
  if (p == nullptr) {
    std::fputs("kioto: out of memory\n", stderr);
    std::abort();
  }
  return p;
}

void Free(void* p) {
  if (Owns(p)) {
    GiveBack(p);
  } else {
    std::free(p);
  }
}

}  // namespace

void ResetHeap() {
  if (heap_begin == nullptr) {
    void* memory = mmap(nullptr, kHeapSize, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      std::fputs("kioto: no memory for the heap of the schedule explorer\n", stderr);
      std::abort();
    }
    heap_begin = static_cast<char*>(memory);
  }
  heap_next = heap_begin;
}

Leak FindLeaks() {
  Leak leak;
  int number = 0;
  for (char* p = heap_begin; p < heap_next;) {
    const Header* header = reinterpret_cast<const Header*>(p);
    if (header->size != 0 || header->state == kLive) ++number;
    if (header->state == kLive && leak.blocks++ == 0) {
      leak.first_size = header->size;
      leak.first_number = number;
    }
    p += sizeof(Header) + header->size;
  }
  return leak;
}

}  // namespace kioto::model::internal

void* operator new(size_t size) { return kioto::model::internal::Allocate(size, 1); }
void* operator new(size_t size, std::align_val_t alignment) {
  return kioto::model::internal::Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* p) noexcept { kioto::model::internal::Free(p); }
void operator delete(void* p, size_t) noexcept { kioto::model::internal::Free(p); }
void operator delete(void* p, std::align_val_t) noexcept { kioto::model::internal::Free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept {
  kioto::model::internal::Free(p);
}
