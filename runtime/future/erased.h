// Future<T>: any future that gives T, behind one type: what functions return across .cc files.
//
//   Future<StatusOr<int>> Lookup(Key key) {
//     if (auto it = cache.find(key); it != cache.end()) return it->second;     // ready: held inline, no allocation
//     return Fetch(key).AndThen([](Page& page) { return page.count(); });      // any other future: one allocation
//   }
//
// LocalFuture<T> is the same for a future that is bound to its thread (kLocal); Future<T> refuses such a one.
//
// Movable at any time, even after polling: what is polled stays where it is. Empty after a move and after it was ready;
// polling it then is a checked error. It may not be destroyed, assigned or moved inside its own poll (checked).
// It can not know what the future in it loses when it is dropped (LosesDataWhenDropped is false for it): the function that
// returns it says so in its CANCEL SAFE line, and who puts it into a Select heeds that.
// Also made from a future with an output that becomes T: nothing for a Status, a U for a StatusOr<U>; but not from one that
// gives Status for a StatusOr<U>: an OK has no U. (An error itself may be returned: `return absl::NotFoundError(…);`.)
// Future<void> is Future<Unit>. CANCEL SAFE: as the future in it. Threads: one at a time.
#ifndef KIOTO_RUNTIME_FUTURE_ERASED_H_
#define KIOTO_RUNTIME_FUTURE_ERASED_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/future_fwd.h"
#include "kioto/runtime/future/internal/erased_memory.h"
#include "kioto/runtime/future/internal/unify.h"

namespace kioto {
namespace internal {

template <class T>
struct ErasedVTable {
  Poll<T> (*poll)(void*, Context&);
  void (*destroy)(void*);
  void (*describe)(const void*, WaitTrace&);
};

// A future on the heap, as one that gives T.
template <class T, class F>
struct ErasedFuture {
  static Poll<T> PollIt(void* memory, Context& cx) {
    auto polled = PollChild(*static_cast<F*>(memory), cx);
    if constexpr (std::is_same_v<T, OutputOf<F>>) {
      return polled;
    } else {
      if (polled.pending()) return kPending;
      return Convert<T>(*std::move(polled));
    }
  }
  static void DestroyIt(void* memory) {
    static_cast<F*>(memory)->~F();
    FreeErased(memory, sizeof(F), alignof(F));
  }
  [[gnu::cold]] static void DescribeIt(const void* memory, WaitTrace& trace) { trace.Child(*static_cast<const F*>(memory)); }
  static void* Make(F&& future) {
    ErasedMemory memory(sizeof(F), alignof(F));
    ::new (memory.get()) F(std::move(future));
    return memory.Release();
  }
  static constexpr ErasedVTable<T> kVTable = {&PollIt, &DestroyIt, &DescribeIt};
};

// Of a constructor: an rvalue that goes straight to the heap, however large; a parameter by value would lie on the stack first.
struct Box {};

// Whether an output From may stand for T.
template <class From, class T>
inline constexpr bool kFitsErased = std::is_same_v<Unify<From, T>, T>;
template <class From, class T>
inline constexpr bool kHasNoValue = kIsStatus<From> && !kTakesOk<T>;

template <class Self, class T>
class Erased : public FutureBase<Self, T> {
 public:
  static constexpr bool kMovable = true;

  Erased() {}  // NOLINT: the union needs it
  Erased(Erased&& other) noexcept { Take(other); }
  Erased& operator=(Erased&& other) noexcept {
    if (this != &other) {
      Reset();
      Take(other);
    }
    return *this;
  }
  ~Erased() { Reset(); }

  Poll<T> PollOnce(Context& cx) {
    if (state_ == State::kReady) {
      T value = std::move(value_);
      Reset();
      return value;
    }
    KIOTO_CHECK(state_ == State::kHeap, "a Future was polled that is empty: it was ready before, moved from, or never filled");
    InPoll in_poll(this);
    auto polled = heap_.vtable->poll(heap_.memory, cx);
    in_poll.Leave();
    if (polled.ready()) Reset();
    return polled;
  }

  void Describe(WaitTrace& trace) const {
    if (state_ == State::kHeap) heap_.vtable->describe(heap_.memory, trace);
  }

  // Whether there is something to poll.
  explicit operator bool() const { return state_ != State::kEmpty; }

 protected:
  enum class State : uint8_t { kEmpty, kReady, kHeap, kInPoll };

  void SetReady(T value) {
    ::new (&value_) T(std::move(value));
    state_ = State::kReady;
  }
  template <class F>
  void SetFuture(F&& future) {
    heap_ = Heap{ErasedFuture<T, F>::Make(std::move(future)), &ErasedFuture<T, F>::kVTable};
    state_ = State::kHeap;
  }
  template <class, class>
  friend class Erased;
  template <class Other>
  void Take(Erased<Other, T>& other) {
    KIOTO_CHECK(other.state_ != decltype(other.state_)::kInPoll, "a Future was moved inside its own poll");
    state_ = static_cast<State>(other.state_);
    if (state_ == State::kReady) {
      ::new (&value_) T(std::move(other.value_));
      other.Reset();
    } else {
      heap_ = Heap{other.heap_.memory, other.heap_.vtable};
      other.state_ = decltype(other.state_)::kEmpty;
    }
  }

