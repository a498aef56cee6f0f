// What the collections of tasks have in common: the ways to spawn into one, and the futures that take outputs out.
//
// A collection C has, for those futures: AbortAll(), PollNext(cx) as a stream, empty().
#ifndef KIOTO_RUNTIME_TASK_INTERNAL_JOINING_H_
#define KIOTO_RUNTIME_TASK_INTERNAL_JOINING_H_

#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/task/task_id.h"

namespace kioto::internal {

// The six ways to spawn, each with the same options and place, each made into a JoinHandle here.
//
// kioto::SpawnBlocking stands in a package above this one: whoever spawns blocking jobs includes its header.
template <class Fn, class = void>
inline constexpr bool kKnowsSpawnBlocking = false;
template <class Fn>
inline constexpr bool kKnowsSpawnBlocking<
    Fn, std::void_t<decltype(SpawnBlocking(std::declval<Fn>(), std::declval<TaskOptions>(), base::SourceLocation()))>> = true;

template <class Fn>
auto MakeBlockingTask(Fn fn, TaskOptions options, base::SourceLocation place) {
  static_assert(kKnowsSpawnBlocking<Fn>,
                "kioto: to spawn blocking jobs into a collection include kioto/runtime/blocking/spawn_blocking.h");
  if constexpr (kKnowsSpawnBlocking<Fn>) {
    return SpawnBlocking(std::move(fn), std::move(options), place);
  } else {
    return JoinHandle<Poison>();
  }
}

// A task whose output is that of another type lies in memory as a task of the other. Its sentence.
template <class T, class U>
JoinHandle<T> AsHandleOf(JoinHandle<U> handle) {
  constexpr bool fits = std::is_same_v<JoinOutput<U>, JoinOutput<T>>;
  static_assert(fits || kIsPoison<U>,
                "kioto: the futures and functions of a collection give what its type says: .Map() the output to that");
  return JoinHandle<T>(std::move(handle).Release());
}

// Self has AbortHandle Insert(JoinHandle<T>).
template <class Self, class T>
class SpawnsInto {
 public:
  template <class F>
  AbortHandle Spawn(F&& future, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(kioto::Spawn(std::forward<F>(future), std::move(options), place));
  }
  // On another runtime: a Handle or a Runtime.
  template <class On, class F>
  AbortHandle SpawnOn(const On& on, F&& future, TaskOptions options = {},
                      base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(on.Spawn(std::forward<F>(future), std::move(options), place));
  }
  template <class F>
  AbortHandle SpawnLocal(F&& future, TaskOptions options = {},
                         base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(kioto::SpawnLocal(std::forward<F>(future), std::move(options), place));
  }
  // In a LocalSet that need not be driven yet.
  template <class Set, class F>
  AbortHandle SpawnLocalOn(Set& set, F&& future, TaskOptions options = {},
                           base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(set.SpawnLocal(std::forward<F>(future), std::move(options), place));
  }
  // Needs kioto/runtime/blocking/spawn_blocking.h.
  template <class Fn>
  AbortHandle SpawnBlocking(Fn fn, TaskOptions options = {},
                            base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(MakeBlockingTask(std::move(fn), std::move(options), place));
  }
  template <class On, class Fn>
  AbortHandle SpawnBlockingOn(const On& on, Fn fn, TaskOptions options = {},
                              base::SourceLocation place = base::SourceLocation::Current()) {
    auto entered = on.Enter();
    return Add(MakeBlockingTask(std::move(fn), std::move(options), place));
  }

 protected:
  SpawnsInto() = default;

 private:
  template <class U>
  AbortHandle Add(JoinHandle<U> handle) {
    return static_cast<Self*>(this)->Insert(AsHandleOf<T>(std::move(handle)));
  }
  AbortHandle Add(Poison) { return {}; }
};

template <class C>
class [[nodiscard]] NextJoined : public FutureBase<NextJoined<C>, std::optional<typename C::Item>> {
 public:
  static constexpr bool kMovable = true;

  explicit NextJoined(C* tasks) : tasks_(tasks) {}
  auto PollOnce(Context& cx) { return tasks_->PollNext(cx); }
  void Describe(WaitTrace& trace) const { trace.Leaf("JoinNext of a set of tasks"); }

 private:
  C* tasks_;
};

template <class C>
using WithIdOf = typename decltype(std::declval<C&>().PollNextWithId(std::declval<Context&>()))::Value;

template <class C>
class [[nodiscard]] NextJoinedWithId : public FutureBase<NextJoinedWithId<C>, WithIdOf<C>> {
 public:
  static constexpr bool kMovable = true;

  explicit NextJoinedWithId(C* tasks) : tasks_(tasks) {}
  auto PollOnce(Context& cx) { return tasks_->PollNextWithId(cx); }
  void Describe(WaitTrace& trace) const { trace.Leaf("JoinNextWithId of a set of tasks"); }

 private:
  C* tasks_;
};

// Aborts at its first poll.
template <class C>
class [[nodiscard]] JoinShutdown : public FutureBase<JoinShutdown<C>, Unit> {
 public:
  static constexpr bool kMovable = true;

  explicit JoinShutdown(C* tasks) : tasks_(tasks) {}
  Poll<Unit> PollOnce(Context& cx) {
    if (!std::exchange(begun_, true)) tasks_->AbortAll();
    for (;;) {
      auto polled = tasks_->PollNext(cx);
      if (polled.pending()) return kPending;
      if (!polled->has_value()) return Unit{};
    }
  }
  void Describe(WaitTrace& trace) const { trace.Leaf("Shutdown of a set of tasks"); }

 private:
  C* tasks_;
  bool begun_ = false;
};

// What all outputs together are.
template <class Output>
struct AllOutputs {  // a StatusOr<V>
  using Value = typename Output::value_type;
  using All = StatusOr<std::vector<Value>>;
  std::vector<Value> values;
  void Add(Output output) { values.push_back(*std::move(output)); }
  All Take() { return std::move(values); }
};
template <>
struct AllOutputs<Status> {
  using All = Status;
  void Add(const Status&) {}
  All Take() { return OkStatus(); }
};

template <class C>
class [[nodiscard]] AllJoined
    : public FutureBase<AllJoined<C>, typename AllOutputs<typename C::Item>::All> {
  using Outputs = AllOutputs<typename C::Item>;

 public:
  using Output = typename Outputs::All;

  static constexpr bool kLosesData = true;  // the outputs it has, and the tasks that are left

  explicit AllJoined(C tasks) : tasks_(std::move(tasks)) {}
  Poll<Output> PollOnce(Context& cx) {
    for (;;) {
      auto polled = tasks_->PollNext(cx);
      if (polled.pending()) return kPending;
      if (!polled->has_value()) return outputs_.Take();
      if (!(*polled)->ok()) {
        Status status = StatusIn(**polled);
        tasks_.reset();  // aborts the others
        return Output(std::move(status));
      }
      outputs_.Add(**std::move(polled));
    }
  }
  void Describe(WaitTrace& trace) const { trace.Leaf("JoinAll of a set of tasks"); }

 private:
  std::optional<C> tasks_;
  Outputs outputs_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_INTERNAL_JOINING_H_
