// MpscSlot: where one item of a channel lies. kEmpty until its sender has published it, by a plain store.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_SLOT_H_
#define KIOTO_SYNC_INTERNAL_MPSC_SLOT_H_

#include <cstdint>
#include <new>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::sync::internal {

template <class T>
struct MpscSlot {
  enum State : uint32_t {
    kEmpty,
    kFull,
    kSkipped,  // the value's move threw: nothing is here, and the receiver goes on
  };

  // The sender, who has the ticket: makes the value, and publishes.
  template <class U>
  void Put(U&& value) {
    struct Publish {
      ~Publish() {
        // release: pairs with Look.
        slot.state.store(outcome, KIOTO_ORDER("mpsc.publish_order", std::memory_order_release));
      }
      MpscSlot& slot;
      State outcome = kSkipped;
    } publish{*this};
    new (bytes) T(std::forward<U>(value));
    publish.outcome = kFull;
  }
  State Look() const {
    // acquire: pairs with Put.
    return static_cast<State>(state.load(KIOTO_ORDER("mpsc.look_order", std::memory_order_acquire)));
  }
  T& value() { return *std::launder(reinterpret_cast<T*>(bytes)); }
  // Nobody else sees the slot: the receiver before it gives it back, or the channel's destructor.
  void Clear() {
    state.store(kEmpty, std::memory_order_relaxed);  // relaxed: what gives the slot back releases it
  }

  base::Atomic<uint32_t> state{kEmpty};
  alignas(T) unsigned char bytes[sizeof(T)];
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_SLOT_H_
