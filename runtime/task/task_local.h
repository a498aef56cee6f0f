// Task-locals: values that belong to a future and are found, without being handed down, by everything that it calls.
//
//   KIOTO_TASK_LOCAL(RequestId, request_id);                        // at namespace scope
//
//   Spawn(request_id.Scope(RequestId{7}, Handle(std::move(request))));
//   ... LOG(INFO) << request_id.Get();                              // anywhere below Handle
//
// The value lives in the future that Scope makes, is found during its polls and in the destructors of what it holds, and goes
// last. An inner Scope of the same key hides the outer one. Not inherited: a task that is spawned inside finds nothing, unless
// it is given a Scope of its own, nor does a task that is polled inside (by RunUntil of a LocalSet, by BlockOn).
#ifndef KIOTO_RUNTIME_TASK_TASK_LOCAL_H_
#define KIOTO_RUNTIME_TASK_TASK_LOCAL_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/future_base.h"

// Declares the key `name` for values of type T, which may contain no comma (give such a type a name).
#define KIOTO_TASK_LOCAL(T, name) \
  struct KiotoTaskLocalTag_##name; \
  inline constexpr ::kioto::TaskLocal<T, KiotoTaskLocalTag_##name> name {}

namespace kioto {
namespace internal {

Status TaskLocalNotSet();

// What a thread finds under a key: the value, if the task that has set it is the one that looks (null: outside of tasks).
template <class T>
struct TaskLocalPlace {
  T* value = nullptr;
  const TaskHeader* task = nullptr;
};

// Puts a value in its place for as long as it lives.
template <class T>
class [[nodiscard]] TaskLocalSetter {
 public:
  TaskLocalSetter(TaskLocalPlace<T>& place, T* value)
      : place_(place), outer_(std::exchange(place, TaskLocalPlace<T>{value, CurrentThread().task})) {}
  ~TaskLocalSetter() { place_ = outer_; }
  TaskLocalSetter(const TaskLocalSetter&) = delete;
  TaskLocalSetter& operator=(const TaskLocalSetter&) = delete;

 private:
  TaskLocalPlace<T>& place_;
  const TaskLocalPlace<T> outer_;
};

// Key has a static TaskLocalPlace<T>& Place().
template <class Key, class T, class F>
class [[nodiscard]] ScopedFuture : public FutureBase<ScopedFuture<Key, T, F>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  ScopedFuture(T value, F future) : value_(std::move(value)), future_(std::move(future)) {}
  ScopedFuture(ScopedFuture&& other)
      : ScopedFuture::FutureBase(std::move(other)), value_(std::move(other.value_)), future_(std::move(other.future_)) {
    other.value_.reset();
    other.future_.reset();
  }
  ~ScopedFuture() {
    if (!future_.has_value()) return;
    TaskLocalSetter<T> set(Key::Place(), value());
    future_.reset();
  }

  Poll<OutputOf<F>> PollOnce(Context& cx) {
    KIOTO_DCHECK(future_.has_value(), "a future was polled after it was ready");
    TaskLocalSetter<T> set(Key::Place(), value());
    auto polled = PollChild(*future_, cx);
    if (polled.ready()) future_.reset();
    return polled;
  }
  void Describe(WaitTrace& trace) const {
    if (future_.has_value()) trace.Child(*future_);
  }

  // Takes the value out, before the first poll or after the last; the future then finds the key not set.
  std::optional<T> TakeValue() { return std::exchange(value_, std::nullopt); }

 private:
  T* value() { return value_.has_value() ? &*value_ : nullptr; }

  std::optional<T> value_;
  std::optional<F> future_;
};

}  // namespace internal

// A key, made by KIOTO_TASK_LOCAL. THREADS: any; each sees what its own task has set.
template <class T, class Tag>
class TaskLocal {
 public:
  // The future, which finds `value` under this key. Gives what it gives. CANCEL SAFE: as the future.
  template <class F>
  auto Scope(T value, F future) const {
    static_assert(IsFuture<F>, "kioto: Scope takes a value and a future; for a function use SyncScope");
    if constexpr (IsFuture<F>) {
      return internal::ScopedFuture<TaskLocal, T, F>(std::move(value), std::move(future));
    } else {
      return internal::Poison{};
    }
  }
  // The same for a function that does not wait: calls it and gives what it gives.
  template <class Fn>
  decltype(auto) SyncScope(T value, Fn fn) const {
    internal::TaskLocalSetter<T> set(Place(), &value);
    return std::move(fn)();
  }

  bool IsSet() const { return Find() != nullptr; }
  // fn(T&), and gives what it gives. Where the key is not set it ends the program with a sentence.
  template <class Fn>
  decltype(auto) With(Fn fn) const {
    return std::move(fn)(Value());
  }
  // A copy.
  T Get() const { return Value(); }
  // The same where it may not be set: kFailedPrecondition.
  StatusOr<T> TryGet() const {
    if (!IsSet()) return internal::TaskLocalNotSet();
    return *Find();
  }
  // Status if fn gives nothing, else StatusOr of what it gives.
  template <class Fn>
  auto TryWith(Fn fn) const {
    using R = std::invoke_result_t<Fn, T&>;
    if constexpr (std::is_void_v<R>) {
      if (!IsSet()) return internal::TaskLocalNotSet();
      std::move(fn)(*Find());
      return OkStatus();
    } else {
      if (!IsSet()) return StatusOr<std::decay_t<R>>(internal::TaskLocalNotSet());
      return StatusOr<std::decay_t<R>>(std::move(fn)(*Find()));
    }
  }

  // Where this thread keeps what is set at the moment. For the library.
  static internal::TaskLocalPlace<T>& Place() {
    static thread_local internal::TaskLocalPlace<T> place;  // a constant: no guard
    return place;
  }

 private:
  // Null where it is not set.
  static T* Find() {
    const internal::TaskLocalPlace<T>& place = Place();
    return place.task == internal::CurrentThread().task ? place.value : nullptr;
  }
  T& Value() const {
    KIOTO_CHECK(IsSet(), "a task-local was read where it is not set: only inside its Scope, and a spawned task inherits none");
    return *Find();
  }
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_TASK_LOCAL_H_
