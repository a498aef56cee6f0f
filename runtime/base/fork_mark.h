// ForkMark: whether what it is a member of was made before the fork() that made this process. Such a thing has its threads, and
// maybe its locks, in the parent alone, and shares its epoll sets with it: who would use it in the child asks first.
//
// STATE       a count of forks, of which each process has its own. It is raised in the child before fork() returns there, when
//             there is one thread: nobody races with that, and it is plain. (What makes no handlers run, vfork and clone, is not
//             seen.)
#ifndef KIOTO_RUNTIME_BASE_FORK_MARK_H_
#define KIOTO_RUNTIME_BASE_FORK_MARK_H_

#include <cstdint>

namespace kioto::base {

class ForkMark {
 public:
  ForkMark();
  bool inherited() const { return forks_ != fork_count; }

 private:
  static uint32_t fork_count;  // since the first mark was made

  const uint32_t forks_;
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_FORK_MARK_H_
