// Scoped(state…, fn): tasks with a common end. fn(scope, state&…) returns the body, a future, which starts children by
// scope.Spawn; when it is over, so are they.
//
//   Scoped(InPlace<Totals>(), [](Scope& scope, Totals& totals) {         // InPlace: atomics and mutexes do not move
//     for (Shard& shard : shards) scope.Spawn(Count(shard, totals));     // children may borrow the states, and fn's captures
//     return scope.Wait();                                               // until all have ended
//   })
//   Scoped(ScopeOptions{/*limit=*/8}, fn)                                // at most 8 children at work, the others wait in line
//   … return Timeout(10s, scope.Wait());                                 // a deadline for all of them
//
// Leaving     The body is ready: children that are left are cancelled, and awaited. The scope gives what the body gave.
// Failing     A child gives a bad status, throws, or is ended by its runtime, or fn or the body throws: the body is dropped, the
//             other children are cancelled and awaited, and the scope gives that first error (IsThrown).
// Dropping    Children are cancelled but not awaited: what they borrow lives on until the last of them has gone.
//
// Children are tasks: they run at the same time, on any worker, so what they share must be made for that. They borrow from the
// states and fn's captures alone: nothing else outlives a drop. A cancelled child is destroyed where it waits. If a state is a
// future that is bound to its thread so are all children, and by Spawn too: the last of them ends the states.
// Gives Status for a body that gives nothing, else Status, StatusOr<T>. CANCEL SAFE: as the body; children are cancelled.
// THREADS: a Scope, any. One allocation, and one per child.
//
// STATE       all under `lock_`, but for cancelled_, which is also read without it: before each poll of a child.
//             A child is new (counted in live_), then in one of running_, waiting_, and, once told to end, told_.
// RULES       the first poll of a child links it; before, a cancellation needs not wake it: it is queued.
//             A child ends: its future is destroyed first, then it leaves the counts, under the lock, then the block.
//             The block is counted: the scope's future, and every child.
// RACES       R1 the last child ends against the scope's look at live_: both under the lock; the scope has registered before.
#ifndef KIOTO_RUNTIME_TASK_SCOPE_H_
#define KIOTO_RUNTIME_TASK_SCOPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/in_place.h"
#include "kioto/runtime/future/internal/pack.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/task/spawn.h"

#if KIOTO_EXCEPTIONS
#include <exception>
#endif

namespace kioto {

struct ScopeOptions {
  size_t limit = 0;  // children at work at the same time; 0: no limit
};

class Scope;

namespace internal {

// A child's place in its scope. waker: constant once linked, else under the scope's lock.
struct ScopeLink : base::ListNode<> {
  enum class State : uint8_t { kNew, kWaiting, kRunning };
  Waker waker;
  State state = State::kNew;
  bool told = false;
};

// Somebody who waits for a scope to be empty, or to have room.
struct ScopeWaiter : base::ListNode<> {
  explicit ScopeWaiter(bool for_room) : for_room(for_room) {}
  const bool for_room;
  Waker waker;
};

enum class ScopeTurn : uint8_t { kRun, kWait, kCancelled };

template <class F>
class ScopeChild;
template <class... A>
class ScopeFuture;

}  // namespace internal

// Ready when the condition holds. CANCEL SAFE of Scope::Wait(), Room(): yes. Of the body alone: a child that waits for Wait waits for itself.
class [[nodiscard]] ScopeWait : public FutureBase<ScopeWait, Status> {
 public:
  ScopeWait(Scope* scope, bool for_room) : scope_(scope), waiter_(for_room) {}
  ScopeWait(ScopeWait&& other) noexcept
      : ScopeWait::FutureBase(std::move(other)), scope_(other.scope_), waiter_(other.waiter_.for_room) {}
  ~ScopeWait();
  Poll<Status> PollOnce(Context& cx);

 private:
  Scope* const scope_;
  internal::ScopeWaiter waiter_;
};

// Made by Scoped, at an address that children may keep.
class Scope {
 public:
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Starts a child, from the body or from another child. Its status is the scope's if it is the first that is bad; any other
  // output is dropped. In a scope that is ending, the future is destroyed at once.
  template <class F>
  void Spawn(F&& future, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current());
  // The same for a child that is bound to this thread.
  template <class F>
  void SpawnLocal(F&& future, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current());

