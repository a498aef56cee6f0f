// RootFutures: a dump looks at the future of a BlockOn while it is polled and while it ends. The numbers are those of
// runtime/task/root_future.h.
#include "kioto/runtime/task/root_future.h"

#include <gtest/gtest.h>

#include <optional>

#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::RootFuture;
using kioto::internal::RootFutures;

// What it waits for changes at every poll.
class Root final : public RootFuture {
 public:
  Root() : RootFuture(base::SourceLocation::Current()) {}
  bool Poll(Context&) override { return false; }
  void Describe(WaitTrace&) const override {}

  void Step() { ++waits_.Write(); }
  void Look() const { Assert(polled() == (waits_.Read() > 0), "a poll was seen in part"); }

 private:
  Cell<int> waits_{0};
};

// A thread blocks on a future, for so many polls, while `dumps` others look.
auto Block(int polls, int dumps) {
  return [polls, dumps] {
    RootFutures roots;
    std::optional<Root> root;
    const auto dump = [&roots] {
      for (RootFutures::Found found; roots.TakeNext(&found);) {
        if (found.root == nullptr) continue;
        static_cast<Root*>(found.root)->Look();
        found.root->Give();
      }
    };
    Thread first(dump);
    Thread second([&] {
      if (dumps == 2) dump();
    });
    root.emplace();
    {
      const RootFutures::Listed listed(roots, *root);
      for (int i = 0; i < polls; ++i) {
        const RootFuture::PollGuard taken(*root);
        root->Step();
      }
    }
    root.reset();
    first.Join();
    second.Join();
  };
}

TEST(RootFutureModel, ALookIsBetweenThePolls) {
  ExpectHoldsAlways(Options().Preemptions(3), Block(2, 1));
  ExpectHolds(Options().Random(10000), Block(2, 2));
  ExpectCaught("root_future.look_into_a_poll", Options(), Block(1, 1));
}

TEST(RootFutureModel, TheEndAwaitsTheLook) {
  ExpectHolds(Options().Preemptions(3), Block(0, 1));
  ExpectHolds(Options().Preemptions(2), Block(1, 2));
  ExpectCaught("root_future.end_before_the_look", Options(), Block(0, 1));
}

}  // namespace
}  // namespace kioto::model
