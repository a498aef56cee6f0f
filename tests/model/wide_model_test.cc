// The block behind wide joins: no child's wake is lost, and block and children go with the last of their wakers. The numbers
// are those of runtime/future/internal/wide.h.
#include "kioto/runtime/future/internal/wide.h"

#include <gtest/gtest.h>

#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::PollScope;
using kioto::internal::WideBlock;

WideBlock* NewBlock(uint32_t children) { return WideBlock::New(children, /*places=*/0, /*place_size=*/1, /*place_align=*/1); }

Waker WakerOf(WideBlock* block, uint32_t child) {
  const BorrowedWaker waker(&block->child(child));
  return waker.get();
}

// A join of two; each is ready when its producer has said so. A poll may see that before the wake comes; after the wake it
// must (R1, R2).
void Join() {
  Cell<int> data[2];
  Atomic<bool> ready[2];
  auto* sleeper = new Sleeper;
  WideBlock* block = NewBlock(2);
  {
    auto produce = [&](int i, Waker waker) {
      data[i].Write() = 1;
      ready[i].store(true, std::memory_order_release);
      waker.Wake();
    };
    Thread first([&, waker = WakerOf(block, 0)]() mutable { produce(0, std::move(waker)); });
    Thread second([&, waker = WakerOf(block, 1)]() mutable { produce(1, std::move(waker)); });
    const Waker waker = sleeper->MakeWaker();
    bool done[2] = {};
    while (!done[0] || !done[1]) {
      PollScope scope;
      Context cx(waker, scope);
      block->Register(waker);
      while (auto* child = block->NextWoken(cx)) {
        const uint32_t i = child->index();
        if (!ready[i].load(std::memory_order_acquire)) continue;
        Assert(data[i].Read() == 1, "woken without the data");
        done[i] = true;
      }
      if (!done[0] || !done[1]) sleeper->Sleep();
    }
    block->Close();
  }
  sleeper->Drop();
}

// The owner lets go while wakers are about (R3).
void Leave() {
  auto* sleeper = new Sleeper;
  WideBlock* block = NewBlock(2);
  {
    Thread first([waker = WakerOf(block, 0)] { waker.Wake(); });
    Thread second([waker = WakerOf(block, 1)]() mutable { const Waker gone = std::move(waker); });
    const Waker waker = sleeper->MakeWaker();
    PollScope scope;
    Context cx(waker, scope);
    block->Register(waker);
    (void)block->NextWoken(cx);
    block->Close();
  }
  sleeper->Drop();
}

TEST(WideModel, NoChildIsForgotten) {
  ExpectHolds(Options().Preemptions(2), Join);
  ExpectHolds(Options().Random(10000), Join);
  ExpectCaught("wide.poll_order", Options(), Join);
  ExpectCaught("wide.push_order", Options(), Join);
  ExpectCaught("wide.push_without_wake", Options(), Join);
}

TEST(WideModel, TheBlockGoesWithItsLastWaker) {
  ExpectHolds(Options().Preemptions(2), Leave);
  ExpectHolds(Options().Random(10000), Leave);
  ExpectCaught("wide.unref_order", Options(), Leave);
}

}  // namespace
}  // namespace kioto::model