  // Ready, with OK, when no child is left. (If one fails the scope drops the body, and so this.)
  ScopeWait Wait() { return ScopeWait(this, /*for_room=*/false); }
  // Ready, with OK, when fewer children are left than the limit: who spawns from a long list waits for it before each.
  ScopeWait Room() { return ScopeWait(this, /*for_room=*/true); }

  // Whether the scope is ending: new children are refused.
  bool cancelled() const {
    return cancelled_.load(std::memory_order_acquire);  // acquire: pairs with Cancel
  }
  // Children that have not ended, those that wait for their turn included.
  size_t size() const;

 protected:
  // local: the states are bound to this thread.
  Scope(ScopeOptions options, bool local) : limit_(options.limit), local_(local) {}
  virtual ~Scope();

 private:
  friend class ScopeWait;
  template <class F>
  friend class internal::ScopeChild;
  template <class... A>
  friend class internal::ScopeFuture;
  using Links = base::IntrusiveList<internal::ScopeLink>;

  // Of children. Add: false if it is refused; else a reference is the child's.
  bool Add();
  internal::ScopeTurn Enter(internal::ScopeLink& link, const Waker& waker);
  void Ended(internal::ScopeLink& link, Status status);
  // Of the scope's future.
  void Register(const Waker& waker) { parent_.Register(waker); }
  // It goes. Gives its task's waker back, unless a Wake is inside: then with the block.
  void Forget() { parent_.Register(Waker()); }
  bool Failed(Status* failure) const;
  // Cancels what is left. The first failure, or OK; later ones do not count.
  Status Leave();
  bool Empty() const;
  void Unref();
  // Of ScopeWait.
  bool PollWait(internal::ScopeWaiter& waiter, const Waker& waker);
  void DropWait(internal::ScopeWaiter& waiter);

  bool HoldsLocked(bool for_room) const { return live_ == 0 || (for_room && (limit_ == 0 || live_ < limit_)); }
  void TellAll();
  void WakeWaiters();

  const size_t limit_;
  const bool local_;
  base::Atomic<uint32_t> refs_{1};
  base::Atomic<bool> cancelled_{false};  // set under the lock, never cleared
  WakerSlot parent_;

  mutable base::SpinLock lock_;
  size_t live_ = 0;
  size_t at_work_ = 0;
  Status failure_;
  Links running_;
  Links waiting_;
  Links told_;
  base::IntrusiveList<internal::ScopeWaiter> waiters_;
};

namespace internal {

template <class F>
class [[nodiscard]] ScopeChild : public FutureBase<ScopeChild<F>, Unit> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;

  // On the way to its task. Takes over the reference of Scope::Add; if the move of the future throws it is given back, and no
  // child has failed: the throw is the caller's.
  class HandOver {
   public:
    HandOver(ScopeChild& child, Scope* scope) : child_(child) { child_.scope_ = scope; }
    HandOver(const HandOver&) = delete;
    HandOver& operator=(const HandOver&) = delete;
    ~HandOver() {
      if (child_.scope_ != nullptr) child_.End(OkStatus());
    }

   private:
    ScopeChild& child_;
  };

  template <class U>
  explicit ScopeChild(std::in_place_t, U&& future) : future_(std::in_place, std::forward<U>(future)) {}
  ScopeChild(ScopeChild&& other) : future_(std::move(other.future_)) {
    scope_ = std::exchange(other.scope_, nullptr);
    other.future_.reset();
  }
  ~ScopeChild() {
    if (scope_ != nullptr) End(AbortedError("a child of a Scope was dropped before its end"));
  }

  // Its runtime refuses or ends it.
  void EndedBy(const Status& reason) {
    if (scope_ != nullptr) End(reason);
  }

