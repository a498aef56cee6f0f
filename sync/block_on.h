// BlockOn(future): a thread of yours sleeps until a future is ready. It needs no runtime, and drives none.
//
//   StatusOr<Reply> reply = BlockOn(Call(requests, Request{…}));              // a task answers
//   Status joined = BlockOn(std::move(join_handle));
//
// For what somebody else makes ready: channels, locks, JoinHandles, FromCallback. What needs a runtime to happen at all
// (Sleep, sockets) wants handle.BlockOn(future), which enters it. On a thread that runs tasks it would stop all of them: a
// checked error there. An exception of the future comes out here.
#ifndef KIOTO_SYNC_BLOCK_ON_H_
#define KIOTO_SYNC_BLOCK_ON_H_

#include <utility>

#include "kioto/runtime/future/future_traits.h"
#include "kioto/sync/internal/blocking.h"

namespace kioto {

template <class F>
auto BlockOn(F future) {
  static_assert(IsFuture<F>, "kioto: BlockOn takes a future, as an rvalue: std::move(future) or a call that makes one");
  if constexpr (IsFuture<F>) return sync::internal::BlockingWait(std::move(future));
}

}  // namespace kioto

#endif  // KIOTO_SYNC_BLOCK_ON_H_
