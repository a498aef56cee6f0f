// What the models share: how a test says "this holds in every schedule" and "this mutant is
// caught".
//
// KIOTO_MODEL_SCALE=10 multiplies the random iterations. KIOTO_MODEL_REPLAY=SCHEDULE runs one
// schedule of the models of a test that --gtest_filter picks.
#ifndef KIOTO_TESTS_MODEL_MODEL_TESTING_H_
#define KIOTO_TESTS_MODEL_MODEL_TESTING_H_

#include <string>
#include <vector>

#include "kioto/runtime/base/model/atomic.h"
#include "kioto/runtime/base/model/explore.h"
#include "kioto/runtime/base/model/mutex.h"
#include "kioto/runtime/base/model/thread.h"
#include "kioto/runtime/future/waker.h"

namespace kioto::model {

// Looks at a report the way gtest does; `what` for the log: "WakerSlot.NoLostWake: 512 executions".
void CheckHolds(const Report& report, const char* what);
void CheckCaught(const Report& report, const std::string& mutant);
Options Scaled(Options options);
// Those of the mutants `known` that no test so far has caught. When all tests have run, there must be none.
std::vector<std::string> NotCaught(const std::vector<std::string>& known);

// The body's assertions hold in every schedule within the bounds.
template <class Body>
void ExpectHolds(const Options& options, Body body) {
  CheckHolds(Explore(Scaled(options), body), options.freeze                  ? "with one thread stopped"
                                             : options.random_iterations > 0 ? "at random"
                                                                             : "all");
}

// The same, and at random beyond the bounds.
template <class Body>
void ExpectHoldsAlways(const Options& options, Body body) {
  ExpectHolds(options, body);
  ExpectHolds(Options().Random(5000), body);
}

// With that part of the product broken, some schedule fails.
template <class Body>
void ExpectCaught(const std::string& mutant, Options options, Body body) {
  options.Mutant(mutant);
  CheckCaught(Explore(options, body), mutant);
}

// What a waker of a model wakes: a thread that sleeps until then.
class Sleeper final : public Wakeable {
 public:
  // The thread that made it. The maker's reference goes with Drop.
  void Sleep() {
    while (token_.exchange(0, std::memory_order_acquire) == 0) FutexWait(token_, 0);
    // Woken by oneself: a task goes to the back of the queue then, so that others run.
    if (std::exchange(by_itself_, false)) SpinHint();
  }
  void Drop() { Unref(); }
  int wakes() const { return wakes_.Newest(); }

 private:
  void OnWake() override {
    if (ThreadNumber() == owner_) by_itself_ = true;
    wakes_.fetch_add(1, std::memory_order_relaxed);
    token_.store(1, std::memory_order_release);
    FutexWake(token_);
  }

  const int owner_ = ThreadNumber();
  bool by_itself_ = false;  // the owner's
  Atomic<uint32_t> token_{0};
  Atomic<int> wakes_{0};
};

}  // namespace kioto::model

#endif  // KIOTO_TESTS_MODEL_MODEL_TESTING_H_
