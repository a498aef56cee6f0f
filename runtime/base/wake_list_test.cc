#include "kioto/runtime/base/wake_list.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kioto::base {
namespace {

using ::testing::ElementsAre;

struct Recorder {
  std::vector<int> woken;
  std::shared_ptr<int> held = std::make_shared<int>(0);
};
class FakeWaker {
 public:
  FakeWaker(Recorder* recorder, int name) : recorder_(recorder), name_(name), held_(recorder->held) {}
  void Wake() const { recorder_->woken.push_back(name_); }

 private:
  Recorder* recorder_;
  int name_;
  std::shared_ptr<int> held_;  // counts the wakers that live
};

TEST(WakeListTest, WakesInOrderAndForgets) {
  Recorder recorder;
  WakeList<FakeWaker, 3> wakes;
  EXPECT_TRUE(wakes.empty());
  for (int name : {1, 2, 3}) {
    EXPECT_FALSE(wakes.full());
    wakes.Add(FakeWaker(&recorder, name));
  }
  EXPECT_TRUE(wakes.full());
  EXPECT_EQ(recorder.held.use_count(), 4);
  wakes.WakeAll();
  EXPECT_THAT(recorder.woken, ElementsAre(1, 2, 3));
  EXPECT_EQ(recorder.held.use_count(), 1);
  EXPECT_TRUE(wakes.empty());
  wakes.WakeAll();
  wakes.Add(FakeWaker(&recorder, 4));
  wakes.WakeAll();
  EXPECT_THAT(recorder.woken, ElementsAre(1, 2, 3, 4));
}

TEST(WakeListTest, LeavingTheScopeWakes) {
  Recorder recorder;
  {
    WakeList<FakeWaker> wakes;
    wakes.Add(FakeWaker(&recorder, 7));
  }
  EXPECT_THAT(recorder.woken, ElementsAre(7));
  EXPECT_EQ(recorder.held.use_count(), 1);
}

}  // namespace
}  // namespace kioto::base
