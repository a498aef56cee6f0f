#include "kioto/runtime/base/memory_slab.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "kioto/runtime/base/check.h"

namespace kioto::base::internal {
namespace {

constexpr size_t kRegionBytes = 1 << 20;  // asked of the system at once; pages that are not touched cost nothing
constexpr size_t kBatchBytes = 8 << 10;   // what a thread moves at once, about
constexpr uint32_t kMostInBatch = 64;
constexpr uint32_t kLeastInBatch = 8;

// kRegionBytes of address space, aligned like a slab.
char* MapRegion() {
  constexpr size_t kAsked = kRegionBytes + kSlabBytes;
  void* memory = mmap(nullptr, kAsked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  KIOTO_CHECK(memory != MAP_FAILED, "the system has no memory left for tasks");
  char* begin = static_cast<char*>(memory);
  const size_t before = -reinterpret_cast<uintptr_t>(begin) & (kSlabBytes - 1);
  if (before != 0) munmap(begin, before);
  munmap(begin + before + kRegionBytes, kSlabBytes - before);
  return begin + before;
}

}  // namespace

Slab* SlabPool::Take() {
  MutexLock lock(mutex_);
  if (Slab* slab = empty_.PopFront()) {
    --empty_count_;
    return slab;
  }
  if (region_ == region_end_) {
    region_ = MapRegion();
    region_end_ = region_ + kRegionBytes;
  }
  Slab* slab = new (region_) Slab;
  region_ += kSlabBytes;
  mapped_ += kSlabBytes;
  return slab;
}

void SlabPool::Give(Slab* slab) {
  {
    MutexLock lock(mutex_);
    if ((empty_count_ + 1) * kSlabBytes <= kKeptEmptyBytes) {
      slab->free = nullptr;
      slab->cut = 0;
      empty_.PushFront(*slab);
      ++empty_count_;
      return;
    }
    mapped_ -= kSlabBytes;
  }
  munmap(slab, kSlabBytes);
}

size_t SlabPool::mapped_bytes() {
  MutexLock lock(mutex_);
  return mapped_;
}

void SizeClass::Init(SlabPool* pool, size_t bytes) {
  pool_ = pool;
  bytes_ = bytes;
  batch_ = std::clamp(static_cast<uint32_t>(kBatchBytes / bytes), kLeastInBatch, kMostInBatch);
  blocks_ = static_cast<uint32_t>((kSlabBytes - sizeof(Slab)) / bytes);
}

FreeBlock* SizeClass::Take(uint32_t count) {
  FreeBlock* chain = nullptr;
  MutexLock lock(mutex_);
  while (count > 0) {
    if (partial_.empty()) partial_.PushFront(*pool_->Take());
    Slab& slab = partial_.front();
    for (; count > 0 && (slab.free != nullptr || slab.cut < blocks_); --count) {
      FreeBlock* block = slab.free;
      if (block != nullptr) {
        slab.free = block->next;
      } else {
        block = reinterpret_cast<FreeBlock*>(reinterpret_cast<char*>(&slab) + sizeof(Slab) + slab.cut++ * bytes_);
      }
      block->next = chain;
      chain = block;
      ++slab.out;
    }
    if (slab.free == nullptr && slab.cut == blocks_) slab.Unlink();
  }
  return chain;
}

FreeBlock* SizeClass::Give(FreeBlock* chain, uint32_t count) {
  IntrusiveList<Slab> empty;
  {
    MutexLock lock(mutex_);
    for (; count > 0; --count) {
      FreeBlock* block = chain;
      chain = block->next;
      Slab* slab = Slab::Of(block);
      block->next = slab->free;
      slab->free = block;
      // At the back: those in front are used up first, so that these may become empty.
      if (!slab->linked()) partial_.PushBack(*slab);
      if (--slab->out == 0) {
        slab->Unlink();
        empty.PushBack(*slab);
      }
    }
  }
  while (Slab* slab = empty.PopFront()) pool_->Give(slab);
  return chain;
}

}  // namespace kioto::base::internal
