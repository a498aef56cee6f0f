// The list behind JoinSet and JoinMap: tasks that end while their owner joins, forgets or drops them. The numbers are those of
// runtime/task/join_list.h.
//
// A task here is one that somebody holds the right to poll of, and ends without having polled it: all that the list sees of a
// task is its end.
#include "kioto/runtime/task/join_list.h"

#include <gtest/gtest.h>

#include <memory>

#include "kioto/runtime/task/scheduler.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::JoinEntry;
using kioto::internal::JoinList;
using kioto::internal::PollScope;
using kioto::internal::Scheduler;
using kioto::internal::TaskHeader;
using kioto::internal::TaskState;
using kioto::internal::TaskVTable;
using kioto::internal::WakeTarget;

// Counts what must happen exactly once. Read when all threads have ended.
struct Ends {
  Atomic<int> taken{0};
  Atomic<int> dropped{0};
  Atomic<int> destroyed{0};
};

// Nothing is ever woken back to life: the right to poll is the ender's from the start.
class NoQueue final : public Scheduler {
 public:
  NoQueue() : Scheduler(/*shards=*/1) {}
  void Enqueue(TaskHeader*) override { Assert(false, "a task was enqueued that somebody owns"); }
  void EnqueueNew(TaskHeader*) override {}
  int ShardForThisThread() const override { return 0; }
  bool CanSpawnLocal() const override { return false; }
};

struct Task final : TaskHeader {
  Task(Scheduler* scheduler, Ends* ends) : TaskHeader(&kTable, scheduler, 1, base::SourceLocation()), ends(ends) {}

  // On the thread that has the right to poll.
  void End() {
    output.Write() = 7;
    if (Complete(false) == ToComplete::kDone) return;
    Drop();
    Assert(Complete(true) == ToComplete::kDone, "a task that was completed is not");
  }
  void Drop() {
    Assert(output.Read() == 7, "an output was dropped that is not there");
    output.Write() = 0;
    ends->dropped.fetch_add(1, std::memory_order_relaxed);
  }
  // As who joins it.
  void Take() {
    Assert(output.Read() == 7, "a task was joined that has no output");
    output.Write() = 0;
    ends->taken.fetch_add(1, std::memory_order_relaxed);
    Unref();
  }

  static const TaskVTable kTable;
  Ends* const ends;
  Cell<int> output{0};
};

void DestroyTask(WakeTarget* target) {
  Task* task = static_cast<Task*>(target);
  Assert(task->output.Read() == 0, "a task was destroyed with its output");
  task->ends->destroyed.fetch_add(1, std::memory_order_relaxed);
  delete task;
}

const TaskVTable Task::kTable = {
    {[](WakeTarget*) {}, &DestroyTask, [](WakeTarget* target) { target->Unref(); }},
    nullptr,
    nullptr,
    [](TaskHeader* task) { static_cast<Task*>(task)->Drop(); },
    [](TaskHeader*) -> const Status* { return nullptr; },  // none of them has failed
    nullptr,
};

// The end of the next task, as a JoinNext awaits it.
JoinEntry* AwaitReady(JoinList& list) {
  auto* sleeper = new Sleeper;
  JoinEntry* entry;
  {
    const Waker waker = sleeper->MakeWaker();
    for (;;) {
      PollScope scope;
      Context cx(waker, scope);
      entry = list.PollReady(cx);
      if (entry != nullptr) break;
      sleeper->Sleep();
    }
  }
  sleeper->Drop();
  return entry;
}

void TakeNext(JoinList& list) { static_cast<Task*>(list.Join(AwaitReady(list)))->Take(); }

JoinEntry* Start(JoinList& list, Task* task) {
  JoinEntry* entry = list.New(sizeof(JoinEntry));
  list.Start(entry, task);
  return entry;
}

void CheckEnds(const Ends& ends, int tasks, int taken) {
  Assert(ends.taken.load() == taken, "a task that was awaited was not joined");
  Assert(ends.taken.load() + ends.dropped.load() == tasks, "an output was not given away exactly once");
  Assert(ends.destroyed.load() == tasks, "a task was not destroyed exactly once");
}

// Two tasks end on two threads, one of them perhaps before it is in the list.
void JoinBoth() {
  NoQueue scheduler;
  Ends ends;
  {
    JoinList list;
    auto* first = new Task(&scheduler, &ends);
    auto* second = new Task(&scheduler, &ends);
    Thread one([first] { first->End(); });
    Start(list, first);
    Start(list, second);
    Thread two([second] { second->End(); });
    TakeNext(list);
    TakeNext(list);
    Assert(list.size() == 0, "a task is left");
  }
  CheckEnds(ends, 2, 2);
}

// behaviour: tokio/src/runtime/tests/loom_join_set.rs#test_join_set
TEST(JoinListModel, EveryTaskIsJoined) {
  ExpectHolds(Options(), JoinBoth);
  ExpectHolds(Options().Random(10000), JoinBoth);
  ExpectCaught("join_list.push_order", Options(), JoinBoth);
  ExpectCaught("join_list.register_without_look", Options(), JoinBoth);
}

// behaviour: tokio/src/runtime/tests/loom_join_set.rs#abort_all_during_completion
TEST(JoinListModel, AbortAllAgainstCompletion) {
  ExpectHolds(Options(), [] {
    NoQueue scheduler;
    Ends ends;
    {
      JoinList list;
      auto* task = new Task(&scheduler, &ends);
      Start(list, task);
      Thread ender([task] { task->End(); });
      list.AbortAll();
      TakeNext(list);
    }
    CheckEnds(ends, 1, 1);
  });
}

// The owner goes while a task ends (R3).
TEST(JoinListModel, TheListGoesWhileATaskEnds) {
  ExpectHolds(Options(), [] {
    NoQueue scheduler;
    Ends ends;
    {
      auto* first = new Task(&scheduler, &ends);
      auto* second = new Task(&scheduler, &ends);
      auto list = std::make_unique<JoinList>();
      Start(*list, first);
      Start(*list, second);
      Thread one([first] { first->End(); });
      Thread two([second] { second->End(); });
      list.reset();
    }
    CheckEnds(ends, 2, 0);
  });
}

// One task is forgotten while it ends; the other is joined.
void ForgetOne() {
  NoQueue scheduler;
  Ends ends;
  {
    JoinList list;
    auto* first = new Task(&scheduler, &ends);
    auto* second = new Task(&scheduler, &ends);
    JoinEntry* entry = Start(list, first);
    Start(list, second);
    Thread one([first] { first->End(); });
    Thread two([second] { second->End(); });
    list.Forget(entry);
    TakeNext(list);
    Assert(list.size() == 0, "a task is left");
  }
  CheckEnds(ends, 2, 1);
}

TEST(JoinListModel, AForgottenTaskIsNeverJoined) {
  ExpectHolds(Options(), ForgetOne);
  ExpectCaught("join_list.forget_pushed", Options(), ForgetOne);
}

}  // namespace
}  // namespace kioto::model
