// The state word of a task: every pair and triple of what may happen to one at the same time. The
// numbers are those of runtime/task/state.h.
//
// Here a thread that wins the right to poll polls at once, instead of putting the task into a
// queue: all that passes from one poller to the next passes through the state word.
#include "kioto/runtime/task/state.h"

#include <gtest/gtest.h>

#include "kioto/runtime/future/context.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::TaskState;
using kioto::internal::WakeTarget;

// Counts what must happen exactly once. Read when all threads have ended.
struct Ends {
  Atomic<int> futures_destroyed{0};
  Atomic<int> outputs_dropped{0};
  Atomic<int> outputs_taken{0};
  Atomic<int> tasks_destroyed{0};
};

// A task whose future is ready when `needed` events have happened.
struct Task final : TaskState {
  static constexpr int kOutput = 7;
  static constexpr int kAbortedOutput = -1;

  Task(Ends* ends, int needed) : TaskState(&kVTable), ends(ends), needed(needed) {}

  void Run();
  void End(int with);
  void DropOutput() {
    Assert(output.Read() != 0, "an output was dropped that is not there");
    output.Write() = 0;
    ends->outputs_dropped.fetch_add(1, std::memory_order_relaxed);
  }

  static const VTable kVTable;

  Ends* const ends;
  const int needed;
  bool takes_spare = false;  // whether a poll makes a waker
  Atomic<int> events{0};
  Cell<int> future{1};  // 0: destroyed
  Cell<int> output{0};  // 0: none
};

const WakeTarget::VTable Task::kVTable = {
    [](WakeTarget* target) {
      auto* task = static_cast<Task*>(target);
      if (task->Wake() == TaskState::ToWoken::kEnqueue) task->Run();
    },
    [](WakeTarget* target) {
      auto* task = static_cast<Task*>(target);
      Assert(task->future.Read() == 0, "a task was destroyed before its future");
      Assert(task->output.Read() == 0, "a task was destroyed with its output");
      task->ends->tasks_destroyed.fetch_add(1, std::memory_order_relaxed);
      delete task;
    },
    [](WakeTarget* target) {
      auto* task = static_cast<Task*>(target);
      if (task->WakeLast() == TaskState::ToWoken::kEnqueue) task->Run();
    },
};

void Task::Run() {
  for (;;) {
    if (StartPoll() == ToPoll::kCancel) return End(kAbortedOutput);
    Assert(future.Read() > 0, "a task was polled after its end");
    ++future.Write();
    if (takes_spare) {
      const BorrowedWaker root(this);
      kioto::internal::PollScope scope;
      scope.spare = &spare();
      Context cx(root.get(), scope);
      (void)cx.CloneWaker();
    }
    if (events.load(std::memory_order_relaxed) >= needed) return End(kOutput);
    switch (Suspend()) {
      case ToIdle::kIdle:
        return;
      case ToIdle::kRequeue:
        break;
      case ToIdle::kCancel:
        return End(kAbortedOutput);
    }
  }
}

void Task::End(int with) {
  Assert(future.Read() > 0, "a task ended twice");
  future.Write() = 0;
  ends->futures_destroyed.fetch_add(1, std::memory_order_relaxed);
  output.Write() = with;
  if (Complete(false) == ToComplete::kDone) return;
  DropOutput();
  Assert(Complete(true) == ToComplete::kDone, "a task that was completed is not");
}

// What may happen at once.
enum Actor {
  kPoll = 1,       // the first poll, on a thread of its own (else by the body, before everything else)
  kWake = 2,       // an event and a wake
  kWakeAgain = 4,  // another event and wake
  kAbort = 8,
  kJoin = 16,    // waits for the output, and takes it
  kDetach = 32,  // drops the handle
  kRegisterAndDetach = 64,
  kLook = 128,  // a dump's look at the future
};

void TakeOutput(Task* task) {
  Assert(task->output.Read() != 0, "a task was joined that has no output");
  task->output.Write() = 0;
  task->ends->outputs_taken.fetch_add(1, std::memory_order_relaxed);
  task->Unref();
}

