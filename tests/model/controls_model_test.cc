// What the models together must be: enough of them for each primitive, and none that can not fail: B4 and B5 of the checks
// (tests/stress/README.md).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kioto/runtime/base/mutant.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

// The names of all tests of the program.
std::vector<std::string> Models() {
  std::vector<std::string> names;
  const auto& program = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < program.total_test_suite_count(); ++i) {
    const auto& suite = *program.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) names.push_back(std::string(suite.name()) + "." + suite.GetTestInfo(j)->name());
  }
  return names;
}

struct Primitive {
  const char* name;
  std::vector<const char*> models;  // beginnings of names
};

// check: B4
TEST(ModelControls, EachPrimitiveHasThreeModelsAndAllHaveSixty) {
  const std::vector<std::string> names = Models();
  const std::vector<Primitive> primitives = {
      {"oneshot", {"SyncModel.Oneshot"}},
      {"mpsc", {"MpscModel."}},
      {"watch", {"WatchModel."}},
      {"broadcast", {"BroadcastModel.EveryReceiver", "BroadcastModel.PlainWords", "BroadcastModel.ASender", "BroadcastModel.AReceiver", "BroadcastModel.TwoSenders", "BroadcastModel.TheLast"}},
      {"notify", {"SyncModel.Notify"}},
      {"semaphore", {"SemaphoreModel."}},
      {"mutex", {"LocksModel.MutexExcludes", "LocksModel.DropLock", "LocksModel.NoBarging"}},
      {"rwlock", {"LocksModel.ConcurrentWrite", "LocksModel.ConcurrentReadWrite", "LocksModel.Downgrade", "LocksModel.AWriter"}},
      {"once cell", {"LocksModel.OneMakesIt", "LocksModel.DropInitializer", "LocksModel.SetAgainstInit"}},
      {"set once", {"LocksModel.SetOnce"}},
      {"barrier", {"LocksModel.Barrier"}},
      {"token", {"BroadcastModel.WhoWaitsForAToken", "BroadcastModel.AToken", "BroadcastModel.AParent", "BroadcastModel.Tokens"}},
      {"waker slot", {"WakerSlotModel."}},
      {"join list", {"JoinListModel."}},
  };
  int all = 0;
  for (const Primitive& primitive : primitives) {
    int count = 0;
    for (const std::string& name : names) {
      for (const char* begins : primitive.models) count += name.rfind(begins, 0) == 0;
    }
    EXPECT_GE(count, 3) << primitive.name;
    all += count;
  }
  EXPECT_GE(all, 60);
}

// A mark of the product that a model has met and no test expects to be caught fails the program, when all tests have run. This is
// how it is told.
// check: B5
TEST(ModelControls, AMutantThatNoTestCatchesIsTold) {
  const std::vector<std::string> mark = {"controls.lost"};
  EXPECT_EQ(NotCaught(mark), mark);
  ExpectCaught(mark[0], Options(), [] { Assert(!KIOTO_MUTANT("controls.lost"), "broken on purpose"); });
  EXPECT_EQ(NotCaught(mark), std::vector<std::string>());
}

}  // namespace
}  // namespace kioto::model
