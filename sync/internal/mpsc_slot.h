// MpscSlot: where one item of a channel lies: its state, and its bytes, which the queue keeps where it likes. A handle.
// kEmpty until its sender has published it, by a plain store.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_SLOT_H_
#define KIOTO_SYNC_INTERNAL_MPSC_SLOT_H_

#include <cstdint>
#include <new>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::sync::internal {

// Room for one item.
template <class T>
struct MpscRoom {
  alignas(T) unsigned char bytes[sizeof(T)];
};

template <class T>
class MpscSlot {
 public:
  enum State : uint8_t {
    kEmpty,
    kFull,
    kSkipped,  // the value's move threw: nothing is here, and the receiver goes on
  };
  using AtomicState = base::Atomic<uint8_t>;  // of a State; kEmpty at first

  MpscSlot() = default;  // none
  MpscSlot(AtomicState& state, MpscRoom<T>& room) : state_(&state), room_(&room) {}

  explicit operator bool() const { return state_ != nullptr; }

  // The sender, who has the ticket: makes the value, and publishes.
  template <class U>
  void Put(U&& value) {
    struct Publish {
      ~Publish() {
        // release: pairs with Look.
        state.store(outcome, KIOTO_ORDER("mpsc.publish_order", std::memory_order_release));
      }
      AtomicState& state;
      State outcome = kSkipped;
    } publish{*state_};
    new (room_->bytes) T(std::forward<U>(value));
    publish.outcome = kFull;
  }
  State Look() const {
    // acquire: pairs with Put.
    return static_cast<State>(state_->load(KIOTO_ORDER("mpsc.look_order", std::memory_order_acquire)));
  }
  T& value() { return *std::launder(reinterpret_cast<T*>(room_->bytes)); }
  // Nobody else sees the slot: the receiver before it gives it back, or the channel's destructor.
  void Clear() {
    state_->store(kEmpty, std::memory_order_relaxed);  // relaxed: what gives the slot back releases it
  }

 private:
  AtomicState* state_ = nullptr;
  MpscRoom<T>* room_ = nullptr;
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_SLOT_H_
