// Context: what a future is given when it is polled. Passed by reference down the tree, never stored.
#ifndef KIOTO_RUNTIME_FUTURE_CONTEXT_H_
#define KIOTO_RUNTIME_FUTURE_CONTEXT_H_

#include <cstdint>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/waker.h"

namespace kioto {
namespace internal {

// Something that is put off until the end of the poll: a link of a list, and what to do.
struct PollEnd {
  explicit PollEnd(void (*run)(PollEnd*)) : run(run) {}
  void (*const run)(PollEnd*);  // the link may be used again from here on, and no lock is held
  PollEnd* next = nullptr;
};

struct PollScope;
// The innermost poll of this thread that has put something off. (`__thread`: as runtime/driver/thread_context.h.)
extern __thread PollScope* putting_off __attribute__((tls_model("initial-exec")));

// One poll of a task, shared by the contexts of all futures in it. Lives on the poller's stack.
struct PollScope {
  static constexpr uint8_t kSpareBatch = 16;
  static constexpr int kRefused = -1;

  PollScope() = default;
  PollScope(const PollScope&) = delete;
  PollScope& operator=(const PollScope&) = delete;
  ~PollScope() {
    if (at_end != nullptr) RunAtEnd();
  }
  void PutOff(PollEnd* end) {
    if (at_end == nullptr) outer = std::exchange(putting_off, this);
    end->next = std::exchange(at_end, end);
  }
  void RunAtEnd();
  // For who is about to block inside a poll: does now what all polls on this thread's stack have put off.
  static void RunAllAtEnd() {
    while (putting_off != nullptr) putting_off->RunAtEnd();
  }

  // A reference to the root's target out of those that it has counted beforehand; those are counted many at a time.
  Waker TakeSpare() {
    uint8_t& left = spare->Write();
    if (left == 0) {
      // relaxed: made from a reference that is held.
      root->target()->state.fetch_add(kSpareBatch * WakeTarget::kRefOne, std::memory_order_relaxed);
      left = kSpareBatch;
    }
    --left;
    return Waker(root->target());
  }

  const Waker* root = nullptr;       // the task's own waker
  base::Cell<uint8_t>* spare = nullptr;  // references to it that are counted and in nobody's hands; null: keeps none
  uint64_t* random = nullptr;        // the poller's random state (seeded); null: Random() uses the scope's own
  uint64_t own_random = 0x9e3779b97f4a7c15u;
  int budget = limits::kPollBudget;  // ready leaves left; kRefused: one more had asked
  int parts = 0;                     // of a unit that was taken, what is left to small leaves
  bool yielded = false;              // the task asked to go to the back of the queue
  PollEnd* at_end = nullptr;         // what was put off
  PollScope* outer = nullptr;        // if something was: the poll around this one that has put something off
};

}  // namespace internal

class Context {
 public:
  // The root of a poll.
  Context(const Waker& waker, internal::PollScope& scope) : waker_(&waker), scope_(&scope) {
    if (scope.root == nullptr) scope.root = &waker;
  }
  // A child that is woken by itself (wide joins): same poll, other waker.
  Context(const Waker& waker, Context& parent) : waker_(&waker), scope_(parent.scope_) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Borrowed: copy it (WakerSlot does) to keep it.
  const Waker& waker() const { return *waker_; }
  // A copy of it, mostly without a read-modify-write: for who needs a new one at every wait.
  Waker CloneWaker() const {
    if (waker_ == scope_->root && scope_->spare != nullptr) return scope_->TakeSpare();
    return *waker_;
  }

  // Every leaf that is ready asks once per item. False: the task has had its share; its wake is arranged, return
  // kPending and give the item at the next poll.
  [[nodiscard]] bool ConsumeBudget() {
    if (scope_->budget > 0) {
      --scope_->budget;
      return true;
    }
    Refuse();
    return false;
  }
  // The same for an item that is at hand and costs no more than to be looked at: kPartsOfUnit of them take a unit.
  [[nodiscard]] bool ConsumePartOfBudget() {
    if (scope_->parts > 0) {
      --scope_->parts;
      return true;
    }
    if (!ConsumeBudget()) return false;
    scope_->parts = limits::kPartsOfUnit - 1;
    return true;
  }
  // Whether ConsumeBudget would refuse.
  bool budget_spent() const { return scope_->budget <= 0; }

  // Asks for one more poll after everything else that is ready has had its turn. Return kPending after it.
  // Cheaper than waking oneself: the task keeps its right to run and costs its worker no read-modify-write.
  void Yield() {
    if (waker_ != scope_->root) waker_->Wake();  // a child must be found again by its join
    scope_->yielded = true;
  }

  // A number in [0, bound), from the worker's seeded generator (xorshift64*, Vigna 2016). Not for secrets.
  uint32_t Random(uint32_t bound) {
    uint64_t& s = scope_->random != nullptr ? *scope_->random : scope_->own_random;
    s ^= s >> 12;
    s ^= s << 25;
    s ^= s >> 27;
    return static_cast<uint32_t>(((s * 0x2545f4914f6cdd1du) >> 32) * bound >> 32);
  }

  internal::PollScope& scope() { return *scope_; }

 private:
  void Refuse();  // ConsumeBudget's: Yield, out of the way of the answer that is common

  const Waker* waker_;
  internal::PollScope* scope_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_CONTEXT_H_
