#include "kioto/runtime/task/root_future.h"

#include <optional>
#include <utility>

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
    Found found;
    ASSERT_TRUE(list.TakeNext(&found));
    EXPECT_EQ(found.root, &first);
    first.Give();
    early.reset();  // while the finder is at it
    ASSERT_TRUE(list.TakeNext(&found));
    EXPECT_EQ(found.root, &second);
    EXPECT_EQ(found.place.line(), second.place.line());
    second.Give();
    EXPECT_FALSE(list.TakeNext(&found));
  }
  Found found;
  EXPECT_FALSE(list.TakeNext(&found));
}

// The first that a finder of its own finds.
RootFuture* TakeFirst(RootFutures& list) {
  Found found;
  EXPECT_TRUE(list.TakeNext(&found));
  return found.root;
}

TEST(RootFuturesTest, AreTakenByOneAtATime) {
  RootFutures list;
  Root root;
  const RootFutures::Listed listed(list, root);
  EXPECT_FALSE(root.polled());
  {
    const RootFuture::PollGuard polled(root);
    EXPECT_EQ(TakeFirst(list), nullptr);
  }
  EXPECT_TRUE(root.polled());
  EXPECT_EQ(TakeFirst(list), &root);
  EXPECT_EQ(TakeFirst(list), nullptr);  // another one looks
  root.Give();
  EXPECT_TRUE(root.TryTake());
  root.Give();
}

}  // namespace
}  // namespace kioto::internal
