#include "kioto/runtime/task/root_future.h"

#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace kioto::internal {
namespace {

using Found = RootFutures::Found;

class Root final : public RootFuture {
 public:
  Root() : RootFuture(base::SourceLocation::Current()) {}
  bool Poll(Context&) override { return true; }
  void Describe(WaitTrace& trace) const override { trace.Leaf("Root"); }
};

TEST(RootFuturesTest, AreFoundWhileTheyAreListed) {
  RootFutures list;
  Root first;
  Root second;
  {
    std::optional<RootFutures::Listed> early(std::in_place, list, first);
    const RootFutures::Listed late(list, second);
    const std::vector<Found> both = list.TakeAll();
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(both[0].root, &first);
    EXPECT_EQ(both[1].root, &second);
    EXPECT_EQ(both[1].place.line(), second.place.line());
    first.Give();
    second.Give();
    early.reset();
    const std::vector<Found> left = list.TakeAll();
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].root, &second);
    second.Give();
  }
  EXPECT_TRUE(list.TakeAll().empty());
}

TEST(RootFuturesTest, AreTakenByOneAtATime) {
  RootFutures list;
  Root root;
  const RootFutures::Listed listed(list, root);
  EXPECT_FALSE(root.polled());
  {
    const RootFuture::PollGuard polled(root);
    EXPECT_EQ(list.TakeAll()[0].root, nullptr);
  }
  EXPECT_TRUE(root.polled());
  EXPECT_EQ(list.TakeAll()[0].root, &root);
  EXPECT_EQ(list.TakeAll()[0].root, nullptr);  // another one looks
  root.Give();
  EXPECT_TRUE(root.TryTake());
  root.Give();
}

}  // namespace
}  // namespace kioto::internal
