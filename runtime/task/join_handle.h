// JoinHandle<T>: the one owner of a task's output, itself a future of it. AbortHandle: the right to end a task.
//
//   JoinHandle<size_t> count = Spawn(Count(path));
//   return std::move(count).AndThen([](size_t& n) { ... });   // StatusOr<size_t>
//
// Dropping the handle detaches the task: it goes on, and a failure is logged (Detach says so aloud).
#ifndef KIOTO_RUNTIME_TASK_JOIN_HANDLE_H_
#define KIOTO_RUNTIME_TASK_JOIN_HANDLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/task/cell.h"

namespace kioto {
namespace internal {

// The output of a task that has ended, from whoever owns the handle's reference and interest, which go with it.
template <class T>
JoinOutput<T> TakeTaskOutput(TaskHeader* task) {
  JoinOutput<T>* place = TaskOutput<T>(task);
  JoinOutput<T> output = std::move(*place);
  place->~JoinOutput<T>();
  task->Unref();
  return output;
}

}  // namespace internal

// Ends a task from anywhere; copyable; keeps the task's memory, not the task. Any thread.
class AbortHandle {
 public:
  AbortHandle() = default;
  // Null: the handle of no task, or of one whose output was taken.
  explicit AbortHandle(internal::TaskHeader* task) : task_(task) {
    if (task_ != nullptr) task_->Ref();
  }
  AbortHandle(const AbortHandle& other) : task_(other.task_) {
    if (task_ != nullptr) task_->Ref();
  }
  AbortHandle(AbortHandle&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
  AbortHandle& operator=(AbortHandle other) noexcept {
    std::swap(task_, other.task_);
    return *this;
  }
  ~AbortHandle() {
    if (task_ != nullptr) task_->Unref();
  }

  // Asks for the end: the future is destroyed by a worker, never on the caller's stack, and the JoinHandle gives
  // IsAborted, unless the task finishes first. No effect on a finished task. From inside the task: when this poll returns.
  void Abort() const {
    if (task_ != nullptr) internal::AbortTask(task_);
  }
  bool finished() const { return task_ == nullptr || task_->complete(); }
  uint64_t id() const { return task_ == nullptr ? 0 : task_->id; }

 private:
  internal::TaskHeader* task_ = nullptr;
};

// Gives JoinOutput<T> once the task has ended and its future is destroyed.
// CANCEL SAFE: yes (poll it ByRef; dropping the handle itself detaches).   THREADS: any, one at a time.
template <class T>
class [[nodiscard]] JoinHandle : public FutureBase<JoinHandle<T>, JoinOutput<T>> {
 public:
  JoinHandle() = default;
  explicit JoinHandle(internal::TaskHeader* task) : task_(task) {}
  JoinHandle(JoinHandle&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
  JoinHandle& operator=(JoinHandle&& other) noexcept {
    if (this != &other) {
      reset();
      task_ = std::exchange(other.task_, nullptr);
    }
    return *this;
  }
  ~JoinHandle() { reset(); }

  Poll<JoinOutput<T>> PollOnce(Context& cx) {
    KIOTO_DCHECK(task_ != nullptr, "a JoinHandle was polled after it had given its output, or after Detach");
    if (!task_->complete() && task_->RegisterJoin(cx.waker()) == internal::TaskState::ToJoin::kRegistered) return kPending;
    if (!cx.ConsumeBudget()) return kPending;
    return Take();
  }
  void Describe(WaitTrace& trace) const { trace.Leaf("JoinHandle of task " + std::to_string(id())); }
  // The output, if the task has ended; the handle is empty then. Never waits, asks for no budget, keeps a waker that a
  // poll has left.
  std::optional<JoinOutput<T>> TryTake() {
    if (task_ == nullptr || !task_->complete()) return std::nullopt;
    return Take();
  }

  void Abort() const {
    if (task_ != nullptr) internal::AbortTask(task_);
  }
  AbortHandle abort_handle() const { return AbortHandle(task_); }

  // The task goes on without us. If it fails, or has failed, the log or OnUnhandled hears of it.
  void Detach() && { reset(); }
  void reset() {
    internal::TaskHeader* task = std::exchange(task_, nullptr);
    if (task == nullptr || task->DropJoin() == internal::TaskState::ToDetached::kDetached) return;
    internal::DropUnreadOutput(task);
    task->Unref();
  }
  // The task with all that the handle owns of it, for collections of tasks. The handle is empty then.
  internal::TaskHeader* Release() && { return std::exchange(task_, nullptr); }

  // Whether the output is there: then the next poll gives it.
  bool finished() const { return task_ == nullptr || task_->complete(); }
  uint64_t id() const { return task_ == nullptr ? 0 : task_->id; }

 private:
  // The task has ended.
  JoinOutput<T> Take() { return internal::TakeTaskOutput<T>(std::exchange(task_, nullptr)); }

  internal::TaskHeader* task_ = nullptr;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_JOIN_HANDLE_H_
