// More signals than anybody can take: I3 of the checks (README.md).
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

constexpr double kMs = 1e6;

void Raise(int signal) { ASSERT_EQ(::kill(::getpid(), signal), 0); }

// What was heard of one signal.
struct Tally {
  int heard = 0;
  bool last_is_sent = false;
  int behind_the_last = 0;
};

void Hear(const Runtime& runtime, int signal, Tally& tally) {
  const EnterGuard entered = runtime.Enter();
  runtime.Spawn(With(*signal::Listener::Make(signal), [&tally](signal::Listener& listener) {
           return Loop([&tally, &listener] {
             return listener.Recv().AndThen([&tally](int&) -> Flow<> {
               ++tally.heard;
               tally.behind_the_last += tally.last_is_sent;
               return Continue();
             });
           });
         })).Detach();
}

// Yields until `done`: the longest time, of this thread's on a processor, between two turns.
template <class Done>
int64_t LongestGap(const Runtime& runtime, Done done) {
  int64_t longest = 0, last = CpuNanos();
  EXPECT_EQ(runtime.BlockOn(Loop([&] {
              return YieldNow().Then([&](Unit&) -> Flow<> {
                const int64_t now = CpuNanos();
                longest = std::max(longest, now - std::exchange(last, now));
                return done() ? Flow<>(Break()) : Flow<>(Continue());
              });
            })), OkStatus());
  return longest;
}

// check: I3
TEST(SignalChecks, AStormIsHeardToItsEndAndHoldsUpNothing) {
  constexpr int64_t kLongestNs = 20'000'000;
  const int signals = Scaled(100'000);
  EXPECT_TRUE(MostlyWithinItsBound([signals] {
    Runtime runtime = *Runtime::CurrentThread();
    Tally usr1, child;
    Hear(runtime, SIGUSR1, usr1);
    Hear(runtime, SIGCHLD, child);
    base::Atomic<bool> sent{false};
    const int64_t start = base::MonotonicNanos();
    std::thread storm([signals, &sent] {
      for (int i = 0; i < signals; ++i) {
        Raise(SIGUSR1);
        if (i % 100 == 0) Raise(SIGCHLD);
      }
      sent.store(true);
    });
    const int64_t longest = LongestGap(runtime, [&] { return sent.load(); });
    storm.join();
    const int64_t took = base::MonotonicNanos() - start;
    EXPECT_GE(usr1.heard, 1);
    usr1.last_is_sent = child.last_is_sent = true;
    Raise(SIGUSR1);
    Raise(SIGCHLD);
    (void)LongestGap(runtime, [&] { return usr1.behind_the_last > 0 && child.behind_the_last > 0; });
    std::printf("%d signals in %.0f ms, heard %d and %d times, longest gap %.2f ms\n", signals, took / kMs, usr1.heard, child.heard,
                longest / kMs);
    return longest <= kLongestNs;
  }));
  signal::RestoreUnused();
}

}  // namespace
}  // namespace kioto
