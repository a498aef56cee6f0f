// A program with two runtimes that are at work, which ends as its argument says, with exit code 7: for exit_checks_test.cc.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "absl/strings/string_view.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/time/sleep.h"

// What lives when a program ends is no leak.
extern "C" int __lsan_is_turned_off() { return 1; }

namespace kioto {
namespace {

using namespace std::chrono_literals;

constexpr int kCode = 7;

base::Atomic<int> turns{0};

template <class Make>
auto Endless(Make make) {
  return Loop([make] {
    return make().Then([](auto&) -> Flow<> {
      turns.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count alone
      return Continue();
    });
  });
}

// With tasks that run, tasks that wait, and jobs.
Runtime AtWork(int workers) {
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(workers).Build();
  runtime.Spawn(Endless([] { return YieldNow(); })).Detach();
  for (int i = 0; i < 10; ++i) {
    runtime.Spawn(Endless([] { return Sleep(1ms); })).Detach();
    runtime.Spawn(Endless([] { return SpawnBlocking([] {}); })).Detach();
    runtime.Spawn(Sleep(1h)).Detach();
  }
  runtime.Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen([](net::TcpListener& listener) {
           return listener.Accept().AndThen([](net::TcpStream&) {});
         })).Detach();
  return runtime;
}

void AwaitTurns() {
  while (turns.load() < 200) std::this_thread::yield();
}

// Runtimes that are destroyed with the program's statics.
Runtime& Static() {
  static Runtime first = AtWork(2), second = AtWork(1);
  AwaitTurns();
  return first;
}

[[noreturn]] void SleepForEver() {
  for (;;) ::pause();
}

int End(absl::string_view how) {
  if (how == "statics") {
    Static();
    return kCode;
  }
  if (how == "task") {
    Static().Spawn(Lazy([] { std::exit(kCode); })).Detach();
    SleepForEver();
  }
  if (how == "thread") {
    const Handle handle = Static().handle();
    std::thread([] { std::exit(kCode); }).detach();
    (void)handle.BlockOn(Sleep(1h));  // ended by the end of the static runtime
    SleepForEver();
  }
  if (how == "fork") {
    Static();
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);  // it inherits none
      std::exit(kCode);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  if (how == "stuck" || how == "stuck_listener") {
    ::signal(SIGINT, SIG_DFL);  // may have been ignored where this was started
    base::Atomic<bool> inside{false};
    return Main([&inside, how] {
      if (how == "stuck_listener") Spawn(Loop([] { return signal::CtrlC().Then([](auto&) -> Flow<> { return Continue(); }); })).Detach();
      SpawnBlocking([&inside] {
        inside.store(true);
        SleepForEver();
      }).Detach();
      while (!inside.load()) std::this_thread::yield();
      return Join(signal::CtrlC(), Lazy([] { ::raise(SIGINT); })).Then([](auto&...) {
        return ::write(STDOUT_FILENO, "x", 1) == 1 ? OkStatus() : absl::InternalError("nobody reads");
      });
    });
  }
  const Runtime first = AtWork(2), second = AtWork(1);
  AwaitTurns();
  if (how == "exit") std::exit(kCode);
  if (how == "quick_exit") std::quick_exit(kCode);
  return how == "return" ? kCode : 1;
}

}  // namespace
}  // namespace kioto

int main(int, char** argv) {
  ::alarm(60);  // it may hang
  return kioto::End(argv[1]);
}
