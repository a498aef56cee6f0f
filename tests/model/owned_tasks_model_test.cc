// OwnedTasks: at the end of a runtime every task is refused or ended, once, and none is touched after it has gone. The rule is
// that of runtime/task/owned_tasks.h.
#include "kioto/runtime/task/owned_tasks.h"

#include <gtest/gtest.h>

#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::OwnedTasks;
using kioto::internal::TaskHeader;
using kioto::internal::TaskState;
using kioto::internal::TaskVTable;
using kioto::internal::WakeTarget;

// A task that never finishes by itself; it deletes itself with its last reference.
struct Task final : TaskHeader {
  Task(OwnedTasks* owned, Atomic<int>* ended)
      : TaskHeader(&kTable, nullptr, 1, base::SourceLocation::Current()), owned(owned), ended(ended) {
    Assert(DropJoin() == TaskState::ToDetached::kDetached, "a new task has a handle");
  }

  // With the right to poll.
  void Run() {
    if (StartPoll() == ToPoll::kCancel || Suspend() == ToIdle::kCancel) End();
  }
  void End() {
    owned->Unlink(this);
    Finish();
  }
  void Finish() {
    ended->fetch_add(1, std::memory_order_relaxed);
    Assert(Complete(/*output_dropped=*/true) == ToComplete::kDone, "dropped already");
  }
  static void Destroy(WakeTarget* target) { delete static_cast<Task*>(target); }
  static const TaskVTable kTable;

  OwnedTasks* const owned;
  Atomic<int>* const ended;
};

const TaskVTable Task::kTable = {{nullptr, &Task::Destroy, nullptr}, nullptr, nullptr, nullptr, nullptr, nullptr};

// `spawners` threads spawn and poll a task each, one more shuts down.
auto Shutdown(int spawners) {
  return [spawners] {
    Atomic<int> ended(0);
    {
      OwnedTasks owned(/*shards=*/1);
      auto spawn = [&] {
        auto* task = new Task(&owned, &ended);
        if (owned.Link(task, 0)) {
          task->Run();
        } else {
          task->Finish();
        }
      };
      Thread first(spawn);
      Thread second([&] {
        if (spawners == 2) spawn();
      });
      owned.Close();
      owned.AbortAll([](TaskHeader* task, void*) { static_cast<Task*>(task)->End(); }, nullptr);
      first.Join();
      second.Join();
      Assert(owned.size() == 0 && owned.local() == 0, "a task is left");
    }
    Assert(ended.Newest() == spawners, "a task has not ended once");
  };
}

TEST(OwnedTasksModel, EveryTaskEndsOnce) {
  ExpectHolds(Options().Preemptions(3), Shutdown(1));
  ExpectHolds(Options().Preemptions(2), Shutdown(2));
  ExpectHolds(Options().Random(10000), Shutdown(2));
  ExpectCaught("owned_tasks.link_when_closed", Options(), Shutdown(1));
  ExpectCaught("owned_tasks.keep_linked", Options(), Shutdown(1));
}

// One walks, a task at a time, while another thread ends the one in the middle: none is touched that has gone, and those that
// stay are seen once.
auto Walk() {
  return [] {
    Atomic<int> ended(0);
    {
      OwnedTasks owned(/*shards=*/1);
      auto* last = new Task(&owned, &ended);
      auto* goes = new Task(&owned, &ended);
      auto* first = new Task(&owned, &ended);
      for (Task* task : {last, goes, first}) Assert(owned.Link(task, 0), "a task was refused");
      Thread other([goes] { goes->End(); });
      int seen = 0;
      TaskHeader* one = nullptr;
      for (bool begin = true; owned.Collect(0, begin, &one, 1) == 1; begin = false) {
        seen += one == first || one == last;
        one->Unref();
      }
      other.Join();
      Assert(seen == 2, "the tasks that stayed were not seen once");
      first->End();
      last->End();
    }
    Assert(ended.Newest() == 3, "a task has not ended once");
  };
}

TEST(OwnedTasksModel, AWalkSeesWhatStays) {
  ExpectHolds(Options().Preemptions(3), Walk());
  ExpectCaught("owned_tasks.keep_cursor", Options(), Walk());
}

}  // namespace
}  // namespace kioto::model
