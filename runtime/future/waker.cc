#include "kioto/runtime/future/waker.h"

namespace kioto {

// noexcept: whoever wakes is in the middle of something, and could not go on.
const internal::WakeTarget::VTable Wakeable::kVTable = {
    [](internal::WakeTarget* target) noexcept { static_cast<Wakeable*>(target)->OnWake(); },
    [](internal::WakeTarget* target) { delete static_cast<Wakeable*>(target); },
    [](internal::WakeTarget* target) noexcept {
      static_cast<Wakeable*>(target)->OnWake();
      target->Unref();
    },
};

}  // namespace kioto
