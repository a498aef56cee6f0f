#include "kioto/runtime/base/memory_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/thread.h"

namespace kioto::base {
namespace {

struct Block {
  void* memory;
  size_t size;
  unsigned char fill;
};

Block Make(size_t size, unsigned char fill) {
  Block block{CacheAllocate(size), size, fill};
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block.memory) % 16, 0u);
  std::memset(block.memory, fill, size);
  return block;
}
// Every byte is still what its owner wrote: no other block lies over it.
void CheckAndFree(const Block& block) {
  const auto* bytes = static_cast<const unsigned char*>(block.memory);
  for (size_t i = 0; i < block.size; ++i) ASSERT_EQ(bytes[i], block.fill) << "byte " << i << " of " << block.size;
  CacheFree(block.memory, block.size);
}

void OnOtherThread(absl::AnyInvocable<void() &&> body) {
  StatusOr<Thread> thread = Thread::Start("memory", std::move(body));
  ASSERT_TRUE(thread.ok());
  thread->Join();
}

TEST(MemoryCacheTest, EverySizeHasItsBytes) {
  std::vector<Block> blocks;
  for (size_t size = 0; size <= kMaxCachedBytes + 100; ++size) {
    for (int i = 0; i < 3; ++i) blocks.push_back(Make(size, static_cast<unsigned char>(size * 3 + i)));
  }
  for (const Block& block : blocks) CheckAndFree(block);
}

TEST(MemoryCacheTest, NoBlockIsGivenTwice) {
  std::vector<void*> blocks;
  for (int i = 0; i < 5'000; ++i) blocks.push_back(CacheAllocate(112));
  std::vector<void*> sorted = blocks;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end());
  for (size_t i = 1; i < sorted.size(); ++i) {
    ASSERT_GE(static_cast<char*>(sorted[i]) - static_cast<char*>(sorted[i - 1]), 112);
  }
  for (void* block : blocks) CacheFree(block, 112);
}

#if KIOTO_MEMORY_CACHE
TEST(MemoryCacheTest, TheLastFreedIsTheNextGiven) {
  void* block = CacheAllocate(96);
  CacheFree(block, 96);
  void* again = CacheAllocate(81);  // the same class
  EXPECT_EQ(again, block);
  CacheFree(again, 81);
}

