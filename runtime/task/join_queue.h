// JoinQueue<T>: tasks that are joined in the order in which they were spawned. Dropping it aborts those that are left.
//
//   JoinQueue<StatusOr<Block>> blocks;                       // compressed in parallel, written in order
//   blocks.Spawn(Compress(std::move(part)));
//   ... ForEach(ByRef(blocks), [&](Block& block) { return file.WriteAll(block.bytes()); })
//
// The first task holds up the outputs of the others: that is what it is for. As JoinSet in all else.
#ifndef KIOTO_RUNTIME_TASK_JOIN_QUEUE_H_
#define KIOTO_RUNTIME_TASK_JOIN_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/task/abort_on_drop.h"
#include "kioto/runtime/task/internal/joining.h"
#include "kioto/runtime/task/join_set.h"

namespace kioto {

// THREADS: any, one at a time. Futures made by it borrow it: it may not be moved meanwhile.
template <class T = Unit>
class JoinQueue : public internal::SpawnsInto<JoinQueue<T>, T> {
 public:
  using Item = JoinOutput<T>;

  JoinQueue() = default;
  JoinQueue(JoinQueue&&) = default;
  JoinQueue& operator=(JoinQueue&&) = default;
  // Aborts every task, without waiting.
  ~JoinQueue() = default;

  // Spawn, SpawnOn, SpawnLocal, SpawnLocalOn, SpawnBlocking, SpawnBlockingOn: as JoinSet.

  AbortHandle Insert(JoinHandle<T> handle) { return tasks_.emplace_back(std::move(handle)).abort_handle(); }

  // The output of the oldest task, once it has ended; nullopt if there is none. CANCEL SAFE: yes. Wakes for that task only.
  auto JoinNext() { return internal::NextJoined<JoinQueue>(this); }
  auto JoinNextWithId() { return internal::NextJoinedWithId<JoinQueue>(this); }
  // Nullopt also if the oldest task has not ended. Asks for no budget, and leaves a JoinNext that waits alone.
  std::optional<JoinOutput<T>> TryJoinNext() {
    auto joined = TryJoinNextWithId();
    if (!joined.has_value()) return std::nullopt;
    return std::move(joined->output);
  }
  std::optional<JoinedTask<T>> TryJoinNextWithId() {
    if (empty() || !tasks_.front().finished()) return std::nullopt;
    const TaskId id = tasks_.front().id();
    JoinHandle<T> handle = Pop();
    return JoinedTask<T>{id, *handle.TryTake()};
  }
  // All outputs in order: Status where there is no value, else StatusOr<std::vector<V>>. The first that is an error is the
  // answer; the tasks behind it are aborted then. CANCEL SAFE: loses the queue.
  auto JoinAll() && { return internal::AllJoined<JoinQueue>(std::move(*this)); }

  void AbortAll() {
    for (auto& task : tasks_) task.Abort();
  }
  // AbortAll, then waits until every task has ended, and forgets their outputs. CANCEL SAFE: yes, what is left is joined later.
  auto Shutdown() { return internal::JoinShutdown<JoinQueue>(this); }
  void DetachAll() {
    while (!empty()) Pop().reset();
    std::exchange(waiting_, Waker()).Wake();  // there is nothing left to wait for
  }

  size_t size() const { return tasks_.size(); }
  bool empty() const { return tasks_.empty(); }

  Poll<std::optional<JoinOutput<T>>> PollNext(Context& cx) {
    auto polled = PollNextWithId(cx);
    if (polled.pending()) return kPending;
    if (!polled->has_value()) return std::optional<JoinOutput<T>>();
    return std::optional<JoinOutput<T>>(std::move((*polled)->output));
  }
  Poll<std::optional<JoinedTask<T>>> PollNextWithId(Context& cx) {
    if (empty()) return std::optional<JoinedTask<T>>();
    const TaskId id = tasks_.front().id();
    auto polled = tasks_.front().PollOnce(cx);
    if (polled.pending()) {
      if (!waiting_.WillWake(cx.waker())) waiting_ = cx.waker();
      return kPending;
    }
    waiting_ = Waker();
    tasks_.pop_front();
    return std::optional<JoinedTask<T>>(JoinedTask<T>{id, *std::move(polled)});
  }

 private:
  JoinHandle<T> Pop() {
    JoinHandle<T> handle = std::move(tasks_.front()).Disarm();
    tasks_.pop_front();
    return handle;
  }

  std::deque<AbortOnDrop<T>> tasks_;
  Waker waiting_;  // of the JoinNext that waits for the oldest
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_JOIN_QUEUE_H_
