// What the code of a model says: threads, assertions, the hint of a spin loop.
#ifndef KIOTO_RUNTIME_BASE_MODEL_THREAD_H_
#define KIOTO_RUNTIME_BASE_MODEL_THREAD_H_

#include <climits>
#include <utility>

#include "kioto/runtime/base/model/atomic.h"

namespace kioto::model {

// A thread of the model; joined at the latest by its destructor.
class Thread {
 public:
  template <class F>
  explicit Thread(F f) : number_(Start(&Run<F>, new F(std::move(f)))) {}
  ~Thread() { Join(); }
  // One that nobody joins; the execution goes on until it has ended. False: refused, since there were `detached_starts`.
  template <class F>
  static bool StartDetached(F f) {
    if (detached_starts == 0) return false;
    --detached_starts;
    Start(&Run<F>, new F(std::move(f)));
    return true;
  }
  // How many more may start: set by each execution that counts on it.
  static inline int detached_starts = INT_MAX;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  void Join(KIOTO_MODEL_SITE);

 private:
  template <class F>
  static void Run(void* arg) {
    F* f = static_cast<F*>(arg);
    (*f)();
    delete f;
  }
  static int Start(void (*run)(void*), void* arg);

  int number_;  // -1: joined
};

// Fails the execution with the sentence unless the condition holds. (Not gtest's EXPECT, which
// keeps memory.)
void Assert(bool condition, const char* sentence, KIOTO_MODEL_SITE);

// Inside a loop that waits for another thread without blocking: lets the others run first.
void SpinHint(KIOTO_MODEL_SITE);

// The number of the running thread; the body's is 0.
int ThreadNumber();

// Whether code runs under the explorer now.
inline bool Exploring() { return internal::Execution::Current() != nullptr; }

}  // namespace kioto::model

#endif  // KIOTO_RUNTIME_BASE_MODEL_THREAD_H_