TEST(MemoryCacheTest, MemoryComesBackDown) {
  FlushMemoryCache();
  const size_t before = MemoryCacheMappedBytes();
  std::vector<void*> blocks;
  for (int i = 0; i < 200'000; ++i) blocks.push_back(CacheAllocate(128));
  EXPECT_GE(MemoryCacheMappedBytes(), before + 20'000'000);
  // In an order that no allocator likes.
  FastRandom random(1);
  for (size_t i = blocks.size(); i > 1; --i) {
    std::swap(blocks[i - 1], blocks[random.Below(static_cast<uint32_t>(i))]);
  }
  for (void* block : blocks) CacheFree(block, 128);
  // What this thread keeps pins a slab each at worst; what it gives back frees all but the empty slabs that are kept.
  FlushMemoryCache();
  EXPECT_LE(MemoryCacheMappedBytes(), before + kKeptEmptyBytes);
}

TEST(MemoryCacheTest, HolesAreFilledBeforeNewSlabs) {
  std::vector<void*> blocks;
  for (int i = 0; i < 100'000; ++i) blocks.push_back(CacheAllocate(160));
  for (size_t i = 0; i < blocks.size(); i += 2) CacheFree(blocks[i], 160);
  const size_t mapped = MemoryCacheMappedBytes();
  for (size_t i = 0; i < blocks.size(); i += 2) blocks[i] = CacheAllocate(160);
  EXPECT_EQ(MemoryCacheMappedBytes(), mapped);
  for (void* block : blocks) CacheFree(block, 160);
}

TEST(MemoryCacheTest, AThreadKeepsLittle) {
  FlushMemoryCache();
  OnOtherThread([] {
    std::vector<void*> blocks;
    for (int i = 0; i < 20'000; ++i) blocks.push_back(CacheAllocate(1'024));
    const size_t most = MemoryCacheMappedBytes();
    for (void* block : blocks) CacheFree(block, 1'024);
    EXPECT_LE(MemoryCacheMappedBytes() + 15'000'000, most) << "while the thread lives, and without a flush";
  });
}

TEST(MemoryCacheTest, EmptySlabsServeAnyClass) {
  for (size_t size : {64, 512, 1'024}) {
    OnOtherThread([size] {
      std::vector<void*> blocks;
      for (size_t i = 0; i < 1'000'000 / size; ++i) blocks.push_back(CacheAllocate(size));
      for (void* block : blocks) CacheFree(block, size);
    });
  }
  const size_t mapped = MemoryCacheMappedBytes();
  OnOtherThread([] {
    std::vector<void*> blocks;
    for (int i = 0; i < 1'000; ++i) blocks.push_back(CacheAllocate(256));
    for (void* block : blocks) CacheFree(block, 256);
  });
  EXPECT_EQ(MemoryCacheMappedBytes(), mapped);
}

TEST(MemoryCacheTest, AnEndedThreadLeavesNothingBehind) {
  FlushMemoryCache();
  // Blocks of one thread, freed by a second, used by a third: the slabs go round, they do not grow.
  size_t mapped = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<void*> blocks(5'000);
    OnOtherThread([&blocks] {
      for (void*& block : blocks) block = CacheAllocate(200);
    });
    OnOtherThread([&blocks] {
      for (void* block : blocks) CacheFree(block, 200);
    });
    if (round == 0) mapped = MemoryCacheMappedBytes();
    EXPECT_LE(MemoryCacheMappedBytes(), mapped);
  }
}
#endif  // KIOTO_MEMORY_CACHE

// A thread-local that is made before the cache is destroyed after it.
struct FreesLate {
  ~FreesLate() {
    CacheFree(block, 1'024);
    CacheFree(CacheAllocate(1'024), 1'024);
  }
  void* block = nullptr;
};

// So many threads that the least they could leave behind, a batch of 8 KiB, would not fit what is mapped.
TEST(MemoryCacheTest, EndingThreadsLeaveNothingBehind) {
  FlushMemoryCache();
  const size_t before = MemoryCacheMappedBytes();
  for (int i = 0; i < 600; ++i) {
    OnOtherThread([] {
      static thread_local FreesLate late;
      FreesLate& made_first = late;
      void* block = CacheAllocate(1'024);
      made_first.block = CacheAllocate(1'024);
      CacheFree(block, 1'024);
    });
  }
  EXPECT_LE(MemoryCacheMappedBytes(), before + (1 << 20));
}

// Makers and freers on different threads, all sizes; every block is checked.
TEST(MemoryCacheTest, BlocksTravelBetweenThreads) {
  constexpr int kThreads = 4;
  constexpr int kSteps = 30'000;
  Mutex mutex;
  std::vector<Block> market;
  Thread threads[kThreads];
  for (int t = 0; t < kThreads; ++t) {
    StatusOr<Thread> started = Thread::Start("trader", [&, t] {
      FastRandom random(static_cast<uint64_t>(t));
      std::vector<Block> mine;
      for (int step = 0; step < kSteps; ++step) {
        if (random.Below(2) == 0) {
          mine.push_back(Make(random.Below(16) * 24, static_cast<unsigned char>(random.Next())));
        } else if (!mine.empty()) {
          CheckAndFree(mine.back());
          mine.pop_back();
        }
        if (step % 64 == 0) {
          MutexLock lock(mutex);
          std::swap(mine, market);
        }
      }
      for (const Block& block : mine) CheckAndFree(block);
    });
    ASSERT_TRUE(started.ok());
    threads[t] = *std::move(started);
  }
  for (Thread& thread : threads) thread.Join();
  for (const Block& block : market) CheckAndFree(block);
}

}  // namespace
}  // namespace kioto::base
