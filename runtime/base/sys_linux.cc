#include "kioto/runtime/base/sys.h"

#if defined(__linux__) && !KIOTO_PORTABLE

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "kioto/runtime/base/sys_call.h"

namespace kioto::base::sys {

int EpollCreate() {
  return Retry(Call::kEpollCreate, -1, [] { return ::epoll_create1(EPOLL_CLOEXEC); });
}
int EpollCtl(int epoll, int operation, int fd, epoll_event* event) {
  return Retry(Call::kEpollCtl, fd, [&] { return ::epoll_ctl(epoll, operation, fd, event); });
}
int EpollWait(int epoll, epoll_event* events, int count, int timeout_ms) {
  return Once(Call::kEpollWait, epoll, [&] { return ::epoll_wait(epoll, events, count, timeout_ms); });
}
int Eventfd(unsigned int value, int flags) {
  return Retry(Call::kEventfd, -1, [&] { return ::eventfd(value, flags | EFD_CLOEXEC); });
}
int TimerfdCreate(int clock, int flags) {
  return Retry(Call::kTimerfdCreate, -1, [&] { return ::timerfd_create(clock, flags | TFD_CLOEXEC); });
}
int TimerfdSettime(int fd, int flags, const itimerspec* value) {
  return Retry(Call::kTimerfdSettime, fd, [&] { return ::timerfd_settime(fd, flags, value, nullptr); });
}

}  // namespace kioto::base::sys

#endif
