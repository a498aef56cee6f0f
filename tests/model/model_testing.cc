#include "kioto/tests/model/model_testing.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "kioto/runtime/base/model/mutant.h"

namespace kioto::model {
namespace {

std::set<std::string>& Caught() {
  static std::set<std::string> caught;
  return caught;
}

// A mutant that no test asks for is a line that no test guards.
class EveryMutantIsCaught : public ::testing::Environment {
 public:
  void TearDown() override {
    if (::testing::GTEST_FLAG(filter) != "*" || ::testing::UnitTest::GetInstance()->Failed()) return;
    for (const std::string& name : NotCaught(KnownMutants())) {
      ADD_FAILURE() << "no test expects the mutant " << name << " to be caught";
    }
    std::printf("[   MODEL  ] %zu mutants, all caught\n", Caught().size());
  }
};

const ::testing::Environment* const kEnvironment = ::testing::AddGlobalTestEnvironment(new EveryMutantIsCaught);

void Log(const char* what, const Report& report) {
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::printf("[   MODEL  ] %s.%s, %s: %lld executions, %lld operations\n", test->test_suite_name(), test->name(), what,
              static_cast<long long>(report.executions), static_cast<long long>(report.steps));
}

}  // namespace

std::vector<std::string> NotCaught(const std::vector<std::string>& known) {
  std::vector<std::string> names;
  for (const std::string& name : known) {
    if (Caught().count(name) == 0) names.push_back(name);
  }
  return names;
}

Options Scaled(Options options) {
  if (const char* schedule = std::getenv("KIOTO_MODEL_REPLAY")) return options.Replay(schedule);
  if (const char* scale = std::getenv("KIOTO_MODEL_SCALE")) options.random_iterations *= std::atoll(scale);
  return options;
}

void CheckHolds(const Report& report, const char* what) {
  EXPECT_TRUE(report.ok && report.complete) << report.ToString();
  Log(what, report);
}

void CheckCaught(const Report& report, const std::string& mutant) {
  EXPECT_TRUE(report.mutant_met) << "the mutant " << mutant << " was not reached: is the name right?";
  EXPECT_FALSE(report.ok) << "the mutant " << mutant << " was not caught in " << report.ToString();
  Log(("caught " + mutant + " (" + report.failure.substr(0, 90) + ")").c_str(), report);
  Caught().insert(mutant);
}

}  // namespace kioto::model
