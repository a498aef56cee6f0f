#include "kioto/runtime/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kioto/runtime/base/sys_call.h"

#if defined(__linux__) && !KIOTO_PORTABLE
#include <sys/syscall.h>
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KIOTO_SANITIZED true
#elif defined(__has_feature)
#define KIOTO_SANITIZED \
  (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer))
#else
#define KIOTO_SANITIZED false
#endif

namespace kioto::base::sys {
namespace {

// The first part that is not empty, cut to what a short call may move; or all parts, untouched.
struct Parts {
  Parts(Call call, int fd, const iovec* parts, size_t count) : first(parts), count(count) {
    if (!FaultsInstalled()) return;
    size_t total = 0;
    for (size_t i = 0; i < count; ++i) total += parts[i].iov_len;
    const size_t size = InjectedSize(call, fd, total);
    if (size == total) return;
    while (first->iov_len == 0) ++first;
    cut = *first;
    if (cut.iov_len > size) cut.iov_len = size;
    first = &cut;
    this->count = 1;
  }
  iovec cut;
  const iovec* first;
  size_t count;
};

// libc's own are cancellation points of pthreads, which costs a process with threads some 15 ns a call, and a thread of
// ours is never cancelled. Sanitizers watch libc's.
#if defined(SYS_recvfrom) && defined(SYS_sendto) && !KIOTO_SANITIZED && !KIOTO_PORTABLE
ssize_t BareRecvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size) {
  return ::syscall(SYS_recvfrom, fd, buffer, size, flags, from, from_size);
}
ssize_t BareSendto(int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t to_size) {
  return ::syscall(SYS_sendto, fd, data, size, flags, to, to_size);
}
#else
ssize_t BareRecvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size) {
  return ::recvfrom(fd, buffer, size, flags, from, from_size);
}
ssize_t BareSendto(int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t to_size) {
  return ::sendto(fd, data, size, flags, to, to_size);
}
#endif

#if defined(__linux__) && !KIOTO_PORTABLE
// MSG_TRUNC: gives the length of all of the datagram.
ssize_t BareRecvfromOrCut(int fd, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size, bool* cut) {
  const ssize_t whole = BareRecvfrom(fd, buffer, size, flags | MSG_TRUNC, from, from_size);
  *cut = whole > static_cast<ssize_t>(size);
  return *cut ? static_cast<ssize_t>(size) : whole;
}
#else
ssize_t BareRecvfromOrCut(int fd, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size, bool* cut) {
  iovec part{buffer, size};
  msghdr message{};
  message.msg_name = from;
  message.msg_namelen = *from_size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t result = ::recvmsg(fd, &message, flags);
  *from_size = message.msg_namelen;
  *cut = (message.msg_flags & MSG_TRUNC) != 0;
  return result;
}
#endif

#if defined(__linux__) && !KIOTO_PORTABLE
ssize_t BareRecvmsg(int fd, msghdr* message, int flags) { return ::recvmsg(fd, message, flags | MSG_CMSG_CLOEXEC); }
int BareRecvmmsg(int fd, Message* messages, unsigned int count, int flags) {
  return ::recvmmsg(fd, messages, count, flags, nullptr);
}
int BareSendmmsg(int fd, Message* messages, unsigned int count, int flags) {
  return ::sendmmsg(fd, messages, count, flags);
}
#else
// An fd that came may leak into a child that is forked in between.
ssize_t BareRecvmsg(int fd, msghdr* message, int flags) {
  const ssize_t result = ::recvmsg(fd, message, flags);
  if (result >= 0) ForEachFdOf(*message, [](int came) { ::fcntl(came, F_SETFD, FD_CLOEXEC); });
  return result;
}
// move(message): how many bytes of it went, or -1.
template <class Move>
int OneAfterAnother(Message* messages, unsigned int count, Move move) {
  for (unsigned int i = 0; i < count; ++i) {
    const ssize_t size = move(messages[i].msg_hdr);
    if (size < 0) return i > 0 ? static_cast<int>(i) : -1;
    messages[i].msg_len = static_cast<unsigned int>(size);
  }
  return static_cast<int>(count);
}
int BareRecvmmsg(int fd, Message* messages, unsigned int count, int flags) {
  return OneAfterAnother(messages, count, [&](msghdr& message) { return ::recvmsg(fd, &message, flags); });
}
int BareSendmmsg(int fd, Message* messages, unsigned int count, int flags) {
  return OneAfterAnother(messages, count, [&](msghdr& message) { return ::sendmsg(fd, &message, flags); });
}
#endif

