#include "kioto/runtime/base/sys.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/thread.h"

#if defined(__linux__) && !KIOTO_PORTABLE
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#endif

namespace kioto::base::sys {
namespace {

// Two connected sockets, closed at the end of the test.
class SysTest : public ::testing::Test {
 protected:
  SysTest() { EXPECT_EQ(Socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0); }
  ~SysTest() override {
    for (int fd : fds_) EXPECT_EQ(Close(fd), 0);
  }
  static bool IsNonblockingCloexec(int fd) {
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
  }
  int fds_[2];
  char buffer_[64] = {};
};

TEST_F(SysTest, ResultsAreTheCallsOwn) {
  EXPECT_TRUE(IsNonblockingCloexec(fds_[0]) && IsNonblockingCloexec(fds_[1]));
  EXPECT_EQ(Read(fds_[1], buffer_, sizeof(buffer_)), -EAGAIN);
  EXPECT_EQ(Write(fds_[0], "hello", 5), 5);
  EXPECT_EQ(Read(fds_[1], buffer_, 2), 2);
  EXPECT_EQ(Recv(fds_[1], buffer_ + 2, 62, MSG_PEEK), 3);
  EXPECT_EQ(Recv(fds_[1], buffer_ + 2, 62, 0), 3);
  EXPECT_STREQ(buffer_, "hello");
  EXPECT_EQ(Send(fds_[0], "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(Shutdown(fds_[0], SHUT_WR), 0);
  EXPECT_EQ(Read(fds_[1], buffer_, 64), 1);
  EXPECT_EQ(Read(fds_[1], buffer_, 64), 0);
  EXPECT_EQ(Read(-1, buffer_, 64), -EBADF);
  EXPECT_EQ(Close(-1), -EBADF);
}

TEST_F(SysTest, VectoredCallsAndMessages) {
  char a[3] = {};
  char b[8] = {};
  iovec out[3] = {{const_cast<char*>("ab"), 2}, {nullptr, 0}, {const_cast<char*>("cde"), 3}};
  iovec in[2] = {{a, 2}, {b, 7}};
  EXPECT_EQ(Writev(fds_[0], out, 3), 5);
  EXPECT_EQ(Readv(fds_[1], in, 2), 5);
  EXPECT_STREQ(a, "ab");
  EXPECT_STREQ(b, "cde");

  msghdr message = {};
  message.msg_iov = out;
  message.msg_iovlen = 3;
  EXPECT_EQ(Sendmsg(fds_[0], &message, MSG_NOSIGNAL), 5);
  std::memset(b, 0, sizeof(b));
  message.msg_iov = in;
  message.msg_iovlen = 2;
  EXPECT_EQ(Recvmsg(fds_[1], &message, 0), 5);
  EXPECT_STREQ(b, "cde");
}

TEST_F(SysTest, DatagramsWithAddresses) {
  int fds[2];
  ASSERT_EQ(Socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
  sockaddr_storage from;
  socklen_t from_size = sizeof(from);
  bool cut = true;
  char in[3];
  const auto receive = [&] { return Recvfrom(fds[1], in, sizeof(in), 0, reinterpret_cast<sockaddr*>(&from), &from_size, &cut); };
  EXPECT_EQ(receive(), -EAGAIN);
  EXPECT_EQ(Sendto(fds[0], "abc", 3, MSG_NOSIGNAL, nullptr, 0), 3);
  EXPECT_EQ(receive(), 3);
  EXPECT_FALSE(cut);
  EXPECT_EQ(from_size, 0u) << "a socket without a name";
  EXPECT_EQ(Sendto(fds[0], "abcd", 4, MSG_NOSIGNAL, nullptr, 0), 4);
  EXPECT_EQ(receive(), 3);
  EXPECT_TRUE(cut);
  EXPECT_EQ(std::string(in, 3), "abc");
  {
    ScopedFault interrupted(Call::kRecv, Fault::First(1, EINTR));
    EXPECT_EQ(receive(), -EAGAIN) << "the rest is lost";
    EXPECT_EQ(interrupted.hits(), 1);
  }
  ScopedFault refused(Call::kSend, Fault::First(1, ENOBUFS));
  EXPECT_EQ(Sendto(fds[0], "abc", 3, MSG_NOSIGNAL, nullptr, 0), -ENOBUFS);
  for (int fd : fds) EXPECT_EQ(Close(fd), 0);
}

TEST_F(SysTest, FdsThatComeAreCloseOnExec) {
  const int sent[] = {open("/dev/null", O_RDONLY), open("/dev/zero", O_RDONLY)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(sent))] = {};
  iovec part{buffer_, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(sent));
  std::memcpy(CMSG_DATA(header), sent, sizeof(sent));
  EXPECT_EQ(Sendmsg(fds_[0], &message, MSG_NOSIGNAL), 1);
  for (int fd : sent) EXPECT_EQ(Close(fd), 0);
  message.msg_controllen = sizeof(control);
  EXPECT_EQ(Recvmsg(fds_[1], &message, 0), 1);
  int count = 0;
  ForEachFdOf(message, [&count](int fd) {
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(Close(fd), 0);
    ++count;
  });
  EXPECT_EQ(count, 2);
}

TEST_F(SysTest, SeveralMessagesByOneCall) {
  int fds[2];
  ASSERT_EQ(Socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
  char in[3][2] = {};
  iovec out_parts[3] = {{const_cast<char*>("a"), 1}, {nullptr, 0}, {const_cast<char*>("cde"), 3}};
  iovec in_parts[3] = {{in[0], 2}, {in[1], 2}, {in[2], 2}};
  Message sent[3] = {};
  Message got[3] = {};
  for (int i = 0; i < 3; ++i) {
    sent[i].msg_hdr.msg_iov = &out_parts[i];
    got[i].msg_hdr.msg_iov = &in_parts[i];
    sent[i].msg_hdr.msg_iovlen = got[i].msg_hdr.msg_iovlen = 1;
  }
  EXPECT_EQ(Recvmmsg(fds[1], got, 3, 0), -EAGAIN);
  EXPECT_EQ(Sendmmsg(fds[0], sent, 3, MSG_NOSIGNAL), 3);
  EXPECT_EQ(sent[2].msg_len, 3u);
  EXPECT_EQ(Recvmmsg(fds[1], got, 2, 0), 2);
  EXPECT_EQ(got[0].msg_len, 1u);
  EXPECT_EQ(got[1].msg_len, 0u);
  EXPECT_EQ(Recvmmsg(fds[1], got, 3, 0), 1) << "what there is";
  EXPECT_EQ(got[0].msg_len, 2u);
  EXPECT_NE(got[0].msg_hdr.msg_flags & MSG_TRUNC, 0);
  {
    ScopedFault interrupted(Call::kSendmmsg, Fault::First(1, EINTR));
    ScopedFault one(Call::kSendmmsg, Fault::Short(1, 1));
    EXPECT_EQ(Sendmmsg(fds[0], sent, 3, MSG_NOSIGNAL), 1);
    EXPECT_EQ(interrupted.hits(), 1);
  }
  ScopedFault refused(Call::kRecvmmsg, Fault::First(1, ENOMEM));
  EXPECT_EQ(Recvmmsg(fds[1], got, 3, 0), -ENOMEM);
  EXPECT_EQ(Recvmmsg(fds[1], got, 3, 0), 1);
  for (int fd : fds) EXPECT_EQ(Close(fd), 0);
}

TEST_F(SysTest, Splice) {
  int pipe[2];
  ASSERT_EQ(Pipe(pipe), 0);
  EXPECT_EQ(Write(fds_[0], "hello", 5), 5);
#if defined(__linux__) && !KIOTO_PORTABLE
  EXPECT_EQ(Splice(fds_[1], pipe[1], 3), 3);
  EXPECT_EQ(Splice(fds_[1], pipe[1], 64), 2);
  EXPECT_EQ(Splice(fds_[1], pipe[1], 64), -EAGAIN);
  EXPECT_EQ(Splice(pipe[0], fds_[1], 64), 5);
  EXPECT_EQ(Read(fds_[0], buffer_, 64), 5);
  EXPECT_STREQ(buffer_, "hello");
  EXPECT_EQ(Splice(fds_[0], fds_[1], 64), -EINVAL);  // neither is a pipe
  {
    ScopedFault fault(Call::kSplice, Fault::First(1, EIO).On(fds_[1]));
    EXPECT_EQ(Splice(pipe[0], fds_[0], 64), -EAGAIN);
    EXPECT_EQ(Splice(fds_[1], pipe[1], 64), -EIO);
  }
  EXPECT_EQ(Write(fds_[0], "hello", 5), 5);
  ScopedFault shorts(Call::kSplice, Fault::Short(1, 1));
  EXPECT_EQ(Splice(fds_[1], pipe[1], 64), 1);
#else
  EXPECT_EQ(Splice(fds_[1], pipe[1], 64), -ENOSYS);
#endif
  for (int fd : pipe) EXPECT_EQ(Close(fd), 0);
}

TEST_F(SysTest, SocketsListenAcceptAndConnect) {
  const int listener = Socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(listener, 0);
  EXPECT_TRUE(IsNonblockingCloexec(listener));
  const int one = 1;
  EXPECT_EQ(Setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(Bind(listener, generic, sizeof(address)), 0);
  EXPECT_EQ(Listen(listener, 8), 0);
  EXPECT_EQ(Accept(listener, nullptr, nullptr), -EAGAIN);
  socklen_t size = sizeof(address);
  EXPECT_EQ(Getsockname(listener, generic, &size), 0);

  const int client = Socket(AF_INET, SOCK_STREAM, 0);
  const int connected = Connect(client, generic, sizeof(address));
  EXPECT_TRUE(connected == 0 || connected == -EINPROGRESS) << connected;
  int server = -EAGAIN;
  while (server == -EAGAIN) server = Accept(listener, nullptr, nullptr);  // over loopback it is there at once
  ASSERT_GE(server, 0);
  EXPECT_TRUE(IsNonblockingCloexec(server));
  EXPECT_EQ(Getpeername(client, generic, &size), 0);
  int error = 1;
  size = sizeof(error);
  EXPECT_EQ(Getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size), 0);
  EXPECT_EQ(error, 0);
  for (int fd : {listener, client, server}) EXPECT_EQ(Close(fd), 0);
}

TEST_F(SysTest, Files) {
  const std::string path = ::testing::TempDir() + "/sys_test_file";
  EXPECT_EQ(Open((path + "/none").c_str(), O_RDONLY, 0), -ENOENT);
  const int fd = Open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  ASSERT_GE(fd, 0);
  EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(Pwrite(fd, "abcdef", 6, 0), 6);
  EXPECT_EQ(Pread(fd, buffer_, 3, 2), 3);
  EXPECT_STREQ(buffer_, "cde");
  struct stat info;
  EXPECT_EQ(Fstat(fd, &info), 0);
  EXPECT_EQ(info.st_size, 6);
#if defined(__linux__) && !KIOTO_PORTABLE
  iovec part = {buffer_, 6};
  EXPECT_EQ(Preadv2(fd, &part, 1, 0, 0), 6);
  EXPECT_STREQ(buffer_, "abcdef");
#endif
  EXPECT_EQ(Close(fd), 0);
}

#if defined(__linux__) && !KIOTO_PORTABLE
TEST_F(SysTest, Epoll) {
  const int epoll = EpollCreate();
  const int event_fd = Eventfd(0, EFD_NONBLOCK);
  ASSERT_GE(epoll, 0);
  ASSERT_GE(event_fd, 0);
  epoll_event event = {};
  event.events = EPOLLIN;
  EXPECT_EQ(EpollCtl(epoll, EPOLL_CTL_ADD, event_fd, &event), 0);
  EXPECT_EQ(EpollCtl(epoll, EPOLL_CTL_ADD, event_fd, &event), -EEXIST);
  EXPECT_EQ(EpollWait(epoll, &event, 1, 0), 0);
  const uint64_t one = 1;
  EXPECT_EQ(Write(event_fd, &one, 8), 8);
  EXPECT_EQ(EpollWait(epoll, &event, 1, -1), 1);
  // An interrupted wait is the caller's to judge: its deadline may have passed.
  ScopedFault fault(Call::kEpollWait, Fault::First(1, EINTR));
  EXPECT_EQ(EpollWait(epoll, &event, 1, 0), -EINTR);
  for (int fd : {epoll, event_fd}) EXPECT_EQ(Close(fd), 0);
}

TEST_F(SysTest, Timerfd) {
  const int timer = TimerfdCreate(CLOCK_MONOTONIC, TFD_NONBLOCK);
  ASSERT_GE(timer, 0);
  EXPECT_NE(fcntl(timer, F_GETFD) & FD_CLOEXEC, 0);
  itimerspec when = {};
  when.it_value.tv_nsec = 1;
  EXPECT_EQ(TimerfdSettime(timer, TFD_TIMER_ABSTIME, &when), 0);  // long ago
  pollfd wait = {timer, POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, -1), 1);
  when = {};
  EXPECT_EQ(TimerfdSettime(timer, 0, &when), 0);  // and what has fired is forgotten
  EXPECT_EQ(poll(&wait, 1, 0), 0);
  when.it_value.tv_nsec = -1;
  EXPECT_EQ(TimerfdSettime(timer, 0, &when), -EINVAL);
  EXPECT_EQ(Close(timer), 0);
}
#endif

TEST_F(SysTest, FaultsByNumber) {
  {
    ScopedFault fault(Call::kWrite, Fault::First(2, ENOBUFS));
    EXPECT_EQ(Write(fds_[0], "x", 1), -ENOBUFS);
    EXPECT_EQ(Send(fds_[0], "x", 1, 0), 1) << "another call";
    EXPECT_EQ(Write(fds_[0], "x", 1), -ENOBUFS);
    EXPECT_EQ(Write(fds_[0], "x", 1), 1);
    EXPECT_EQ(fault.hits(), 2);
  }
  {
    ScopedFault fault(Call::kWrite, Fault::Nth(2, EPIPE));
    EXPECT_EQ(Write(fds_[0], "x", 1), 1);
    EXPECT_EQ(Write(fds_[0], "x", 1), -EPIPE);
    EXPECT_EQ(Write(fds_[0], "x", 1), 1);
    EXPECT_EQ(fault.hits(), 1);
  }
  {
    ScopedFault fault(Call::kWrite, Fault::Every(EIO));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(Write(fds_[0], "x", 1), -EIO);
  }
  EXPECT_EQ(Write(fds_[0], "x", 1), 1);
}

TEST_F(SysTest, FaultsOnOneFd) {
  ScopedFault fault(Call::kWrite, Fault::Every(EIO).On(fds_[0]));
  EXPECT_EQ(Write(fds_[0], "x", 1), -EIO);
  EXPECT_EQ(Write(fds_[1], "x", 1), 1);
  EXPECT_EQ(fault.hits(), 1);
}

TEST_F(SysTest, TheNewestFaultIsAskedFirst) {
  ScopedFault older(Call::kWrite, Fault::Every(EIO));
  ScopedFault newer(Call::kWrite, Fault::First(1, EPIPE));
  EXPECT_EQ(Write(fds_[0], "x", 1), -EPIPE);
  EXPECT_EQ(Write(fds_[0], "x", 1), -EIO);
}

TEST_F(SysTest, FaultsByChanceRepeatWithTheirSeed) {
  std::string first;
  for (int run = 0; run < 2; ++run) {
    ScopedFault fault(Call::kRead, Fault::Sometimes(0.5, EIO, 9));
    std::string pattern;
    for (int i = 0; i < 64; ++i) pattern += Read(fds_[0], buffer_, 1) == -EIO ? 'x' : '.';
    if (run == 0) first = pattern;
    EXPECT_EQ(pattern, first);
    EXPECT_GT(fault.hits(), 10);
    EXPECT_LT(fault.hits(), 54);
  }
}

TEST_F(SysTest, InterruptedCallsAreMadeAgain) {
  ScopedFault fault(Call::kWrite, Fault::First(3, EINTR));
  EXPECT_EQ(Write(fds_[0], "x", 1), 1);
  EXPECT_EQ(fault.hits(), 3);
  ScopedFault connect(Call::kConnect, Fault::Every(EINTR));
  EXPECT_EQ(Connect(fds_[0], nullptr, 0), -EINTR);
}

TEST_F(SysTest, AFailedCloseHasClosed) {
  const int fd = Socket(AF_UNIX, SOCK_STREAM, 0);
  ScopedFault fault(Call::kClose, Fault::First(1, EIO));
  EXPECT_EQ(Close(fd), -EIO);
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

TEST_F(SysTest, ShortReadsAndWritesMoveOneToSeven) {
  const std::string data(4'096, 'd');
  bool seen[8] = {};
  ScopedFault short_write(Call::kWrite, Fault::Short(7, 1));
  ScopedFault short_read(Call::kRead, Fault::Short(7, 2));
  for (int i = 0; i < 200; ++i) {
    const ssize_t written = Write(fds_[0], data.data(), data.size());
    ASSERT_GE(written, 1);
    ASSERT_LE(written, 7);
    seen[written] = true;
    const ssize_t read = Read(fds_[1], buffer_, sizeof(buffer_));
    ASSERT_GE(read, 1);
    ASSERT_LE(read, 7);
  }
  for (int size = 1; size <= 7; ++size) EXPECT_TRUE(seen[size]) << size;
  // What can not be shorter is not met.
  const int64_t hits = short_write.hits();
  EXPECT_EQ(Write(fds_[0], data.data(), 0), 0);
  EXPECT_EQ(Write(fds_[0], data.data(), 1), 1);
  EXPECT_EQ(short_write.hits(), hits);
}

TEST_F(SysTest, ShortVectoredCallsKeepTheBytesInOrder) {
  ScopedFault short_writev(Call::kWritev, Fault::Short(7, 1));
  ScopedFault short_sendmsg(Call::kSendmsg, Fault::Short(3, 1));
  ScopedFault short_readv(Call::kReadv, Fault::Short(7, 1));
  char text[] = "abcdefghij";
  for (int round = 0; round < 50; ++round) {
    iovec out[3] = {{nullptr, 0}, {text, 4}, {text + 4, 6}};
    msghdr message = {};
    message.msg_iov = out;
    message.msg_iovlen = 3;
    const ssize_t written = round % 2 == 0 ? Writev(fds_[0], out, 3) : Sendmsg(fds_[0], &message, 0);
    ASSERT_GE(written, 1);
    ASSERT_LE(written, 4) << "only the first part that is not empty";
    EXPECT_EQ(message.msg_iovlen, 3u);
    std::memset(buffer_, 0, sizeof(buffer_));
    ASSERT_EQ(Recv(fds_[1], buffer_, 64, 0), written);
    EXPECT_EQ(std::string(buffer_), std::string(text, static_cast<size_t>(written)));
  }
  ASSERT_EQ(Send(fds_[0], text, 10, 0), 10);
  iovec in = {buffer_, 64};
  EXPECT_LE(Readv(fds_[1], &in, 1), 7);
}

TEST_F(SysTest, ShortStreamsLeaveDatagramsWhole) {
  int datagrams[2];
  ASSERT_EQ(Socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams), 0);
  int pipe[2];
  ASSERT_EQ(Pipe(pipe), 0);
  ScopedFault short_write(Call::kWrite, Fault::ShortStreams(2, 1));
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(Write(fds_[0], "hello", 5), 2);
    EXPECT_TRUE(LastWasCut());
    EXPECT_LE(Write(pipe[1], "hello", 5), 2);
    EXPECT_TRUE(LastWasCut());
    EXPECT_EQ(Write(datagrams[0], "hello", 5), 5);
    EXPECT_FALSE(LastWasCut());
    EXPECT_EQ(Read(datagrams[1], buffer_, sizeof(buffer_)), 5);
    EXPECT_FALSE(LastWasCut());
  }
  for (const int fd : {datagrams[0], datagrams[1], pipe[0], pipe[1]}) EXPECT_EQ(Close(fd), 0);
}

// Faults come and go while other threads are in the calls.
TEST_F(SysTest, FaultsMayComeAndGoAnyTime) {
  Atomic<bool> stop{false};
  Thread threads[2];
  for (Thread& thread : threads) {
    StatusOr<Thread> started = Thread::Start("caller", [&] {
      char byte;
      while (!stop.load(std::memory_order_relaxed)) {  // relaxed: only ends the loop
        const ssize_t result = Read(fds_[0], &byte, 1);
        EXPECT_TRUE(result == -EAGAIN || result == -EIO) << result;
      }
    });
    ASSERT_TRUE(started.ok());
    thread = *std::move(started);
  }
  int64_t hits = 0;
  for (int i = 0; i < 200 || hits == 0; ++i) {
    ScopedFault fault(Call::kRead, Fault::Every(EIO));
    if (i % 2 == 0) (void)Read(fds_[1], buffer_, 1);
    hits = fault.hits();
  }
  stop.store(true, std::memory_order_relaxed);  // relaxed: see above
  for (Thread& thread : threads) thread.Join();
  EXPECT_EQ(installed_faults.load(std::memory_order_relaxed), 0);  // relaxed: nobody else is left
  EXPECT_EQ(Read(fds_[0], buffer_, 1), -EAGAIN);
}

}  // namespace
}  // namespace kioto::base::sys
