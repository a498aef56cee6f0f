// OnceCell<T>: a T that is made by the first who asks for it, asynchronously if need be, while the others wait.
//
//   sync::OnceCell<Config> config;
//   return config.GetOrTryInit([&] { return Load(path); }).AndThen([](const Config*& c) { return Serve(*c); });
//
// STATE       that of a semaphore with one permit, the turn: free -> (an initializer has the turn -> free)* -> closed.
//             Closed means: the value is there, for ever.
// OWNERSHIP   the value: of who has the turn; once the turn is closed, everybody's, and const.
// RACES       R1 an initializer that fails, or is dropped, gives its turn to the next that waits, who calls its own.
//             R2 Close releases the value; IsClosed and whoever it wakes acquire it.
//             R3 an initializer that waits and one that comes: whoever has the turn finds the cell empty, for it would
//                be closed.
// COST        RMWs: none once the value is there. To make it: 2.
#ifndef KIOTO_SYNC_ONCE_CELL_H_
#define KIOTO_SYNC_ONCE_CELL_H_

#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/sync/semaphore.h"

namespace kioto::sync {

template <class T>
class OnceCell;

namespace internal {

// Whether Output is a StatusOr of what becomes a T.
template <class Output, class T>
inline constexpr bool kGivesStatusOr = false;
template <class U, class T>
inline constexpr bool kGivesStatusOr<StatusOr<U>, T> = std::is_convertible_v<U, T>;

// `kTry`: `Init` gives StatusOr<T>, and so does this; else T, and this gives the value alone.
template <class T, class Init, bool kTry>
class [[nodiscard]] OnceFuture
    : public FutureBase<OnceFuture<T, Init, kTry>, std::conditional_t<kTry, StatusOr<const T*>, const T*>> {
 public:
  using Output = std::conditional_t<kTry, StatusOr<const T*>, const T*>;
  static constexpr bool kLocal = IsLocalFuture<Init>;
  static constexpr bool kLosesData = LosesDataWhenDropped<Init>;

  OnceFuture(OnceCell<T>& cell, Init init) : cell_(&cell), wait_(cell.turn_.Acquire()), init_(std::move(init)) {}

  void Describe(WaitTrace& trace) const {
    if (turn_.has_value() && init_.has_value()) {
      trace.Child(*init_);
    } else {
      trace.Leaf("OnceCell");
    }
  }
  Poll<Output> PollOnce(Context& cx) {
    if (!turn_.has_value()) {
      if (const T* value = cell_->Get()) return Output(value);
      auto turn = wait_.PollOnce(cx);
      if (turn.pending()) return kPending;
      if (!turn->ok()) return Output(cell_->Get());  // closed meanwhile: the value is there
      turn_.emplace(**std::move(turn));
    }
    auto made = kioto::internal::PollChild(*init_, cx);
    if (made.pending()) return kPending;
    init_.reset();
    if constexpr (kTry) {
      if (!made->ok()) {
        turn_.reset();  // R1
        return Output(std::move(*made).status());
      }
      return Output(cell_->Fill(**std::move(made)));
    } else {
      return Output(cell_->Fill(*std::move(made)));
    }
  }

 private:
  OnceCell<T>* cell_;
  AcquireFuture wait_;
  std::optional<SemaphorePermit> turn_;
  std::optional<Init> init_;  // gone before its turn is
};

}  // namespace internal

// Threads: any. It must outlive its futures, and who uses its value.
template <class T>
class OnceCell {
 public:
  OnceCell() = default;
  // Has its value from the start.
  explicit OnceCell(T value) { Fill(std::move(value)); }
  OnceCell(const OnceCell&) = delete;
  OnceCell& operator=(const OnceCell&) = delete;

  // The value; null if there is none yet.
  const T* Get() const { return turn_.IsClosed() ? &*value_ : nullptr; }

  // The value, never null; without one fn() makes it: a T, or a future that gives a T. One initializer at a time; fn is not called if
  // another was faster. fn that waits for the same cell waits for ever. CANCEL SAFE: loses place; dropped inside fn's
  // future, the next that waits calls its own. (As Select sees it: yes, if fn's future is.)
  template <class Fn>
  auto GetOrInit(Fn fn) {
    using Init = decltype(Lazy(std::move(fn)));
    constexpr bool gives_value = std::is_convertible_v<typename Init::Output, T>;
    static_assert(gives_value, "kioto: GetOrInit: fn gives a T or a future of one; for a StatusOr<T> use GetOrTryInit");
    return Start<Init, /*kTry=*/false, gives_value>(Lazy(std::move(fn)));
  }
  // The same for an fn that gives StatusOr<T>. An error goes to its caller alone, and the next that waits calls its own.
  template <class Fn>
  auto GetOrTryInit(Fn fn) {
    using Init = decltype(Lazy(std::move(fn)));
    constexpr bool may_fail = internal::kGivesStatusOr<typename Init::Output, T>;
    static_assert(may_fail || kioto::internal::kIsPoison<Init>,
                  "kioto: GetOrTryInit: fn gives a StatusOr<T> or a future of one; for a T use GetOrInit");
    return Start<Init, /*kTry=*/true, may_fail>(Lazy(std::move(fn)));
  }

  // kAlreadyExists: there is a value. kUnavailable: an initializer is at work. `value` is moved from only if OK.
  Status Set(T&& value) {
    auto turn = turn_.TryAcquire();
    if (turn.ok()) {
      Fill(std::move(value));
      return OkStatus();
    }
    if (IsClosed(turn.status())) return absl::AlreadyExistsError("OnceCell::Set: it has a value already: read it with Get()");
    return absl::UnavailableError("OnceCell::Set: an initializer is at work: wait for its value with GetOrInit()");
  }
  Status Set(const T& value) { return Set(T(value)); }

  // For who has the cell alone. The value, to change it; null if there is none.
  T* GetMutable() { return turn_.IsClosed() ? &*value_ : nullptr; }
  // The value, if there is one; the cell is as a new one then.
  std::optional<T> Take() {
    std::optional<T> value = std::exchange(value_, std::nullopt);
    turn_.~Semaphore();
    ::new (&turn_) Semaphore(1);
    return value;
  }
  std::optional<T> Into() && { return std::move(value_); }

 private:
  template <class, class, bool>
  friend class internal::OnceFuture;

  template <class Init, bool kTry, bool kFine>
  auto Start(Init init) {
    if constexpr (kFine && !kioto::internal::kIsPoison<Init>) {
      return internal::OnceFuture<T, Init, kTry>(*this, std::move(init));
    } else {
      return kioto::internal::Poison{};
    }
  }
  // By who has the turn.
  const T* Fill(T value) {
    const T* made = &value_.emplace(std::move(value));
    if (!KIOTO_MUTANT("once_cell.no_close")) turn_.Close();  // R2
    return made;
  }

  Semaphore turn_{1};
  std::optional<T> value_;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_ONCE_CELL_H_
