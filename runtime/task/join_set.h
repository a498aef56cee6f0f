// JoinSet<T>: tasks that are joined in the order in which they end. Dropping it aborts those that are left.
//
//   JoinSet<StatusOr<Page>> pages;
//   for (Url& url : urls) pages.Spawn(Fetch(std::move(url)));
//   return With(std::move(pages), [](auto& pages) {
//     return ForEach(ByRef(pages), [](Page& page) { ... });           // a set is a stream of its outputs
//   });
//
// A task that ends costs O(1), however many there are: nothing is polled to find out which it was. T is what the futures give;
// what comes out is a JoinOutput<T>, as from a JoinHandle: a task may be aborted, and it may throw. For tasks with names of
// their own use JoinMap, for outputs in the order of spawning JoinQueue, for outputs that do not matter TaskTracker.
#ifndef KIOTO_RUNTIME_TASK_JOIN_SET_H_
#define KIOTO_RUNTIME_TASK_JOIN_SET_H_

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "kioto/runtime/task/internal/joining.h"
#include "kioto/runtime/task/join_list.h"

namespace kioto {

// An output with the id of its task.
template <class T>
struct JoinedTask {
  TaskId id;
  JoinOutput<T> output;
};

// THREADS: any, one at a time. Futures made by it borrow it: it may not be moved meanwhile.
template <class T = Unit>
class JoinSet : public internal::SpawnsInto<JoinSet<T>, T> {
 public:
  using Item = JoinOutput<T>;

  JoinSet() = default;
  JoinSet(JoinSet&&) = default;
  JoinSet& operator=(JoinSet&&) = default;
  // Aborts every task, without waiting.
  ~JoinSet() = default;

  // Spawn, SpawnOn, SpawnLocal, SpawnLocalOn, SpawnBlocking, SpawnBlockingOn: as kioto::Spawn and so on, and joined here.
  // Each gives an AbortHandle.

  // A task that was spawned elsewhere joins the set.
  AbortHandle Insert(JoinHandle<T> handle) {
    internal::TaskHeader* task = std::move(handle).Release();
    list_.Start(list_.New(sizeof(internal::JoinEntry)), task);
    return AbortHandle(task);
  }
  // Spawns each future of a container.
  template <class C>
  void Extend(C futures) {
    for (auto& future : futures) this->Spawn(std::move(future));
  }

  // The output of the next task to end; nullopt if there is none. CANCEL SAFE: yes.
  auto JoinNext() { return internal::NextJoined<JoinSet>(this); }
  // The same with the task's id.
  auto JoinNextWithId() { return internal::NextJoinedWithId<JoinSet>(this); }
  // What has ended already; nullopt if nothing has. Asks for no budget, and leaves a JoinNext that waits alone.
  std::optional<JoinOutput<T>> TryJoinNext() {
    internal::JoinEntry* entry = list_.TakeReady();
    if (entry == nullptr) return std::nullopt;
    return Take(entry).output;
  }
  std::optional<JoinedTask<T>> TryJoinNextWithId() {
    internal::JoinEntry* entry = list_.TakeReady();
    if (entry == nullptr) return std::nullopt;
    return Take(entry);
  }
  // All outputs, in the order in which the tasks end: Status where there is no value, else StatusOr<std::vector<V>>. The first
  // that is an error is the answer; the tasks that are left are aborted then. CANCEL SAFE: loses the set.
  auto JoinAll() && { return internal::AllJoined<JoinSet>(std::move(*this)); }

  // Asks every task to end. They stay in the set until they are joined.
  void AbortAll() { list_.AbortAll(); }
  // AbortAll, then waits until every task has ended, and forgets their outputs. CANCEL SAFE: yes, what is left is joined later.
  auto Shutdown() { return internal::JoinShutdown<JoinSet>(this); }
  // Lets every task go on alone.
  void DetachAll() { list_.ForgetAll(); }

  // Tasks not yet joined, those that have ended included.
  size_t size() const { return list_.size(); }
  bool empty() const { return size() == 0; }

  // A stream that ends when the set is empty; it may be filled again. Only the last waker is woken.
  Poll<std::optional<JoinOutput<T>>> PollNext(Context& cx) {
    auto polled = PollNextWithId(cx);
    if (polled.pending()) return kPending;
    if (!polled->has_value()) return std::optional<JoinOutput<T>>();
    return std::optional<JoinOutput<T>>(std::move((*polled)->output));
  }
  Poll<std::optional<JoinedTask<T>>> PollNextWithId(Context& cx) {
    if (empty()) return std::optional<JoinedTask<T>>();
    internal::JoinEntry* entry = list_.PollReady(cx);
    if (entry == nullptr) return kPending;
    return std::optional<JoinedTask<T>>(Take(entry));
  }

 private:
  JoinedTask<T> Take(internal::JoinEntry* entry) {
    internal::TaskHeader* task = list_.Join(entry);
    const TaskId id = task->id;
    return JoinedTask<T>{id, internal::TakeTaskOutput<T>(task)};
  }

  internal::JoinList list_;
};

// A set of the tasks of these futures, which all give the same.
template <class C>
auto SpawnAll(C futures) {
  JoinSet<OutputOf<typename C::value_type>> set;
  set.Extend(std::move(futures));
  return set;
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_JOIN_SET_H_
