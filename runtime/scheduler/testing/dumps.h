// What tests of dumps share: runtimes of each flavour, what they look for in a dump, and a future that knows when it is looked at.
#ifndef KIOTO_RUNTIME_SCHEDULER_TESTING_DUMPS_H_
#define KIOTO_RUNTIME_SCHEDULER_TESTING_DUMPS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/task_dump.h"

namespace kioto::dump_testing {

enum class Flavour { kCurrentThread, kOneWorker, kManyWorkers };
inline constexpr Flavour kFlavours[] = {Flavour::kCurrentThread, Flavour::kOneWorker, Flavour::kManyWorkers};

inline Runtime MakeRuntime(Flavour flavour, bool details = false) {
  RuntimeBuilder builder =
      flavour == Flavour::kCurrentThread ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
  if (flavour != Flavour::kCurrentThread) builder.WorkerThreads(flavour == Flavour::kOneWorker ? 1 : 4);
  if (details) builder.TaskDetails();
  StatusOr<Runtime> runtime = builder.Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// Lets other tasks run until `done()`.
template <class Done>
auto Until(Done done) {
  return Loop([done] {
    return If(done(), [] { return Break(); }, [] { return YieldNow().Then([] { return Continue(); }); });
  });
}

inline const TaskDump* Find(const RuntimeDump& dump, uint64_t id) {
  for (const TaskDump& task : dump.tasks) {
    if (task.id == id) return &task;
  }
  return nullptr;
}

// A tree, "depth what" for each line.
inline std::vector<std::string> Tree(const std::vector<WaitNode>& waits) {
  std::vector<std::string> lines;
  for (const WaitNode& node : waits) lines.push_back(absl::StrCat(node.depth, " ", node.what));
  return lines;
}
inline std::vector<std::string> Tree(const TaskDump* task) { return Tree(task->waits); }

inline bool Waits(const Handle& runtime, uint64_t id) {
  const RuntimeDump dump = runtime.Dump();
  const TaskDump* task = Find(dump, id);
  return task != nullptr && task->state == TaskDump::State::kWaiting;
}

// A dump of a runtime when so many futures are under way in BlockOn, and all of them wait.
inline RuntimeDump WhenBlockOnsWait(const Handle& runtime, size_t many = 1) {
  for (;;) {
    RuntimeDump dump = runtime.Dump();
    size_t waiting = 0;
    for (const BlockOnDump& block_on : dump.block_ons) waiting += block_on.state == TaskDump::State::kWaiting;
    if (waiting == many && dump.block_ons.size() == many) return dump;
    std::this_thread::yield();
  }
}

// Waits for a Finish(), and does something of the test's when it is looked at.
class Watched {
 public:
  absl::AnyInvocable<void()> on_look;
  WakerSlot waker;
  std::atomic<bool> finish{false};
  std::atomic<int> polls{0};

  // After its first poll.
  void Finish() {
    finish = true;
    waker.Wake();
  }

  class Wait : public FutureBase<Wait, int> {
   public:
    explicit Wait(std::shared_ptr<Watched> watched) : watched_(std::move(watched)) {}
    Poll<int> PollOnce(Context& cx) {
      ++watched_->polls;
      watched_->waker.Register(cx.waker());
      if (watched_->finish) return 7;
      return kPending;
    }
    void Describe(WaitTrace& trace) const {
      trace.Leaf("Watched");
      if (watched_->on_look) std::exchange(watched_->on_look, nullptr)();
    }

   private:
    std::shared_ptr<Watched> watched_;
  };
};

}  // namespace kioto::dump_testing

#endif  // KIOTO_RUNTIME_SCHEDULER_TESTING_DUMPS_H_