size_t Size(Call call, int fd, size_t size) { return FaultsInstalled() ? InjectedSize(call, fd, size) : size; }

#if !defined(__linux__) || KIOTO_PORTABLE
// For systems that can not do it in the same call: there an fd may leak into a child that is forked in between.
int MakeNonblockingCloexec(int fd) {
  if (fd < 0) return fd;
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0) return fd;
  const int error = errno;
  ::close(fd);
  return -error;
}
int MakePairNonblockingCloexec(int fds[2]) {
  int error = MakeNonblockingCloexec(fds[0]);
  if (error < 0) {
    ::close(fds[1]);
    return error;
  }
  error = MakeNonblockingCloexec(fds[1]);
  if (error < 0) ::close(fds[0]);
  return error < 0 ? error : 0;
}
#endif

}  // namespace

ssize_t Read(int fd, void* buffer, size_t size) {
  return Retry(Call::kRead, fd, [&] { return ::read(fd, buffer, Size(Call::kRead, fd, size)); });
}
ssize_t Write(int fd, const void* data, size_t size) {
  return Retry(Call::kWrite, fd, [&] { return ::write(fd, data, Size(Call::kWrite, fd, size)); });
}
ssize_t Readv(int fd, const iovec* parts, int count) {
  return Retry(Call::kReadv, fd, [&] {
    const Parts some(Call::kReadv, fd, parts, static_cast<size_t>(count));
    return ::readv(fd, some.first, static_cast<int>(some.count));
  });
}
ssize_t Writev(int fd, const iovec* parts, int count) {
  return Retry(Call::kWritev, fd, [&] {
    const Parts some(Call::kWritev, fd, parts, static_cast<size_t>(count));
    return ::writev(fd, some.first, static_cast<int>(some.count));
  });
}
ssize_t Recv(int fd, void* buffer, size_t size, int flags) {
  return Retry(Call::kRecv, fd,
               [&] { return BareRecvfrom(fd, buffer, Size(Call::kRecv, fd, size), flags, nullptr, nullptr); });
}
ssize_t Send(int fd, const void* data, size_t size, int flags) {
  return Retry(Call::kSend, fd, [&] { return BareSendto(fd, data, Size(Call::kSend, fd, size), flags, nullptr, 0); });
}
ssize_t Recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* from, socklen_t* from_size, bool* cut) {
  return Retry(Call::kRecv, fd, [&] {
    return BareRecvfromOrCut(fd, buffer, Size(Call::kRecv, fd, size), flags, from, from_size, cut);
  });
}
ssize_t Sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t to_size) {
  return Retry(Call::kSend, fd, [&] { return BareSendto(fd, data, Size(Call::kSend, fd, size), flags, to, to_size); });
}
ssize_t Recvmsg(int fd, msghdr* message, int flags) {
  return Retry(Call::kRecvmsg, fd, [&] {
    const Parts some(Call::kRecvmsg, fd, message->msg_iov, message->msg_iovlen);
    iovec* const parts = message->msg_iov;
    const auto count = message->msg_iovlen;
    message->msg_iov = const_cast<iovec*>(some.first);
    message->msg_iovlen = static_cast<decltype(message->msg_iovlen)>(some.count);
    const ssize_t result = BareRecvmsg(fd, message, flags);
    message->msg_iov = parts;
    message->msg_iovlen = count;
    return result;
  });
}
ssize_t Sendmsg(int fd, const msghdr* message, int flags) {
  return Retry(Call::kSendmsg, fd, [&] {
    const Parts some(Call::kSendmsg, fd, message->msg_iov, message->msg_iovlen);
    msghdr copy = *message;
    copy.msg_iov = const_cast<iovec*>(some.first);
    copy.msg_iovlen = static_cast<decltype(copy.msg_iovlen)>(some.count);
    return ::sendmsg(fd, &copy, flags);
  });
}
int Recvmmsg(int fd, Message* messages, unsigned int count, int flags) {
  return Retry(Call::kRecvmmsg, fd, [&] {
    return BareRecvmmsg(fd, messages, static_cast<unsigned int>(Size(Call::kRecvmmsg, fd, count)), flags);
  });
}
int Sendmmsg(int fd, Message* messages, unsigned int count, int flags) {
  return Retry(Call::kSendmmsg, fd, [&] {
    return BareSendmmsg(fd, messages, static_cast<unsigned int>(Size(Call::kSendmmsg, fd, count)), flags);
  });
}

