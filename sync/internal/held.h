// Held: what a handle holds: a pointer, which a debug build looks at before it is followed. Null: the handle is empty; it may
// then be copied, assigned, reset, destroyed, and asked whether it is empty.
#ifndef KIOTO_SYNC_INTERNAL_HELD_H_
#define KIOTO_SYNC_INTERNAL_HELD_H_

#include "kioto/runtime/base/check.h"

namespace kioto::sync::internal {

template <class T>
class Held {
 public:
  Held() = default;
  Held(T* held) : held_(held) {}

  operator T*() const { return held_; }
  T& operator*() const {
    KIOTO_DCHECK(held_ != nullptr, "a channel's handle or a token was used that is empty: moved from, reset, or never filled");
    return *held_;
  }
  T* operator->() const { return &**this; }

 private:
  T* held_ = nullptr;
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_HELD_H_