  Poll<Unit> PollOnce(Context& cx) {
    if (!entered_ || scope_->cancelled()) {
      const ScopeTurn turn = scope_->Enter(link_, cx.waker());
      if (turn == ScopeTurn::kWait) return kPending;
      if (turn == ScopeTurn::kCancelled) return End(OkStatus());
      entered_ = true;
    }
#if KIOTO_EXCEPTIONS
    try {
      return PollFuture(cx);
    } catch (...) {
      return End(ThrownError("a child of a Scope threw", std::current_exception()));
    }
#else
    return PollFuture(cx);
#endif
  }
  void Describe(WaitTrace& trace) const {
    if (!entered_) return trace.Leaf("Scope: its turn");
    if (future_.has_value()) trace.Child(*future_);
  }

 private:
  Poll<Unit> PollFuture(Context& cx) {
    auto polled = PollChild(*future_, cx);
    if (polled.pending()) return kPending;
    if constexpr (kIsFallible<OutputOf<F>>) {
      return End(StatusIn(*polled));
    } else {
      return End(OkStatus());
    }
  }
  Unit End(Status status) {
    future_.reset();
    std::exchange(scope_, nullptr)->Ended(link_, std::move(status));
    return Unit{};
  }

  Scope* scope_ = nullptr;
  bool entered_ = false;
  ScopeLink link_;
  std::optional<F> future_;
};

// The scope, and what children may borrow: the states, and fn at the end.
template <class... A>
struct ScopeBlock final : Scope {
  static constexpr bool kLocal = (... || IsLocalFuture<typename StateOf<A>::Object>);

  template <class... U>
  explicit ScopeBlock(ScopeOptions options, U&&... u) : Scope(options, kLocal) {
    pack.emplace(std::in_place, std::forward<U>(u)...);
  }
  template <size_t... I>
  void MakeStates(std::index_sequence<I...>) {
    (StateOf<Plain<decltype(At<I>(*pack))>>::Make(At<I>(*pack)), ...);
  }
  template <size_t... I>
  decltype(auto) Call(std::index_sequence<I...>) {
    return Invoke(At<sizeof...(I)>(*pack), static_cast<Scope&>(*this), StateOf<Plain<decltype(At<I>(*pack))>>::Get(At<I>(*pack))...);
  }

  std::optional<Pack<A...>> pack;
};

template <class... A>
class [[nodiscard]] ScopeFuture
    : public FutureBase<ScopeFuture<A...>, Fallible<OutputOf<Plain<decltype(std::declval<ScopeBlock<A...>&>().Call(
                                               std::make_index_sequence<sizeof...(A) - 1>()))>>>> {
  using Block = ScopeBlock<A...>;
  using Indexes = std::make_index_sequence<sizeof...(A) - 1>;
  using Body = Plain<decltype(std::declval<Block&>().Call(Indexes()))>;

 public:
  using Output = Fallible<OutputOf<Body>>;
  static constexpr bool kLocal = IsLocalFuture<Body> || Block::kLocal;
  static constexpr bool kLosesData = LosesDataWhenDropped<Body>;

  explicit ScopeFuture(Block* block) : block_(block) {}
  ScopeFuture(ScopeFuture&& other) noexcept
      : ScopeFuture::FutureBase(std::move(other)), block_(std::exchange(other.block_, nullptr)) {}
  ~ScopeFuture() {
    body_.reset();
    if (block_ == nullptr) return;
    block_->Forget();
    (void)block_->Leave();
    block_->Unref();
  }

  Poll<Output> PollOnce(Context& cx) {
    KIOTO_DCHECK(block_ != nullptr, "a future was polled after it was ready");
    block_->Register(cx.waker());
    if (!output_.has_value()) {
      PollBody(cx);
      if (!output_.has_value()) return kPending;
    }
    if (!block_->Empty()) return kPending;
    block_->pack.reset();  // here, not where the last child ends
    std::exchange(block_, nullptr)->Unref();
    return *std::move(output_);
  }
  void Describe(WaitTrace& trace) const {
    if (body_.has_value()) {
      trace.Node("Scoped", body_->future);
    } else {
      trace.Leaf("Scoped: the children that are left");
    }
  }

 private:
  // `future` made in place: it need not be movable.
  struct Holder {
    explicit Holder(Block* block) : future(block->Call(Indexes())) {}
    Body future;
  };

  void PollBody(Context& cx) {
    Status failure;
    if (!block_->Failed(&failure)) {
#if KIOTO_EXCEPTIONS
      try {
        if (PollOpenBody(cx)) return;
      } catch (...) {
        output_.emplace(ThrownError("the body of a Scope threw", std::current_exception()));
      }
#else
      if (PollOpenBody(cx)) return;
#endif
    }
    body_.reset();
    failure = block_->Leave();
    if (!failure.ok()) output_.emplace(std::move(failure));
  }
  // Whether it is pending.
  bool PollOpenBody(Context& cx) {
    if (!body_.has_value()) {
      block_->MakeStates(Indexes());
      body_.emplace(block_);
    }
    auto polled = PollChild(body_->future, cx);
    if (polled.pending()) return true;
    output_.emplace(Convert<Output>(*std::move(polled)));
    return false;
  }

  Block* block_;
  std::optional<Holder> body_;
  std::optional<Output> output_;
};

template <class... A>
constexpr Mistake MistakeOfScope() {
  using Fn = Plain<decltype((At<sizeof...(A) - 1>(std::declval<Pack<A...>&>())))>;
  if constexpr (IsFuture<Fn>) {
    return Mistake::kFuture;
  } else {
    return ParametersOf<Fn>::kByValue ? Mistake::kByValue : Mistake::kNone;
  }
}

template <class... A>
auto MakeScope(ScopeOptions options, A&&... state_and_fn) {
  if constexpr (Refuse<MistakeOfScope<std::decay_t<A>...>()>()) {
    using Block = ScopeBlock<std::decay_t<A>...>;
    using Body = Plain<decltype(std::declval<Block&>().Call(std::make_index_sequence<sizeof...(A) - 1>()))>;
    static_assert(IsFuture<Body>, "kioto: the function of Scoped returns a future, at whose end the scope ends: scope.Wait()");
    if constexpr (IsFuture<Body>) {
      return ScopeFuture<std::decay_t<A>...>(new Block(options, std::forward<A>(state_and_fn)...));
    } else {
      return Poison{};
    }
  } else {
    return Poison{};
  }
}

}  // namespace internal

