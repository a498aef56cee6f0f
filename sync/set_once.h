// SetOnce<T>: a T that somebody sets, once, and that any number wait for. (An OnceCell is made by who asks for it.)
//
//   sync::SetOnce<Address> bound;
//   bound.Set(address);                                                             // the server, when it listens
//   return bound.Wait().Then([](const Address*& a) { return Connect(*a); });         // whoever needs it
//
// STATE       one byte: kEmpty -> kSetting -> kSet.
// OWNERSHIP   the value: of who has made it kSetting; once it is kSet everybody's, and const.
// RACES       R1 two who set: one CAS succeeds.
//             R2 Set against Wait: Set says kSet first and notifies second. A Wait was made before it was notified, and
//                counts; or after, and sees kSet, by the Notify's word.
// COST        RMWs: Set 2; Wait and Get of what is there: 0.
#ifndef KIOTO_SYNC_SET_ONCE_H_
#define KIOTO_SYNC_SET_ONCE_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/notify.h"

namespace kioto::sync {

template <class T>
class SetOnce;

// The value, never null. CANCEL SAFE of SetOnce::Wait(): yes. Borrows its SetOnce.
template <class T>
class [[nodiscard]] SetOnceFuture : public FutureBase<SetOnceFuture<T>, const T*> {
 public:
  explicit SetOnceFuture(SetOnce<T>& cell) : cell_(&cell), notified_(cell.notify_.Notified()) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("SetOnce::Wait"); }
  Poll<const T*> PollOnce(Context& cx) {
    if (const T* value = cell_->Get()) {
      if (!cx.ConsumeBudget()) return kPending;
      return value;
    }
    if (notified_.PollOnce(cx).pending()) return kPending;
    return cell_->Get();
  }

 private:
  SetOnce<T>* cell_;
  NotifiedFuture notified_;
};

// Threads: any. It must outlive its futures, and who uses its value.
template <class T>
class SetOnce {
 public:
  SetOnce() = default;
  // Has its value from the start.
  explicit SetOnce(T value) : value_(std::move(value)), state_(kSet) {}
  SetOnce(const SetOnce&) = delete;
  SetOnce& operator=(const SetOnce&) = delete;

  // kAlreadyExists: it is set, or just being set. `value` is moved from only if OK.
  Status Set(T&& value) {
    uint8_t state = kEmpty;
    // relaxed: nobody has touched the value before.
    if (!state_.compare_exchange_strong(state, kSetting, std::memory_order_relaxed, std::memory_order_relaxed) &&
        !KIOTO_MUTANT("set_once.no_claim")) {
      return absl::AlreadyExistsError("SetOnce::Set: it is set already: read it with Get() or Wait()");
    }
    value_.emplace(std::move(value));
    // release: the value, to Get.
    state_.store(kSet, KIOTO_ORDER("set_once.set_order", std::memory_order_release));
    if (!KIOTO_MUTANT("set_once.no_notify")) notify_.NotifyAll();  // R2
    return OkStatus();
  }
  Status Set(const T& value) { return Set(T(value)); }

  // The value; null if there is none yet.
  const T* Get() const {
    // acquire: pairs with Set.
    return state_.load(std::memory_order_acquire) == kSet ? &*value_ : nullptr;
  }
  // The value, as soon as it is set.
  SetOnceFuture<T> Wait() { return SetOnceFuture<T>(*this); }

  // The value, if there is one, for who has it alone.
  std::optional<T> Into() && { return std::move(value_); }

 private:
  friend class SetOnceFuture<T>;
  enum State : uint8_t { kEmpty, kSetting, kSet };

  std::optional<T> value_;
  base::Atomic<uint8_t> state_{kEmpty};
  Notify notify_;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_SET_ONCE_H_
