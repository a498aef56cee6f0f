#include "kioto/runtime/future/waker.h"

namespace kioto {

const internal::WakeTarget::VTable Wakeable::kVTable = {
    [](internal::WakeTarget* target) { static_cast<Wakeable*>(target)->OnWake(); },
    [](internal::WakeTarget* target) { delete static_cast<Wakeable*>(target); },
    [](internal::WakeTarget* target) {
      static_cast<Wakeable*>(target)->OnWake();
      target->Unref();
    },
};

}  // namespace kioto
