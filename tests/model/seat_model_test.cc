// BlockInPlace: a worker's seat is left, taken and taken back; there is one in it, and one at the end. The numbers are those of
// runtime/scheduler/seat.h.
#include "kioto/runtime/scheduler/seat.h"

#include <gtest/gtest.h>

#include <optional>

#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::Seat;

// A worker: only who is in the seat touches it.
class Place {
 public:
  ~Place() { Assert(seated_.load(std::memory_order_relaxed) == 1, "nobody is in the seat, or two are"); }

  // In the seat: leaves it, and blocks for a while; so often, if it gets it back. Whoever has to be called comes, and runs
  // `then` in the seat.
  void BlockInPlace(void (*then)(Place&), int times = 1) {
    Work();
    const int mine = worker_.Read();
    seated_.fetch_sub(1, std::memory_order_relaxed);
    std::optional<Thread> called;
    const Seat::Left left = seat_.Leave();
    if (left.call) {
      Assert(on_the_way_.fetch_add(1, std::memory_order_relaxed) == 0, "a second thread was called");
      called.emplace([this, then] {
        on_the_way_.fetch_sub(1, std::memory_order_relaxed);
        if (!seat_.Take()) return;
        SitDown();
        then(*this);
      });
    }
    if (seat_.TakeBack(left.pass)) {
      SitDown();
      Assert(worker_.Read() == mine, "the worker came back as another thread left it");
      if (times > 1) BlockInPlace(then, times - 1);
    }
  }

  void Work() { ++worker_.Write(); }

 private:
  void SitDown() { Assert(seated_.fetch_add(1, std::memory_order_relaxed) == 0, "two threads are in the seat"); }

  Seat seat_;
  Cell<int> worker_{0};
  Atomic<int> seated_{1};
  Atomic<int> on_the_way_{0};
};

void Works(Place& place) { place.Work(); }

void Once() { Place().BlockInPlace(Works); }
void Twice() { Place().BlockInPlace(Works, 2); }
void Successor() {
  Place().BlockInPlace([](Place& place) { place.BlockInPlace(Works); });
}

TEST(SeatModel, OneOfTheTwoHasIt) {
  ExpectHoldsAlways(Options().Preemptions(4).SpuriousFailures(2), Once);
  ExpectCaught("seat.take_what_is_not_free", Options(), Once);
}

TEST(SeatModel, WhoIsOnTheWayServesTheNextTimeToo) {
  ExpectHoldsAlways(Options().Preemptions(3), Twice);
  ExpectCaught("seat.leave_order", Options(), Twice);
  ExpectCaught("seat.take_order", Options(), Twice);
  ExpectCaught("seat.calls_twice", Options().Preemptions(3), Twice);
}

TEST(SeatModel, ASuccessorsSeatIsNotOnesOwn) {
  ExpectHoldsAlways(Options().Preemptions(3), Successor);
  ExpectCaught("seat.take_another_s", Options().Preemptions(3), Successor);
}

}  // namespace
}  // namespace kioto::model
