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
  back_first_ = !back_first_;
  Way* const ways[] = {back_first_ ? &back_ : &there_, back_first_ ? &there_ : &back_};
  for (Way* way : ways) {
    Poll<Status> poll = way->PollOnce(cx);
    if (poll.ready() && !poll->ok()) return *poll;
  }
  if (!there_.done || !back_.done) return kPending;
  return StatusOr<Copied>(copied());
}

}  // namespace kioto::io
