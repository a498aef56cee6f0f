// RootFuture: the future of a BlockOn, on its caller's stack, as its runtime polls it and dumps look at it.
// RootFutures: those of one runtime.
//
// STATE       taken_: who sets it may touch the future: the blocked thread for a poll, a dump for a look.
//             RootFutures: a list, under a lock. A dump takes a future under it, and looks at it without.
// RACES       R1 a look against a poll: the dump does not wait, and says that the future is running; the blocked thread waits for
//                the microseconds of a look.
//             R2 a look against the end of BlockOn: the future leaves the list first, then the end of a look is awaited.
// COST        a poll: 1 RMW. A BlockOn: the list's lock twice.
#ifndef KIOTO_RUNTIME_TASK_ROOT_FUTURE_H_
#define KIOTO_RUNTIME_TASK_ROOT_FUTURE_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/wait_trace.h"

namespace kioto::internal {

class RootFuture : public base::ListNode<> {
 public:
  // The blocked thread's right to poll, for as long as it lives.
  class [[nodiscard]] PollGuard {
   public:
    explicit PollGuard(RootFuture& root);
    ~PollGuard() { root_.Give(); }
    PollGuard(const PollGuard&) = delete;
    PollGuard& operator=(const PollGuard&) = delete;

   private:
    RootFuture& root_;
  };

  // Under a PollGuard. True once the output is stored.
  virtual bool Poll(Context& cx) = 0;
  // What it waits for; for who has taken it.
  virtual void Describe(WaitTrace& trace) const = 0;

  // False: it is being polled, or another dump looks at it.
  [[nodiscard]] bool TryTake();
  void Give() { taken_.store(false, std::memory_order_release); }  // release: pairs with the acquire of who takes it next (R1)
  // Whether there was a poll; for who has taken it.
  bool polled() const { return polled_; }

  // Where BlockOn was called.
  const base::SourceLocation place;

 protected:
  explicit RootFuture(base::SourceLocation place) : place(place) {}
  ~RootFuture() = default;

 private:
  friend class RootFutures;

  uint64_t number_ = 0;  // in its list; under that one's lock
  base::Atomic<bool> taken_{false};
  bool polled_ = false;
};

class RootFutures {
 public:
  // Keeps `root` in the list for as long as it lives.
  class [[nodiscard]] Listed {
   public:
    Listed(RootFutures& list, RootFuture& root);
    ~Listed();
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;

   private:
    RootFutures& list_;
    RootFuture& root_;
  };

  struct Found {
    uint64_t number = 0;  // 0: none yet
    base::SourceLocation place;
    RootFuture* root = nullptr;  // taken: the finder looks at it and gives it back; null: it could not be taken
  };
  // Replaces what was found last by the next one, the oldest first. False: there is none. One is taken at a time, so that no blocked
  // thread waits for a look at another's future. Any thread.
  bool TakeNext(Found* found);

 private:
  base::Mutex lock_;
  base::IntrusiveList<RootFuture> list_;  // in the order of their numbers
  uint64_t last_number_ = 0;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_ROOT_FUTURE_H_
