// The seam of system calls: everything that Kioto asks of the kernel and that can fail is asked here, so that tests can
// make it fail. Each function is its system call, with three differences:
//
//   - the result is what the call gives, or -errno; the variable errno means nothing;
//   - EINTR is retried, but for EpollWait and Connect (the caller decides) and Close (the fd is gone: success);
//   - fds are made close-on-exec, sockets also non-blocking.
//
// Any thread. Without a fault installed, a call costs one relaxed load more than the bare one. Faults: sys_fault.h.
#ifndef KIOTO_RUNTIME_BASE_SYS_H_
#define KIOTO_RUNTIME_BASE_SYS_H_

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kioto/runtime/base/config.h"

struct epoll_event;
struct itimerspec;
struct stat;
struct statx;

namespace kioto::base::sys {

// Bytes.
ssize_t Read(int fd, void* buffer, size_t size);
ssize_t Write(int fd, const void* data, size_t size);
ssize_t Readv(int fd, const iovec* parts, int count);
ssize_t Writev(int fd, const iovec* parts, int count);
ssize_t Recv(int fd, void* buffer, size_t size, int flags);
ssize_t Send(int fd, const void* data, size_t size, int flags);
// The fds that come with it are close-on-exec; whether they are non-blocking is as their sender had it.
ssize_t Recvmsg(int fd, msghdr* message, int flags);
ssize_t Sendmsg(int fd, const msghdr* message, int flags);
// One datagram and its address, for less than a message of one part. Met by faults of Recv and Send. `cut`: it was longer.
ssize_t Recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size, bool* cut);
ssize_t Sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t to_size);

// fn(int) for each fd that came with a message (SCM_RIGHTS).
template <class Fn>
void ForEachFdOf(msghdr& message, Fn fn) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      fn(fd);
    }
  }
}

// Several messages at once: gives how many, an error only if there is none. Where the system has no such call, one after
// another until one fails; the error that then ended a receive is forgotten, where Linux keeps it for the next call.
#if defined(__linux__) && !KIOTO_PORTABLE
using Message = ::mmsghdr;
#else
struct Message {
  msghdr msg_hdr;
  unsigned int msg_len;  // bytes received or sent
};
#endif
int Recvmmsg(int fd, Message* messages, unsigned int count, int flags);
int Sendmmsg(int fd, Message* messages, unsigned int count, int flags);

// Sockets. Accept and Socket give non-blocking, close-on-exec fds.
int Socket(int domain, int type, int protocol);
int Accept(int fd, sockaddr* address, socklen_t* size);
int Connect(int fd, const sockaddr* address, socklen_t size);
int Bind(int fd, const sockaddr* address, socklen_t size);
int Listen(int fd, int backlog);
int Shutdown(int fd, int how);
int Getsockopt(int fd, int level, int option, void* value, socklen_t* size);
int Setsockopt(int fd, int level, int option, const void* value, socklen_t size);
int Getsockname(int fd, sockaddr* address, socklen_t* size);
int Getpeername(int fd, sockaddr* address, socklen_t* size);
int Socketpair(int domain, int type, int protocol, int fds[2]);

// Both ends non-blocking.
int Pipe(int fds[2]);
// Moves up to `size` bytes from one fd to another inside the kernel; one of them is a pipe. -EAGAIN instead of waiting for
// either. Raises SIGPIPE where nobody reads any more, of sockets too. -ENOSYS elsewhere than on Linux.
ssize_t Splice(int from, int to, size_t size);

// 0, or -errno when the fd was not valid. Never retried.
int Close(int fd);

// Files, blocking ones.
int Open(const char* path, int flags, mode_t mode);
int Fstat(int fd, struct stat* result);
ssize_t Pread(int fd, void* buffer, size_t size, int64_t offset);
ssize_t Pwrite(int fd, const void* data, size_t size, int64_t offset);

#if defined(__linux__) && !KIOTO_PORTABLE
// `flags`: RWF_NOWAIT gives -EAGAIN instead of waiting for the disk.
ssize_t Preadv2(int fd, const iovec* parts, int count, int64_t offset, int flags);
// openat2(2) with RESOLVE_CACHED: -EAGAIN instead of waiting for a disk or a network while the path is looked up. The file system's
// own work at an opening may still wait; with O_PATH there is none of it. -ENOSYS before Linux 5.6 or where the headers are as old,
// -EINVAL before 5.12.
int OpenCached(const char* path, int flags);
// statx(2) of an fd: what is known already, without asking a network. Met by faults of Fstat.
int StatxCached(int fd, unsigned mask, struct statx* result);
#endif

#if defined(__linux__) && !KIOTO_PORTABLE
int EpollCreate();
int EpollCtl(int epoll, int operation, int fd, epoll_event* event);
int EpollWait(int epoll, epoll_event* events, int count, int timeout_ms);
int Eventfd(unsigned int value, int flags);
int TimerfdCreate(int clock, int flags);
int TimerfdSettime(int fd, int flags, const itimerspec* value);
#endif

}  // namespace kioto::base::sys

#endif  // KIOTO_RUNTIME_BASE_SYS_H_