template <class First, class... A>
auto Scoped(First&& first, A&&... rest) {
  if constexpr (std::is_same_v<std::decay_t<First>, ScopeOptions>) {
    static_assert(sizeof...(A) > 0, "kioto: the last argument of Scoped is the function that gets the Scope and the states");
    if constexpr (sizeof...(A) > 0) {
      return internal::MakeScope(first, std::forward<A>(rest)...);
    } else {
      return internal::Poison{};
    }
  } else {
    return internal::MakeScope(ScopeOptions(), std::forward<First>(first), std::forward<A>(rest)...);
  }
}

template <class F>
void Scope::Spawn(F&& future, TaskOptions options, base::SourceLocation place) {
  if constexpr (internal::MaySpawn<F>() && !std::is_lvalue_reference_v<F>) {
    if (local_) return SpawnLocal(std::forward<F>(future), std::move(options), place);
    using Child = internal::ScopeChild<std::decay_t<F>>;
    Child child(std::in_place, std::forward<F>(future));  // in a scope that is ending it dies here
    if (!Add()) return;
    const typename Child::HandOver hand_over(child, this);
    kioto::Spawn(std::move(child), std::move(options), place).reset();
  }
}

template <class F>
void Scope::SpawnLocal(F&& future, TaskOptions options, base::SourceLocation place) {
  constexpr bool fine = IsFuture<std::decay_t<F>>;
  static_assert(fine, "kioto: SpawnLocal needs a future; give a function's result, not the function");
  static_assert(!fine || !std::is_lvalue_reference_v<F>, "kioto: SpawnLocal takes its future by value: write std::move(future)");
  if constexpr (fine && !std::is_lvalue_reference_v<F>) {
    using Child = internal::ScopeChild<std::decay_t<F>>;
    Child child(std::in_place, std::forward<F>(future));  // in a scope that is ending it dies here
    if (!Add()) return;
    const typename Child::HandOver hand_over(child, this);
    kioto::SpawnLocal(std::move(child), std::move(options), place).reset();
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_SCOPE_H_
