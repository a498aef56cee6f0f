// FromCallback<T>(start): a future of what a callback will be called with.
//
//   Future<StatusOr<Row>> Query(Db* db, std::string sql) {
//     return FromCallback<Row>([db, sql = std::move(sql)](Completer<Row> done) {
//       db->QueryAsync(sql, [done = std::move(done)](Row row) mutable { done(std::move(row)); });
//     });
//   }
//
// `start` is called at the first poll, on the polling thread, with a Completer: the right to give the output, once, from any
// thread, also inside `start`. Completer<T> takes a T or an error; Completer<void> nothing or a Status:
//
//   FromCallback<void>        Status
//   FromCallback<T>           StatusOr<T>            (a T that is a Status or StatusOr stays as it is)
//
// An interface of C hands a pointer through to its callback: done.Release() is one, Completer<T>::FromPointer takes it back.
//
// CANCEL SAFE: yes; but what `start` began goes on unless it is told. `start` may return a function for that, which is called
// if the future is dropped before the output has come: return [db, id] { db->Cancel(id); }. A completer can also be asked,
// done.IsCancelled(), and told what to do, done.OnCancel(…). A call that comes later is ignored.
// ERRORS: IsClosed if the completer went away without a call. One allocation.
#ifndef KIOTO_RUNTIME_FUTURE_FROM_CALLBACK_H_
#define KIOTO_RUNTIME_FUTURE_FROM_CALLBACK_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/callback_core.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/internal/unify.h"

namespace kioto {
namespace internal {

template <class T>
using CallbackOutput = Fallible<std::conditional_t<std::is_void_v<T>, Unit, T>>;

template <class Output>
struct CallbackBlock : CallbackCore {
  void Drop() {
    if (Unref()) delete this;
  }
  std::optional<Output> output;
};

template <class T, class Fn>
class FromCallbackFuture;

Status NeverCompletedError();

}  // namespace internal

// The right to complete a FromCallback<T>, once. Move-only; empty by default, after the call, and when moved from.
// THREADS: any, one at a time.
template <class T>
class Completer {
 public:
  using Output = internal::CallbackOutput<T>;

  Completer() = default;
  Completer(Completer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Completer& operator=(Completer&& other) noexcept {
    Completer taken(std::move(other));
    swap(taken);
    return *this;
  }
  // Without a call: the future gives IsClosed.
  ~Completer() {
    if (block_ == nullptr) return;
    block_->Abandon();
    block_->Drop();
  }

  // Gives the output and wakes the future's task; runs nothing of it here. Whether there still was a future to take it.
  bool operator()(Output output) {
    KIOTO_CHECK(block_ != nullptr, "a Completer was called that is empty: it was called before, moved from, or never filled");
    Block* block = std::exchange(block_, nullptr);
    block->output.emplace(std::move(output));
    const bool taken = block->Complete();
    block->Drop();
    return taken;
  }
  // Completer<void> alone.
  template <class U = T, std::enable_if_t<std::is_void_v<U>, int> = 0>
  bool operator()() {
    return (*this)(OkStatus());
  }

  // Whether the future is gone: then the call will be ignored.
  bool IsCancelled() const { return block_ != nullptr && block_->cancelled(); }
  // Calls `fn` if the future goes away before this was called: inside its destructor, on its thread; at once if it has gone
  // already. At most one such function. Before the completer is handed to another thread.
  void OnCancel(absl::AnyInvocable<void() &&> fn) {
    KIOTO_CHECK(block_ != nullptr, "Completer::OnCancel: the completer is empty");
    block_->OnCancel(std::move(fn));
  }

  // The completer as a pointer, for the `void* arg` of an interface of C. It must come back: FromPointer, once.
  void* Release() && { return std::exchange(block_, nullptr); }
  static Completer FromPointer(void* pointer) { return Completer(static_cast<Block*>(pointer)); }

  explicit operator bool() const { return block_ != nullptr; }
  void swap(Completer& other) noexcept { std::swap(block_, other.block_); }

 private:
  template <class, class>
  friend class internal::FromCallbackFuture;
  using Block = internal::CallbackBlock<Output>;

  explicit Completer(Block* block) : block_(block) {}

  Block* block_ = nullptr;
};

namespace internal {

template <class T, class Fn>
class [[nodiscard]] FromCallbackFuture : public FutureBase<FromCallbackFuture<T, Fn>, CallbackOutput<T>> {
  using Started = std::invoke_result_t<Fn&, Completer<T>>;
  static constexpr bool kCancels = std::is_invocable_v<Started>;  // start returns what cancels it

 public:
  using Output = CallbackOutput<T>;

  explicit FromCallbackFuture(Fn start) : start_(std::move(start)) {}
  FromCallbackFuture(FromCallbackFuture&& other)
      : FromCallbackFuture::FutureBase(std::move(other)),
        start_(std::move(other.start_)),
        block_(std::exchange(other.block_, nullptr)) {}
  ~FromCallbackFuture() {
    if (block_ == nullptr) return;
    const bool open = block_->Cancel();
    block_->Drop();
    if constexpr (kCancels) {
      if (open && cancel_.has_value()) std::move(*cancel_)();
    }
  }

  Poll<Output> PollOnce(Context& cx) {
    if (block_ == nullptr) {
      KIOTO_DCHECK(!started_, "a future was polled after it was ready");
      started_ = true;
      block_ = new CallbackBlock<Output>;
      if constexpr (kCancels) {
        cancel_.emplace(start_(Completer<T>(block_)));
      } else {
        start_(Completer<T>(block_));
      }
    }
    const CallbackCore::State state = block_->Await(cx.waker());
    if (state != CallbackCore::State::kCompleted && state != CallbackCore::State::kAbandoned) return kPending;
    if (!cx.ConsumeBudget()) return kPending;
    CallbackBlock<Output>* block = std::exchange(block_, nullptr);
    Output output = state == CallbackCore::State::kCompleted ? *std::move(block->output) : Output(NeverCompletedError());
    block->Drop();
    return output;
  }
  void Describe(WaitTrace& trace) const { trace.Leaf("FromCallback"); }

 private:
  Fn start_;
  std::optional<std::conditional_t<kCancels, Started, Unit>> cancel_;
  CallbackBlock<Output>* block_ = nullptr;
  bool started_ = false;
};

}  // namespace internal

template <class T, class Fn>
auto FromCallback(Fn start) {
  constexpr bool fits = std::is_invocable_v<Fn&, Completer<T>>;
  static_assert(fits, "kioto: FromCallback<T> takes a function of a Completer<T>, which somebody calls at some time");
  if constexpr (fits) {
    return internal::FromCallbackFuture<T, Fn>(std::move(start));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_FROM_CALLBACK_H_
