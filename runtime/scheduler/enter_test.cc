// EnterGuard: nested, of one runtime and of two, and what is refused.
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

Runtime MakeRuntime() {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

TEST(EnterTest, TheInnerRuntimeCountsThenTheOuterOne) {
  Runtime one = MakeRuntime(), two = MakeRuntime();
  EnterGuard outer = one.Enter();
  {
    EnterGuard inner = two.Enter();
    Spawn(Never()).Detach();
    EXPECT_EQ(two.handle().live_tasks(), 1u);
  }
  Spawn(Never()).Detach();
  EXPECT_EQ(one.handle().live_tasks(), 1u);
}

// The first guard goes before the second, which then would bring back a runtime that nobody has entered.
void DropInOrder(const Runtime& first, const Runtime& second) {
  std::unique_ptr<EnterGuard> one(new EnterGuard(first.Enter()));
  std::unique_ptr<EnterGuard> two(new EnterGuard(second.Enter()));
  one = nullptr;
  two = nullptr;
}

// behaviour: tokio/tests/rt_handle.rs#interleave_enter_different_rt
TEST(EnterDeathTest, GuardsOfTwoRuntimesGoInReverseOrder) {
  Runtime one = MakeRuntime(), two = MakeRuntime();
  EXPECT_DEATH(DropInOrder(one, two), "an EnterGuard went away before one that was made after it");
}

// behaviour: tokio/tests/rt_handle.rs#interleave_enter_same_rt
TEST(EnterDeathTest, GuardsOfOneRuntimeGoInReverseOrder) {
  Runtime runtime = MakeRuntime();
  EXPECT_DEATH(DropInOrder(runtime, runtime), "an EnterGuard went away before one that was made after it");
}

}  // namespace
}  // namespace kioto
