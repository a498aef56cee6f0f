// TaskCell<F>: the one allocation of a task: its header, and behind it, in the same bytes, first its future and then its
// output. The template part of a task is the few functions here; all else is erased.
#ifndef KIOTO_RUNTIME_TASK_CELL_H_
#define KIOTO_RUNTIME_TASK_CELL_H_

#include <new>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/memory_cache.h"
#include "kioto/runtime/future/internal/erased_memory.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/task/join_output.h"
#include "kioto/runtime/task/scheduler.h"

#if KIOTO_EXCEPTIONS
#include <exception>
#endif

namespace kioto::internal {

// Where the output of a task lies, whatever its future was: right behind the header.
template <class T>
JoinOutput<T>* TaskOutput(TaskHeader* task) {
  return std::launder(reinterpret_cast<JoinOutput<T>*>(task + 1));
}

// Whether the future wants to be told why it is ended from outside: EndedBy(status), just before it is destroyed.
template <class F, class = void>
inline constexpr bool kHearsItsEnd = false;
template <class F>
inline constexpr bool kHearsItsEnd<F, std::void_t<decltype(std::declval<F&>().EndedBy(std::declval<const Status&>()))>> = true;

template <class F>
class TaskCell final : public TaskHeader {
 public:
  using Output = JoinOutput<typename F::Output>;
  static_assert(alignof(F) <= 16 && alignof(Output) <= 16,
                "kioto: the future of a task may ask for an alignment of 16 bytes at most; give the task a .Boxed() one");

  static TaskHeader* Make(F&& future, Scheduler* scheduler, base::SourceLocation place) {
    ErasedMemory memory(sizeof(TaskCell), kCacheAlign);  // if the future's move throws, nothing is left
    TaskHeader* cell = new (memory.get()) TaskCell(std::move(future), scheduler, place);
    (void)memory.Release();
    return cell;
  }

 private:
  TaskCell(F&& future, Scheduler* scheduler, base::SourceLocation place)
      : TaskHeader(&kTable, scheduler, NextTaskId(), place), future_(std::move(future)) {}
  ~TaskCell() {}  // the future and the output were destroyed when their time had come

  static bool Poll(TaskHeader* task, Context& cx) {
    TaskCell* cell = static_cast<TaskCell*>(task);
#if KIOTO_EXCEPTIONS
    bool future_lives = true;
    try {
      return cell->PollFuture(cx, future_lives);
    } catch (...) {
      if (future_lives) cell->future_.~F();
      new (&cell->output_) Output(TaskThrew(task, std::current_exception()));
      return true;
    }
#else
    bool future_lives = true;
    return cell->PollFuture(cx, future_lives);
#endif
  }

  bool PollFuture(Context& cx, bool& future_lives) {
    auto poll = PollChild(future_, cx);
    if (poll.pending()) return false;
    future_lives = false;
    future_.~F();
    new (&output_) Output(ToJoinOutput(*std::move(poll)));
    return true;
  }

  static void Cancel(TaskHeader* task, const Status& reason) {
    TaskCell* cell = static_cast<TaskCell*>(task);
    if constexpr (kHearsItsEnd<F>) cell->future_.EndedBy(reason);
    cell->future_.~F();
    new (&cell->output_) Output(reason);
  }

  static void DropOutput(TaskHeader* task) { static_cast<TaskCell*>(task)->output_.~Output(); }

  static const Status* Failure(TaskHeader* task) {
    const Output& output = static_cast<TaskCell*>(task)->output_;
    return output.ok() ? nullptr : &StatusIn(output);
  }

  [[gnu::cold]] static void Describe(const TaskHeader* task, WaitTrace& trace) {
    trace.Child(static_cast<const TaskCell*>(task)->future_);
  }

  static void Destroy(WakeTarget* target) {
    TaskCell* cell = static_cast<TaskCell*>(target);
    FreeTaskDetails(cell);
    cell->~TaskCell();
    base::CacheFree(cell, sizeof(TaskCell));
  }

  // The future, which ends before the task's last reference goes.
  static constexpr size_t kInterior = sizeof(TaskHeader) + sizeof(F);
  static constexpr TaskVTable kTable = {
      {&WakeTask, &Destroy, &WakeTaskLast, kInterior}, &Poll, &Cancel, &DropOutput, &Failure, &Describe};

  union {
    alignas(16) F future_;
    alignas(16) Output output_;
  };
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_CELL_H_