 private:
  // Marks the poll, and its end by an exception.
  class InPoll {
   public:
    explicit InPoll(Erased* self) : self_(self) { self_->state_ = State::kInPoll; }
    ~InPoll() { Leave(); }
    void Leave() {
      if (self_ != nullptr) std::exchange(self_, nullptr)->state_ = State::kHeap;
    }

   private:
    Erased* self_;
  };

  void Reset() {
    KIOTO_CHECK(state_ != State::kInPoll, "a Future was destroyed inside its own poll: let its owner drop it after the poll");
    const State state = std::exchange(state_, State::kEmpty);
    if (state == State::kReady) value_.~T();
    if (state == State::kHeap) heap_.vtable->destroy(heap_.memory);
  }

  struct Heap {
    void* memory;
    const ErasedVTable<T>* vtable;
  };

  State state_ = State::kEmpty;
  union {
    T value_;
    Heap heap_;
  };
};

// What Future<T> may be made from, and its sentence.
template <class F, class T, bool local>
constexpr bool MayErase() {
  constexpr bool thread = local || !IsLocalFuture<F>;
  constexpr bool fits = kFitsErased<OutputOf<F>, T> || kIsPoison<OutputOf<F>>;
  constexpr bool value = !kHasNoValue<OutputOf<F>, T>;
  static_assert(thread, "kioto: this future must stay on its thread: return it as a LocalFuture<T>");
  static_assert(!thread || fits, "kioto: a Future<T> is made from a future that gives T: .Map() its output to T");
  static_assert(!thread || value,
                "kioto: a future that gives Status is no Future<StatusOr<T>>, for an OK has no T: add it, .AndThen([&] { return t; })");
  return thread && fits && value;
}

template <class U, class T>
constexpr bool IsReadyValue() {
  if constexpr (IsFuture<std::remove_cv_t<std::remove_reference_t<U>>>) {
    return false;
  } else {
    return std::is_convertible_v<U&&, T>;
  }
}

// A value as T; an OK Status for a StatusOr<U> becomes an error instead of an abort.
template <class T, class U>
T AsOutput(U&& value) {
  if constexpr (kIsStatus<std::remove_cv_t<std::remove_reference_t<U>>> && kIsStatusOr<T>) {
    return Convert<T>(std::forward<U>(value));
  } else {
    return std::forward<U>(value);
  }
}

}  // namespace internal

template <class T>
class [[nodiscard]] Future : public internal::Erased<Future<T>, T> {
 public:
  Future() = default;
  // A value: ready.
  template <class U, std::enable_if_t<internal::IsReadyValue<U, T>(), int> = 0>
  Future(U&& value) {  // NOLINT: `return value;`
    this->SetReady(internal::AsOutput<T>(std::forward<U>(value)));
  }
  // A future.
  template <class F, std::enable_if_t<IsFuture<F> && !std::is_base_of_v<Future, F> && !internal::kIsPoison<F>, int> = 0>
  Future(F future) {  // NOLINT: `return future;`
    if constexpr (internal::MayErase<F, T, false>()) this->SetFuture(std::move(future));
  }
  template <class F>
  Future(internal::Box, F&& future) {
    if constexpr (internal::MayErase<F, T, false>()) this->SetFuture(std::move(future));
  }
};

template <>
class [[nodiscard]] Future<void> : public Future<Unit> {
 public:
  using Future<Unit>::Future;
  Future(Future<Unit> future) : Future<Unit>(std::move(future)) {}  // NOLINT: the same
};

template <class T>
class [[nodiscard]] LocalFuture : public internal::Erased<LocalFuture<T>, T> {
 public:
  static constexpr bool kLocal = true;

  LocalFuture() = default;
  LocalFuture(Future<T> future) { this->Take(future); }  // NOLINT: what may move may also stay
  template <class U, std::enable_if_t<internal::IsReadyValue<U, T>(), int> = 0>
  LocalFuture(U&& value) {  // NOLINT: `return value;`
    this->SetReady(internal::AsOutput<T>(std::forward<U>(value)));
  }
  template <class F, std::enable_if_t<IsFuture<F> && !std::is_base_of_v<LocalFuture, F> && !std::is_base_of_v<Future<T>, F> && !internal::kIsPoison<F>, int> = 0>
  LocalFuture(F future) {  // NOLINT: `return future;`
    if constexpr (internal::MayErase<F, T, true>()) this->SetFuture(std::move(future));
  }
  template <class F>
  LocalFuture(internal::Box, F&& future) {
    if constexpr (internal::MayErase<F, T, true>()) this->SetFuture(std::move(future));
  }
};

template <>
class [[nodiscard]] LocalFuture<void> : public LocalFuture<Unit> {
 public:
  using LocalFuture<Unit>::LocalFuture;
  LocalFuture(LocalFuture<Unit> future) : LocalFuture<Unit>(std::move(future)) {}  // NOLINT: the same
};

namespace internal {

template <class F>
auto BoxIt(F&& future) {
  using T = OutputOf<F>;
  if constexpr (std::is_base_of_v<Future<T>, F> || std::is_base_of_v<LocalFuture<T>, F>) {
    return std::move(future);
  } else if constexpr (IsLocalFuture<F>) {
    return LocalFuture<T>(Box{}, std::move(future));
  } else {
    return Future<T>(Box{}, std::move(future));
  }
}

}  // namespace internal

template <class Self, class T>
auto FutureBase<Self, T>::Boxed() && {
  return internal::BoxIt(self());
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_ERASED_H_
