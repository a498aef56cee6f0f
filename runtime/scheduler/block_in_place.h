// BlockInPlace: runs a function that blocks inside a task, on its thread, while another thread goes on with what this one ran.
//
//   return Lazy([this] { return BlockInPlace([this] { return legacy_.Load(); }); });      // may borrow: it waits right here
//
// Prefer SpawnBlocking: it costs less, and the rest of the task goes on. Here the task itself stands still, all futures that it
// joins included, and can not be aborted meanwhile. What this is for: a call deep inside code that is not asynchronous, and must
// wait for something that is: BlockOn is allowed inside it.
#ifndef KIOTO_RUNTIME_SCHEDULER_BLOCK_IN_PLACE_H_
#define KIOTO_RUNTIME_SCHEDULER_BLOCK_IN_PLACE_H_

#include <cstdint>
#include <type_traits>
#include <utility>

#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/task/join_output.h"

namespace kioto {
namespace internal {

// While it lives, this thread may block.
class InPlace {
 public:
  InPlace();
  ~InPlace();
  InPlace(const InPlace&) = delete;
  InPlace& operator=(const InPlace&) = delete;

  const Status& status() const { return status_; }  // not OK: nothing was changed

 private:
  Status HandOver();

  const ThreadContext before_;
  const bool may_block_;
  uint64_t pass_ = 0;
  Status status_;
};

}  // namespace internal

// Calls `fn` on this thread, and gives what it returns as a JoinHandle would. In a task of a multi-thread runtime its worker,
// with the tasks that wait for it, its sockets and timers, goes on another thread first, one of the blocking pool; it comes back
// if that one has not begun. Elsewhere where one may block anyway, `fn` is just called: in a thread of one's own, a blocking
// job, a BlockInPlace; also in the future of BlockOn on a multi-thread runtime. No budget counts inside.
// At most RuntimeBuilder::MaxBlockingThreads() workers' worth of threads are added for it: beyond that the worker waits, too.
// ERRORS: kFailedPrecondition, with `fn` not called, where no other thread may take over: inside a current-thread runtime, an
// attached loop, a LocalSet. THREADS: any.
template <class Fn>
auto BlockInPlace(Fn&& fn) {
  static_assert(std::is_invocable_v<Fn>, "kioto: BlockInPlace needs a function without parameters");
  if constexpr (std::is_invocable_v<Fn>) {  // else one error is enough
    using Result = std::decay_t<std::invoke_result_t<Fn>>;
    using Output = JoinOutput<std::conditional_t<std::is_void_v<Result>, Unit, Result>>;
    const internal::InPlace in_place;
    if (!in_place.status().ok()) return Output(in_place.status());
    if constexpr (std::is_void_v<Result>) {
      std::forward<Fn>(fn)();
      return Output();
    } else {
      return Output(std::forward<Fn>(fn)());
    }
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_BLOCK_IN_PLACE_H_
