#include "kioto/runtime/base/atomic.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

// Neither costs memory or a lock in the product; a Cell has one place, at which threads hand it over.
static_assert(sizeof(Cell<uint32_t>) == sizeof(uint32_t) && sizeof(Atomic<uint64_t>) == sizeof(uint64_t));
static_assert(Atomic<uint64_t>::is_always_lock_free && Atomic<void*>::is_always_lock_free);
static_assert(!std::is_copy_constructible_v<Cell<int>> && !std::is_copy_assignable_v<Cell<int>>);

TEST(CellTest, IsZeroAtFirstWhateverWasThereBefore) {
  alignas(Cell<uint64_t>) unsigned char memory[sizeof(Cell<uint64_t>)];
  std::memset(memory, 0xab, sizeof(memory));
  auto* cell = new (memory) Cell<uint64_t>;
  EXPECT_EQ(cell->Read(), 0u);
  cell->~Cell();
}

TEST(CellTest, HoldsWhatMovesAlone) {
  Cell<std::unique_ptr<int>> cell(std::make_unique<int>(1));
  EXPECT_EQ(*cell.Read(), 1);
  const std::unique_ptr<int> taken = std::move(cell.Write());
  EXPECT_EQ(*taken, 1);
  EXPECT_EQ(cell.Read(), nullptr);
}

}  // namespace
}  // namespace kioto::base
