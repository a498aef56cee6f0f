// Whether this thread may sleep until something happens: not while it runs tasks, for all of them would wait with it. Asked by
// every BlockOn and Blocking… call. Set by who drives a runtime; a thread of one's own, and one of the blocking pool, may.
#ifndef KIOTO_RUNTIME_BASE_MAY_BLOCK_H_
#define KIOTO_RUNTIME_BASE_MAY_BLOCK_H_

namespace kioto::base {

// `__thread`, not `thread_local`: read without a guard or a call (as runtime/driver/thread_context.h).
extern __thread bool thread_may_block __attribute__((tls_model("initial-exec")));

// While it lives, this thread may not block.
class ForbidBlocking {
 public:
  ForbidBlocking() : saved_(thread_may_block) { thread_may_block = false; }
  ~ForbidBlocking() { thread_may_block = saved_; }
  ForbidBlocking(const ForbidBlocking&) = delete;
  ForbidBlocking& operator=(const ForbidBlocking&) = delete;

 private:
  const bool saved_;
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_MAY_BLOCK_H_
