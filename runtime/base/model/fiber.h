// Fiber: a stack of its own on the one OS thread of the explorer, switched to by hand.
//
// A fiber may be abandoned at any point and prepared again: what lives on its stack is then never
// destroyed.
#ifndef KIOTO_RUNTIME_BASE_MODEL_FIBER_H_
#define KIOTO_RUNTIME_BASE_MODEL_FIBER_H_

#include <cstddef>

#if !defined(__x86_64__) && !defined(__aarch64__)
#define KIOTO_MODEL_UCONTEXT 1
#include <ucontext.h>
#else
#define KIOTO_MODEL_UCONTEXT 0
#endif

namespace kioto::model::internal {

class Fiber {
 public:
  Fiber() = default;  // the OS thread's own stack, or one to Prepare()
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next switch to this fiber calls entry(arg), which never returns.
  void Prepare(void (*entry)(void*), void* arg);

  // Leaves `from`, which is running, and continues `to`.
  static void Switch(Fiber& from, Fiber& to);

 private:
  char* stack_ = nullptr;
#if KIOTO_MODEL_UCONTEXT
  ucontext_t context_;
#else
  void* stack_pointer_ = nullptr;
#endif
};

}  // namespace kioto::model::internal

#endif  // KIOTO_RUNTIME_BASE_MODEL_FIBER_H_
