// The snippets of tools/guide/polling.md, compiled and run.
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

// [region leaf]
// A flag that one thread raises and one task awaits.
class Flag {
 public:
  class [[nodiscard]] RaisedFuture : public FutureBase<RaisedFuture, Unit> {
   public:
    explicit RaisedFuture(Flag& flag) : flag_(&flag) {}

    Poll<Unit> PollOnce(Context& cx) {
      flag_->waiter_.Register(cx.waker());  // first leave the waker,
      if (!flag_->raised_.load(std::memory_order_acquire)) return kPending;  // acquire: pairs with Raise; then look
      if (!cx.ConsumeBudget()) return kPending;
      return Unit{};
    }

   private:
    Flag* flag_;
  };

  // CANCEL SAFE: yes. THREADS: one task at a time.
  RaisedFuture Raised() { return RaisedFuture(*this); }

  // Any thread.
  void Raise() {
    raised_.store(true, std::memory_order_release);  // release: pairs with PollOnce. First the condition,
    waiter_.Wake();                                  // then the wake
  }

 private:
  base::Atomic<bool> raised_{false};
  WakerSlot waiter_;
};
// [end leaf]

// [region test]
TEST(FlagTest, WakesOnce) {
  Flag flag;
  PolledTask task(flag.Raised());
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(task.wakes(), 0);
  flag.Raise();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(task.Poll().ready());
}
// [end test]

TEST(FlagTest, WorksAcrossThreads) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  Flag flag;
  std::thread other([&flag] { flag.Raise(); });
  EXPECT_TRUE(runtime->BlockOn(flag.Raised()).ok());
  other.join();
}

}  // namespace
}  // namespace kioto
