// What a runtime asks of the kernel: one epoll_ctl to add a connection and at most one to remove it; every fd close-on-exec; no
// io_uring once the loops are made.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/read_dir.h"
#include "kioto/fs/temp_file.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/udp_socket.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/process/command.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/sleep.h"
#include "uv.h"

#if defined(__linux__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

namespace kioto::kernel_test {

struct Controls {
  base::Atomic<int> add{0}, mod{0}, del{0};
};
Controls controls;

void CountControl(int operation) {
  if (operation == EPOLL_CTL_ADD) controls.add.fetch_add(1);
  if (operation == EPOLL_CTL_MOD) controls.mod.fetch_add(1);
  if (operation == EPOLL_CTL_DEL) controls.del.fetch_add(1);
}

}  // namespace kioto::kernel_test

// In the place of libc's, for Kioto and libuv alike.
extern "C" int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  kioto::kernel_test::CountControl(operation);
  return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, fd, event));
}

namespace kioto {
namespace {

using kernel_test::controls;
using namespace std::chrono_literals;

auto Echo(net::TcpStream stream) {
  return With(std::move(stream), Buffer(64), [](net::TcpStream& s, Buffer& buf) {
    return Loop([&] {
      return s.Read(buf).AndThen([&](size_t& n) { return If(n == 0, Break, [&] { return s.WriteAll(buf.first(n)); }); });
    });
  });
}

TEST(KernelTest, AConnectionCostsOneAddAndAtMostOneDelete) {
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  const int added = controls.add.load(), modified = controls.mod.load(), deleted = controls.del.load();
  const int connections = Scaled(200);
  for (int i = 0; i < connections; ++i) {
    Connection made = Connect();
    JoinHandle<Status> served = runtime.Spawn(Echo(*net::TcpStream::FromFd(made.server)));
    for (int k = 0; k < 10; ++k) ASSERT_TRUE(ExchangeByte(made.client));
    ::shutdown(made.client, SHUT_WR);
    EXPECT_EQ(runtime.BlockOn(std::move(served)), OkStatus());
    ::close(made.client);
  }
  const int adds = controls.add.load() - added, mods = controls.mod.load() - modified, dels = controls.del.load() - deleted;
  std::printf("%d connections of 10 exchanges: %d ADD, %d MOD, %d DEL\n", connections, adds, mods, dels);
  if (KIOTO_DRIVER_IS_PORTABLE) return;  // a uv_poll_t for each wait
  EXPECT_LE(adds, connections);
  EXPECT_GE(adds, connections / 2);  // one whose client is always faster than the server's next look needs none
  EXPECT_EQ(mods, 0);
  EXPECT_LE(dels, adds);
}

TEST(KernelTest, EveryFdIsCloseOnExec) {
  const std::set<int> before = OpenFdSet();
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  int looked_at = 0;
  const auto look = [&] {
    for (int fd : OpenFdSet()) {
      if (before.count(fd) != 0) continue;
      ++looked_at;
      char path[64], name[256] = {};
      std::snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
      if (::readlink(path, name, sizeof(name) - 1) < 0) continue;
      EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << "fd " << fd << " is " << name;
    }
  };
  auto serve = [&look](net::TcpListener& listener) {
    return TryJoin(net::TcpStream::Connect(*listener.local_address()), listener.Accept())
        .AndThen([&look](std::tuple<net::TcpStream, net::TcpStream>& both) {
          return std::get<0>(both).WriteAll("x").AndThen([&look, &both] {
            return With(Buffer(1), [&look, &both](Buffer& buf) {
              return std::get<1>(both).ReadExact(buf).AndThen([&look] { look(); });
            });
          });
        });
  };
  EXPECT_EQ(runtime.BlockOn(net::TcpListener::Bind("127.0.0.1:0").AndThen(serve)), OkStatus());
  EXPECT_GE(looked_at, 2 * 3 + 3);  // for each worker some, the listener, both ends
}

// Files too.
std::set<int> AllFds() {
  std::set<int> fds;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) fds.insert(fd);
  }
  return fds;
}

