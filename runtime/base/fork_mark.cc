#include "kioto/runtime/base/fork_mark.h"

#include <pthread.h>

#include "kioto/runtime/base/check.h"

namespace kioto::base {

uint32_t ForkMark::fork_count = 0;

ForkMark::ForkMark() : forks_(fork_count) {
  static const int refused = ::pthread_atfork(nullptr, nullptr, [] { ++fork_count; });
  KIOTO_CHECK(refused == 0, "the system has no memory left for a handler of fork()");
}

}  // namespace kioto::base