void JoinTask(Task* task) {
  auto* first = new Sleeper;
  auto* sleeper = new Sleeper;
  const Waker waker = sleeper->MakeWaker();
  {
    const Waker moved_on = first->MakeWaker();  // the joiner was polled by another task before
    if (task->RegisterJoin(moved_on) == TaskState::ToJoin::kComplete) {
      TakeOutput(task);
      task = nullptr;
    }
  }
  first->Drop();
  while (task != nullptr) {
    if (task->RegisterJoin(waker) == TaskState::ToJoin::kComplete) {
      TakeOutput(task);
      break;
    }
    sleeper->Sleep();
  }
  sleeper->Drop();
}

void Detach(Task* task) {
  if (task->DropJoin() == TaskState::ToDetached::kDetached) return;
  task->DropOutput();
  task->Unref();
}

void RegisterAndDetach(Task* task) {
  auto* sleeper = new Sleeper;
  {
    const Waker waker = sleeper->MakeWaker();
    if (task->RegisterJoin(waker) == TaskState::ToJoin::kComplete) {
      TakeOutput(task);
    } else {
      Detach(task);
    }
  }
  sleeper->Drop();
}

void WakeIt(Task* task) {
  task->events.fetch_add(1,
                         std::memory_order_relaxed);  // relaxed: the wake is what makes it visible
  task->Ref();
  const Waker waker(task);
  waker.Wake();
}

// The same by a waker that is given up, whose reference is the caller's.
void WakeItLast(Task* task) {
  task->events.fetch_add(1, std::memory_order_relaxed);  // relaxed: as above
  Waker(task).Wake();
}

// As runtime/task/task_dump.cc does it.
void LookAt(Task* task) {
  if (task->TakeIdle()) {
    Assert(task->future.Read() > 0, "a look found no future");
    if (task->Suspend() != TaskState::ToIdle::kIdle) task->Run();
  }
  task->Unref();
}

auto Actors(int actors, bool takes_spare = false) {
  return [actors, takes_spare] {
    Ends ends;
    const int needed = ((actors & kWake) != 0) + ((actors & kWakeAgain) != 0);
    auto* task = new Task(&ends, needed);
    task->takes_spare = takes_spare;
    // References for the threads that are no JoinHandle.
    for (int actor : {kWake, kWakeAgain, kAbort, kLook}) {
      if ((actors & actor) != 0) task->Ref();
    }
    if ((actors & kPoll) == 0) task->Run();
    {
      auto run = [&](Actor actor, auto f) {
        return [=] {
          if ((actors & actor) != 0) f(task);
        };
      };
      auto wake = [](Task* t) {
        WakeIt(t);
        t->Unref();
      };
      auto abort = [](Task* t) {
        if (t->Abort() == TaskState::ToWoken::kEnqueue) t->Run();
        t->Unref();
      };
      Thread poll(run(kPoll, [](Task* t) { t->Run(); }));
      Thread first(run(kWake, wake));
      Thread second(run(kWakeAgain, WakeItLast));
      Thread third(run(kAbort, abort));
      Thread looker(run(kLook, LookAt));
      if ((actors & kJoin) != 0) JoinTask(task);
      if ((actors & kRegisterAndDetach) != 0) RegisterAndDetach(task);
      if ((actors & kDetach) != 0) Detach(task);
    }
    if ((actors & (kJoin | kDetach | kRegisterAndDetach)) == 0) Detach(task);
    Assert(ends.futures_destroyed.load() == 1, "the future was not destroyed exactly once: a wake was lost");
    Assert(ends.outputs_taken.load() + ends.outputs_dropped.load() == 1, "the output was not given away exactly once");
    Assert((actors & kJoin) == 0 || ends.outputs_taken.load() == 1, "the output was not given to the JoinHandle");
    Assert(ends.tasks_destroyed.load() == 1, "the task was not destroyed exactly once");
  };
}

