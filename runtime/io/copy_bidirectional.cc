#include "kioto/runtime/io/copy_bidirectional.h"

namespace kioto::io {

Poll<Status> CopyBidirectionalFuture::Way::PollOnce(Context& cx) {
  if (done) return OkStatus();
  if (!at_end) {
    Poll<StatusOr<uint64_t>> n = copy.PollOnce(cx);
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    at_end = true;
  }
  Poll<Status> shut = to.PollShutdown(cx);
  if (shut.ready()) done = shut->ok();
  return shut;
}

Poll<StatusOr<Copied>> CopyBidirectionalFuture::PollOnce(Context& cx) {
  const Poll<Status> there = there_.PollOnce(cx);
  if (there.ready() && !(*there).ok()) return *there;
  const Poll<Status> back = back_.PollOnce(cx);
  if (back.ready() && !(*back).ok()) return *back;
  if (there.pending() || back.pending()) return kPending;
  return StatusOr<Copied>(copied());
}

}  // namespace kioto::io
