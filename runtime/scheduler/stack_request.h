// StackRequest: what one thread asks another for by a signal, and how the handler answers: the frames of its stack.
//
// STATE      `state` of each of kRequests: kIdle, or kAnswered, -> the thread that is asked (Ask) -> kIdle (Take) or, by that
//            thread's handler, kClaimed (Claim) -> kAnswered (Answer). current_: the one that was asked last.
// OWNERSHIP  kClaimed: the handler's, however late it is; else `frames` and `count` are the asker's. Askers come one after the other.
// RACES      R1 a handler against an asker that gives up: both are CASes of the state; one fails.
//            R2 a handler that claimed a request and ends when its asker has long given up: that request stays out of use until
//               it is answered, and the next askers take others.
#ifndef KIOTO_RUNTIME_SCHEDULER_STACK_REQUEST_H_
#define KIOTO_RUNTIME_SCHEDULER_STACK_REQUEST_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

class StackRequest {
 public:
  static constexpr uintptr_t kIdle = 0, kClaimed = 1, kAnswered = 2;  // no pthread_t is one of these
  static constexpr int kMaxFrames = KIOTO_MODEL ? 2 : 32;

  struct Request {
    base::Atomic<uintptr_t> state{kIdle};
    base::Atomic<int> count{0};
    base::Atomic<void*> frames[kMaxFrames] = {};
  };

  // The asker: from here the handler of `thread` (its pthread_t) may answer. False: all requests are in the hands of handlers
  // that are late.
  bool Ask(uintptr_t thread) {
    for (Request& request : requests_) {
      const uintptr_t state = request.state.load(std::memory_order_acquire);  // acquire: pairs with Answer's release, come late (R2)
      if (state == kClaimed && !KIOTO_MUTANT("stack_request.take_claimed")) continue;
      asked_ = &request;
      request.state.store(thread, std::memory_order_release);  // release: pairs with Claim's acquire of the state
      current_.store(&request, std::memory_order_release);     // release: pairs with Claim's acquire of it
      return true;
    }
    return false;
  }
  bool answered() const {
    return asked_->state.load(std::memory_order_relaxed) == kAnswered;  // relaxed: Take acquires
  }
  // Ends the request. How many frames there are: -1 if it was not answered.
  int Take(uintptr_t thread, void* frames[kMaxFrames]) {
    // acquire: where it fails, pairs with Answer's release (R1)
    if (asked_->state.compare_exchange_strong(thread, kIdle, KIOTO_ORDER("stack_request.take_order", std::memory_order_acquire))) {
      return -1;
    }
    if (thread == kClaimed) return -1;  // R2
    const int count = asked_->count.load(std::memory_order_relaxed);  // relaxed: acquired with the state
    for (int i = 0; i < count; ++i) frames[i] = asked_->frames[i].load(std::memory_order_relaxed);  // relaxed: as above
    return count;
  }

  // In a handler of `self`: what it was asked, to be answered; null: it was not.
  Request* Claim(uintptr_t self) {
    Request* const request = current_.load(std::memory_order_acquire);  // acquire: pairs with Ask's release of it
    if (request == nullptr) return nullptr;
    // acquire: pairs with Ask's release, behind which are the asker's reads of the last answer; relaxed on failure: nothing is read
    const bool mine = request->state.compare_exchange_strong(self, kClaimed, std::memory_order_acquire, std::memory_order_relaxed);
    return mine ? request : nullptr;
  }
  static void Answer(Request* request, void* const* frames, int count) {
    for (int i = 0; i < count; ++i) request->frames[i].store(frames[i], std::memory_order_relaxed);  // relaxed: published by the state
    request->count.store(count, std::memory_order_relaxed);                                          // relaxed: as above
    // release: pairs with Take's acquire, and with Ask's
    request->state.store(kAnswered, KIOTO_ORDER("stack_request.answer_order", std::memory_order_release));
  }

 private:
  static constexpr int kRequests = KIOTO_MODEL ? 2 : 8;

  Request requests_[kRequests];
  base::Atomic<Request*> current_{nullptr};
  Request* asked_ = nullptr;  // the asker's
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_STACK_REQUEST_H_