// check: B3
TEST(TaskStateModel, EveryPairAndTriple) {
  for (int handle : {0, int{kJoin}, int{kDetach}, int{kRegisterAndDetach}}) {
    for (int others = 1; others < 16; ++others) {
      if (__builtin_popcount(others) + (handle != 0) > 3) continue;
      SCOPED_TRACE(others | handle);
      ExpectHolds(Options(), Actors(others | handle));
    }
  }
}

TEST(TaskStateModel, EverythingAtOnceAtRandom) {
  for (int handle : {int{kJoin}, int{kDetach}, int{kRegisterAndDetach}}) {
    ExpectHolds(Options().Random(10000), Actors(kPoll | kWake | kWakeAgain | kAbort | handle));
  }
}

TEST(TaskStateModel, NoWakeIsLost) {
  const int actors = kPoll | kWake | kWakeAgain;
  ExpectHolds(Options().Preemptions(3), Actors(actors));
  ExpectCaught("task_state.wake_order", Options(), Actors(actors));
  ExpectCaught("task_state.wake_only_if_needed", Options(), Actors(actors));
  ExpectCaught("task_state.start_poll_order", Options(), Actors(actors));
  ExpectCaught("task_state.suspend_ignores_woken", Options(), Actors(actors));
  ExpectCaught("task_state.suspend_order", Options(), Actors(actors));
}

TEST(TaskStateModel, ALookDisturbsNothing) {
  for (int others : {kPoll | kWake, kWake | kAbort, kPoll | kAbort, kWake | kWakeAgain, kWake | kDetach, kAbort | kJoin}) {
    SCOPED_TRACE(others);
    ExpectHolds(Options(), Actors(kLook | others));
  }
  ExpectHolds(Options().Preemptions(3), Actors(kLook | kWake));
  ExpectCaught("task_state.take_idle_order", Options(), Actors(kLook | kPoll | kWake));
}

// The wakers that end by waking leave their references to the task, which gives them out again, and back with its own.
TEST(TaskStateModel, SpareReferencesAreCounted) {
  const int actors = kPoll | kWakeAgain;
  ExpectHolds(Options().Preemptions(3), Actors(actors | kDetach, /*takes_spare=*/true));
  ExpectHolds(Options(), Actors(actors | kWake, /*takes_spare=*/true));
  ExpectCaught("task_state.wake_last_order", Options(), Actors(actors));
  ExpectCaught("task_state.keep_spare", Options(), Actors(actors));
}

TEST(TaskStateModel, TheOutputGoesToOne) {
  ExpectHolds(Options().Preemptions(3), Actors(kPoll | kWake | kJoin));
  ExpectCaught("task_state.complete_order", Options(), Actors(kPoll | kJoin));
  ExpectCaught("task_state.register_order", Options(), Actors(kPoll | kWake | kJoin));
  ExpectCaught("task_state.complete_forgets_output", Options(), Actors(kPoll | kDetach));
}

TEST(TaskStateModel, TransitionsAreLockFree) {
  for (int handle : {int{kDetach}, int{kRegisterAndDetach}}) {
    // Nobody is asked to end the task; each thread must only come to its own end.
    const int actors = kPoll | kWake | kAbort | handle;
    Ends ends;  // outlives the executions: plain variables
    auto body = [actors, &ends] {
      auto* task = new Task(&ends, 2);
      task->Ref();
      task->Ref();
      Thread poll([&] { task->Run(); });
      Thread wake([&] { WakeIt(task); });
      Thread abort([&] {
        if (task->Abort() == TaskState::ToWoken::kEnqueue) task->Run();
      });
      Thread join([&] { (actors & kDetach) != 0 ? Detach(task) : RegisterAndDetach(task); });
    };
    ExpectHolds(Options().Preemptions(1).StaleLoads(1).AllowLeaks().Freeze(), body);
  }
}

}  // namespace
}  // namespace kioto::model