#if defined(__linux__) && !KIOTO_PORTABLE
int Socket(int domain, int type, int protocol) {
  return Retry(Call::kSocket, -1, [&] { return ::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol); });
}
int Socketpair(int domain, int type, int protocol, int fds[2]) {
  return Retry(Call::kSocketpair, -1,
               [&] { return ::socketpair(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol, fds); });
}
int Accept(int fd, sockaddr* address, socklen_t* size) {
  return Retry(Call::kAccept, fd, [&] { return ::accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC); });
}
int Pipe(int fds[2]) {
  return Retry(Call::kPipe, -1, [&] { return ::pipe2(fds, O_NONBLOCK | O_CLOEXEC); });
}
ssize_t Splice(int from, int to, size_t size) {
  return Retry(Call::kSplice, from, [&] {
    return ::splice(from, nullptr, to, nullptr, Size(Call::kSplice, from, size), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  });
}
ssize_t Preadv2(int fd, const iovec* parts, int count, int64_t offset, int flags) {
  return Retry(Call::kPreadv2, fd, [&] {
    const Parts some(Call::kPreadv2, fd, parts, static_cast<size_t>(count));
    return ::preadv2(fd, some.first, static_cast<int>(some.count), offset, flags);
  });
}
#else
int Socket(int domain, int type, int protocol) {
  return MakeNonblockingCloexec(Retry(Call::kSocket, -1, [&] { return ::socket(domain, type, protocol); }));
}
int Socketpair(int domain, int type, int protocol, int fds[2]) {
  const int result = Retry(Call::kSocketpair, -1, [&] { return ::socketpair(domain, type, protocol, fds); });
  return result < 0 ? result : MakePairNonblockingCloexec(fds);
}
int Accept(int fd, sockaddr* address, socklen_t* size) {
  return MakeNonblockingCloexec(Retry(Call::kAccept, fd, [&] { return ::accept(fd, address, size); }));
}
int Pipe(int fds[2]) {
  const int result = Retry(Call::kPipe, -1, [&] { return ::pipe(fds); });
  return result < 0 ? result : MakePairNonblockingCloexec(fds);
}
ssize_t Splice(int, int, size_t) { return -ENOSYS; }
#endif

int Connect(int fd, const sockaddr* address, socklen_t size) {
  return Once(Call::kConnect, fd, [&] { return ::connect(fd, address, size); });
}
int Bind(int fd, const sockaddr* address, socklen_t size) {
  return Retry(Call::kBind, fd, [&] { return ::bind(fd, address, size); });
}
int Listen(int fd, int backlog) {
  return Retry(Call::kListen, fd, [&] { return ::listen(fd, backlog); });
}
int Shutdown(int fd, int how) {
  return Retry(Call::kShutdown, fd, [&] { return ::shutdown(fd, how); });
}
int Getsockopt(int fd, int level, int option, void* value, socklen_t* size) {
  return Retry(Call::kGetsockopt, fd, [&] { return ::getsockopt(fd, level, option, value, size); });
}
int Setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
  return Retry(Call::kSetsockopt, fd, [&] { return ::setsockopt(fd, level, option, value, size); });
}
int Getsockname(int fd, sockaddr* address, socklen_t* size) {
  return Retry(Call::kGetsockname, fd, [&] { return ::getsockname(fd, address, size); });
}
int Getpeername(int fd, sockaddr* address, socklen_t* size) {
  return Retry(Call::kGetpeername, fd, [&] { return ::getpeername(fd, address, size); });
}

int Close(int fd) {
  // Closed in any case, as the kernel does when it reports an error: a fault must not leak an fd.
  const int result = ::close(fd) == 0 || errno == EINTR ? 0 : -errno;
  if (FaultsInstalled()) {
    if (const int error = InjectedError(Call::kClose, fd); error != 0 && error != EINTR) return -error;
  }
  return result;
}

int Open(const char* path, int flags, mode_t mode) {
  return Retry(Call::kOpen, -1, [&] { return ::open(path, flags | O_CLOEXEC, mode); });
}
int Fstat(int fd, struct stat* result) {
  return Retry(Call::kFstat, fd, [&] { return ::fstat(fd, result); });
}
ssize_t Pread(int fd, void* buffer, size_t size, int64_t offset) {
  return Retry(Call::kPread, fd, [&] { return ::pread(fd, buffer, Size(Call::kPread, fd, size), offset); });
}
ssize_t Pwrite(int fd, const void* data, size_t size, int64_t offset) {
  return Retry(Call::kPwrite, fd, [&] { return ::pwrite(fd, data, Size(Call::kPwrite, fd, size), offset); });
}

}  // namespace kioto::base::sys
