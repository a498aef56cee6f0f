// A program that forks while it has runtimes: I5 of the checks (README.md).
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/process/command.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/stress/echo.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// How a child that does `what` ends: 0, the number of the first thing there that was not as it should be, or -1: by a signal.
template <class What>
int ExitCodeOfChild(What what) {
  const int status = StatusOfChild(what);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Two runtimes, of which one has threads, with tasks that wait.
class ForkChecks : public testing::Test {
 protected:
  ForkChecks() {
    many_.Spawn(Sleep(1h)).Detach();
    one_.Spawn(Sleep(1h)).Detach();
    many_.Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen([](net::TcpListener& listener) {
           return listener.Accept().AndThen([](net::TcpStream&) {});
         })).Detach();
    EXPECT_TRUE(many_.BlockOn(many_.SpawnBlocking([] { return 1; })).ok());
    EXPECT_TRUE(one_.BlockOn(YieldNow()).ok());
  }

  Runtime many_ = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  Runtime one_ = *Runtime::CurrentThread();
};

bool IsRefusal(const Status& status, absl::string_view what) { return status.message() == InheritedError(what).message(); }

// In the child. `own` was made there.
int FirstNotRefused(Runtime& inherited, const Runtime& own) {
  if (!IsRefusal(inherited.BlockOn(Ready(1)).status(), "BlockOn")) return 1;
  if (!IsRefusal(own.BlockOn(inherited.Spawn(Ready(1))).status(), "Spawn")) return 2;
  if (!IsRefusal(own.BlockOn(inherited.SpawnBlocking([] { return 1; })).status(), "SpawnBlocking")) return 3;
  {
    const EnterGuard entered = inherited.Enter();
    if (!IsRefusal(TrySpawnBlocking([] {}).status(), "TrySpawnBlocking")) return 4;
    if (!IsRefusal(own.BlockOn(Spawn(Ready(1))).status(), "Spawn")) return 5;
  }
  if (!IsRefusal(inherited.Detach([](void*) {}, nullptr), "Detach")) return 6;
  inherited.ShutdownBackground();
  const ShutdownReport report = inherited.Shutdown();
  if (report.clean() || report.stuck.size() != 1 || report.stuck[0] != InheritedError("Shutdown").message()) return 7;
  { const Runtime gone = std::move(inherited); }  // waits for nobody
  return 0;
}

// check: I5
TEST_F(ForkChecks, AnInheritedRuntimeSaysThatItIs) {
  // Some other thread is inside a BlockOn.
  base::Atomic<bool> end{false};
  std::thread blocked([&] {
    EXPECT_TRUE(many_.BlockOn(many_.SpawnBlocking([&] {
      while (!end.load()) std::this_thread::yield();
    })).ok());
  });
  while (many_.Dump().block_ons.empty()) std::this_thread::yield();
  const int forks = Scaled(100);
  for (int i = 0; i < forks; ++i) {
    ASSERT_EQ(ExitCodeOfChild([this] {
                const Runtime own = *Runtime::CurrentThread();  // has no thread
                if (const int wrong = FirstNotRefused(many_, own); wrong != 0) return wrong;
                const int wrong = FirstNotRefused(one_, own);
                return wrong == 0 ? 0 : 10 + wrong;
              }), 0);
  }
  end.store(true);
  blocked.join();
  EXPECT_EQ(*many_.BlockOn(many_.Spawn(Ready(7))), 7) << "the parent's are as they were";
  EXPECT_EQ(*one_.BlockOn(one_.Spawn(Ready(7))), 7);
}

int FirstWrongOfNew() {
  // ThreadSanitizer ends a child of a process with threads that starts one itself.
  constexpr bool kMayHaveThreads = !KIOTO_THREAD_SANITIZED;
  Runtime runtime = kMayHaveThreads ? *RuntimeBuilder::MultiThread().WorkerThreads(2).Build() : *Runtime::CurrentThread();
  const Connection made = Connect();
  JoinHandle<Status> served = runtime.Spawn(Echo(*net::TcpStream::FromFd(made.server)));
  const Status exchanged =
      runtime.BlockOn(With(*net::TcpStream::FromFd(made.client), Buffer(5), [](net::TcpStream& s, Buffer& buf) {
        return s.WriteAll("hello").AndThen([&s, &buf] { return s.ReadExact(buf); });
      }));
  if (!exchanged.ok()) return 1;
  if (!runtime.BlockOn(runtime.Spawn(Sleep(1ms))).ok()) return 2;
  if (kMayHaveThreads && !runtime.BlockOn(runtime.SpawnBlocking([] { return 1; })).ok()) return 3;
  (void)runtime.BlockOn(std::move(served));  // the client's socket was closed, with a reset
  return runtime.Shutdown().clean() ? 0 : 4;
}

// check: I5
TEST_F(ForkChecks, ANewRuntimeInTheChildWorks) {
  const int forks = Scaled(100);
  for (int i = 0; i < forks; ++i) ASSERT_EQ(ExitCodeOfChild(FirstWrongOfNew), 0);
}

// --- exec ----------------------------------------------------------------------------------------------------------------

uint64_t BitOf(int fd) {
  EXPECT_TRUE(fd >= 0 && fd < 64) << fd;
  return uint64_t{1} << fd;
}

// The fds that this program was given: those who started it may have more than three.
const uint64_t kGiven = [] {
  uint64_t given = 0;
  for (int fd = 0; fd < 64; ++fd) given |= uint64_t{::fcntl(fd, F_GETFD) >= 0} << fd;
  return given;
}();

constexpr char kListFds[] = "for fd in /proc/self/fd/*; do echo ${fd##*/}; done";

uint64_t FdsIn(const std::string& list) {
  std::istringstream numbers(list);
  uint64_t fds = 0;
  for (int fd; numbers >> fd;) fds |= BitOf(fd);
  return fds;
}

// What a program lists that was executed after a plain fork.
std::string ListOfExecuted() {
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(fds[1], 1);
    ::execl("/bin/sh", "sh", "-c", kListFds, nullptr);
    ::_exit(127);
  }
  ::close(fds[1]);
  std::string list;
  char bytes[256];
  for (ssize_t n; (n = ::read(fds[0], bytes, sizeof(bytes))) > 0;) list.append(bytes, static_cast<size_t>(n));
  ::close(fds[0]);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return list;
}

// check: I5
TEST_F(ForkChecks, AnExecutedChildHasNoFdOfKiotos) {
  const Connection made = Connect();
  const auto stream = net::TcpStream::FromFd(made.server);
  ASSERT_TRUE(stream.ok()) << stream.status();
  uint64_t expected = kGiven | BitOf(0) | BitOf(1) | BitOf(2);
  expected |= ~expected & (expected + 1);  // the lowest that is free: with it the shell reads the list
  EXPECT_EQ(FdsIn(ListOfExecuted()), expected);
  auto output = many_.BlockOn(process::Command("/bin/sh").Args({"-c", kListFds}).Output());
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(FdsIn(output->out), expected);
  ::close(made.client);
}

}  // namespace
}  // namespace kioto
