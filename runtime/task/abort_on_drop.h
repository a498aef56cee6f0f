// AbortOnDrop<T>: a JoinHandle that aborts its task when it is dropped, instead of letting it go on.
//
//   AbortOnDrop ticker(Spawn(TickForEver()));          // ends with whoever owns it
//   return std::move(ticker).Map(...)                  // still a future of the task's output
//
// AbortOnDrop<void> is the same for an AbortHandle, where the output is somebody else's or nobody's.
// Dropping it is not waiting: the task's future is destroyed soon after, by its worker.
#ifndef KIOTO_RUNTIME_TASK_ABORT_ON_DROP_H_
#define KIOTO_RUNTIME_TASK_ABORT_ON_DROP_H_

#include <cstdint>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/task/join_handle.h"

namespace kioto {

// CANCEL SAFE: no data is lost, but dropping it ends the task (poll it ByRef to keep it).   THREADS: any, one at a time.
template <class T>
class [[nodiscard]] AbortOnDrop : public FutureBase<AbortOnDrop<T>, JoinOutput<T>> {
 public:
  static constexpr bool kMovable = true;

  explicit AbortOnDrop(JoinHandle<T> handle) : handle_(std::move(handle)) {}
  AbortOnDrop(AbortOnDrop&&) = default;
  AbortOnDrop& operator=(AbortOnDrop&& other) noexcept {
    if (this != &other) {
      handle_.Abort();
      handle_ = std::move(other.handle_);
    }
    return *this;
  }
  ~AbortOnDrop() { handle_.Abort(); }  // handle_ detaches it then

  Poll<JoinOutput<T>> PollOnce(Context& cx) { return handle_.PollOnce(cx); }
  void Describe(WaitTrace& trace) const { trace.Child(handle_); }

  void Abort() const { handle_.Abort(); }
  AbortHandle abort_handle() const { return handle_.abort_handle(); }
  // The handle as it was: dropping that one lets the task go on.
  JoinHandle<T> Disarm() && { return std::move(handle_); }
  bool finished() const { return handle_.finished(); }
  uint64_t id() const { return handle_.id(); }

 private:
  JoinHandle<T> handle_;
};

template <>
class [[nodiscard]] AbortOnDrop<void> {
 public:
  explicit AbortOnDrop(AbortHandle handle) : handle_(std::move(handle)) {}
  AbortOnDrop(AbortOnDrop&&) = default;
  AbortOnDrop& operator=(AbortOnDrop&& other) noexcept {
    if (this != &other) {
      handle_.Abort();
      handle_ = std::move(other.handle_);
    }
    return *this;
  }
  ~AbortOnDrop() { handle_.Abort(); }  // its output is somebody else's

  void Abort() const { handle_.Abort(); }
  AbortHandle Disarm() && { return std::move(handle_); }
  bool finished() const { return handle_.finished(); }
  uint64_t id() const { return handle_.id(); }

 private:
  AbortHandle handle_;
};

template <class T>
AbortOnDrop(JoinHandle<T>) -> AbortOnDrop<T>;
AbortOnDrop(AbortHandle) -> AbortOnDrop<void>;

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_ABORT_ON_DROP_H_
