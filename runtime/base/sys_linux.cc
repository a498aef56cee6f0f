#include "kioto/runtime/base/sys.h"

#if defined(__linux__) && !KIOTO_PORTABLE

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#if defined(SYS_openat2) && __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

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

int OpenCached(const char* path, int flags) {
#if defined(RESOLVE_CACHED)
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_CACHED;
  return Retry(Call::kOpenCached, -1,
               [&] { return static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how))); });
#else
  static_cast<void>(path);
  static_cast<void>(flags);
  return -ENOSYS;
#endif
}
int StatxCached(int fd, unsigned mask, struct statx* result) {
  return Retry(Call::kFstat, fd, [&] { return ::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, result); });
}

}  // namespace kioto::base::sys

#endif