// One of everything else that has an fd.
TEST(KernelTest, EveryOtherFdIsCloseOnExec) {
  const std::set<int> before = AllFds();
  Runtime runtime = *Runtime::CurrentThread();
  const EnterGuard guard = runtime.Enter();
  const size_t own = AllFds().size() - before.size();
  auto udp = runtime.BlockOn(net::UdpSocket::Bind("127.0.0.1:0"));
  ASSERT_TRUE(udp.ok()) << udp.status();
  const std::string dir = testing::TempDir();
  auto listener = net::UnixListener::Bind(*net::UnixAddress::Abstract("kioto_kernel_test_" + std::to_string(std::random_device()())));
  ASSERT_TRUE(listener.ok()) << listener.status();
  auto streams = net::UnixStream::Pair();
  ASSERT_TRUE(streams.ok()) << streams.status();
  auto datagrams = net::UnixDatagram::Pair();
  ASSERT_TRUE(datagrams.ok()) << datagrams.status();
  auto file = runtime.BlockOn(fs::File::Create(dir + "/kernel_test.file"));
  ASSERT_TRUE(file.ok()) << file.status();
  auto temp = runtime.BlockOn(fs::TempFile::Create(dir));
  ASSERT_TRUE(temp.ok()) << temp.status();
  auto entries = runtime.BlockOn(fs::OpenDir(dir));
  ASSERT_TRUE(entries.ok()) << entries.status();
  auto signals = signal::Listener::Make(SIGUSR1);
  ASSERT_TRUE(signals.ok()) << signals.status();
  auto child = process::Command("cat").Stdin(process::Stdio::Piped()).Stdout(process::Stdio::Piped()).Spawn();
  ASSERT_TRUE(child.ok()) << child.status();
  size_t found = 0;
  for (int fd : AllFds()) {
    if (before.count(fd) != 0) continue;
    ++found;
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << "fd " << fd;
  }
  EXPECT_GE(found, own + 1 + 1 + 2 + 2 + 1 + 1 + 1 + 1 + 2);
  EXPECT_TRUE(runtime.BlockOn(child->Wait()).ok());
}

#if !KIOTO_DRIVER_IS_PORTABLE  // whose handles libuv gives to the kernel by io_uring, where there is one
// From here on, a call of io_uring ends this process.
bool ForbidIoUring() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

bool RunsWithoutIoUring() {
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  Runtime other = *Runtime::CurrentThread();
  if (!ForbidIoUring()) return false;  // before a worker's first park, perhaps
  for (int i = 0; i < 20; ++i) {
    Connection made = Connect();
    JoinHandle<Status> served = (i % 2 == 0 ? runtime : other).Spawn(Echo(*net::TcpStream::FromFd(made.server)));
    std::vector<JoinHandle<Unit>> sleeps;
    for (int k = 0; k < 3; ++k) sleeps.push_back(runtime.Spawn(Sleep(1ms)));
    if (i % 2 == 0 && !ExchangeByte(made.client)) return false;
    ::shutdown(made.client, SHUT_WR);
    if (!(i % 2 == 0 ? runtime : other).BlockOn(std::move(served)).ok()) return false;
    for (auto& sleep : sleeps) {
      if (!runtime.BlockOn(std::move(sleep)).ok()) return false;
    }
    if (!runtime.BlockOn(Lazy([] { return SpawnBlocking([] { return 1; }); })).ok()) return false;
    ::close(made.client);
  }
  return runtime.Shutdown().clean() && other.Shutdown().clean();
}

// A guest: the host's loop takes the guest's handles in at its first turn (which it only makes if something is to be done).
bool RunsAttachedWithoutIoUring() {
  uv_loop_t loop;
  if (uv_loop_init(&loop) != 0) return false;
  StatusOr<Runtime> guest = Runtime::Attach(&loop);
  if (!guest.ok()) return false;
  JoinHandle<Unit> first = guest->Spawn(Lazy([] {}));
  while (!first.finished()) uv_run(&loop, UV_RUN_NOWAIT);
  if (!ForbidIoUring()) return false;
  for (int i = 0; i < 5; ++i) {
    Connection made = Connect();
    JoinHandle<Status> served = guest->Spawn(Echo(*net::TcpStream::FromFd(made.server)));
    JoinHandle<Unit> sleep = guest->Spawn(Sleep(1ms));
    uv_run(&loop, UV_RUN_NOWAIT);
    const char byte = 'x';
    char back = 0;
    if (::send(made.client, &byte, 1, 0) != 1) return false;
    for (ssize_t n; (n = ::recv(made.client, &back, 1, MSG_DONTWAIT)) != 1; uv_run(&loop, UV_RUN_NOWAIT)) {
      if (n == 0 || errno != EAGAIN) return false;
    }
    ::shutdown(made.client, SHUT_WR);
    while (!served.finished() || !sleep.finished()) uv_run(&loop, UV_RUN_NOWAIT);
    ::close(made.client);
  }
  bool detached = false;
  if (!guest->Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &detached).ok()) return false;
  while (!detached) uv_run(&loop, UV_RUN_NOWAIT);
  return uv_loop_close(&loop) == 0;
}

TEST(KernelTest, NoIoUringAfterTheLoopsAreMade) {
  EXPECT_EQ(StatusOfChild([] { return RunsWithoutIoUring() ? 0 : 1; }), 0);
  EXPECT_EQ(StatusOfChild([] { return RunsAttachedWithoutIoUring() ? 0 : 1; }), 0);
  const int caught = StatusOfChild([] {
    if (!ForbidIoUring()) return 1;
    ::syscall(SYS_io_uring_setup, 0, nullptr);
    return 0;
  });
  EXPECT_TRUE(WIFSIGNALED(caught)) << "the filter lets io_uring pass";
}
#endif

}  // namespace
}  // namespace kioto
