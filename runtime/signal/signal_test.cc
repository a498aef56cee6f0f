#include "kioto/runtime/signal/signal.h"

#include <signal.h>
#include <unistd.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::signal {
namespace {

void Raise(int signal) { ASSERT_EQ(::kill(::getpid(), signal), 0); }

void* HandlerOf(int signal) {
  struct sigaction action;
  EXPECT_EQ(::sigaction(signal, nullptr, &action), 0);
  return reinterpret_cast<void*>(action.sa_handler);
}

class SignalTest : public testing::Test {
 protected:
  ~SignalTest() override { RestoreUnused(); }
  DrivenLoop loop_;
};

// behaviour: tokio/tests/signal_ctrl_c.rs#ctrl_c
TEST_F(SignalTest, CtrlCIsReadyWhenItIsPressed) {
  PolledTask task(CtrlC());
  EXPECT_TRUE(task.Poll().pending());
  Raise(SIGINT);
  EXPECT_EQ(*loop_.Run(task), SIGINT);
}

TEST_F(SignalTest, ShutdownIsReadyForBothSignals) {
  for (int signal : {SIGINT, SIGTERM}) {
    PolledTask task(Shutdown());
    EXPECT_TRUE(task.Poll().pending());
    Raise(signal);
    EXPECT_EQ(*loop_.Run(task), signal);
  }
}

// behaviour: tokio/tests/signal_usr1.rs#signal_usr1
TEST_F(SignalTest, AListenerHearsAgainAndAgain) {
  StatusOr<Listener> listener = Listener::Make(SIGUSR1);
  ASSERT_TRUE(listener.ok()) << listener.status();
  for (int i = 0; i < 100; ++i) {
    PolledTask task(listener->Recv());
    EXPECT_TRUE(task.Poll().pending()) << i;
    Raise(SIGUSR1);
    EXPECT_EQ(*loop_.Run(task), SIGUSR1);
  }
}

// behaviour: tokio/src/signal/registry.rs#smoke
TEST_F(SignalTest, SeveralOfOneKindThatNobodyTookAreOne) {
  StatusOr<Listener> first = Listener::Make(SIGUSR1), second = Listener::Make(SIGUSR2), third = Listener::Make(SIGHUP);
  int counts[3] = {};
  const auto collect = [&] {
    loop_.Turn();  // what was raised is there
    Listener* listeners[] = {&*first, &*second, &*third};
    for (int i = 0; i < 3; ++i) {
      while (PolledTask(listeners[i]->Recv()).Poll().ready()) ++counts[i];
    }
  };
  for (int i = 0; i < 2; ++i) Raise(SIGUSR1), Raise(SIGUSR2);
  collect();
  Raise(SIGUSR1);
  collect();
  EXPECT_EQ(counts[0], 2);
  EXPECT_EQ(counts[1], 1);
  EXPECT_EQ(counts[2], 0);
}

TEST_F(SignalTest, AListenerIsAStream) {
  static_assert(IsStream<Listener>);
  StatusOr<Listener> listener = Listener::Make({SIGUSR1, SIGUSR2});
  for (int signal : {SIGUSR2, SIGUSR1, SIGUSR2}) {
    PolledTask task(Next(*listener));
    EXPECT_TRUE(task.Poll().pending());
    Raise(signal);
    EXPECT_EQ(**loop_.Run(task), signal);
  }
  loop_.driver().Shutdown();
  EXPECT_TRUE(IsShutdown((*loop_.Run(Next(*listener))).status()));
  EXPECT_EQ(loop_.Run(Next(*listener)), std::nullopt);
}

TEST_F(SignalTest, SeveralOfOneKindAreOne) {
  StatusOr<Listener> listener = Listener::Make({SIGUSR1, SIGUSR2});
  for (int i = 0; i < 10; ++i) Raise(SIGUSR2), Raise(SIGUSR1);
  EXPECT_EQ(*loop_.Run(listener->Recv()), SIGUSR1);  // the lowest first
  EXPECT_EQ(*loop_.Run(listener->Recv()), SIGUSR2);
  PolledTask none(listener->Recv());
  EXPECT_TRUE(none.Poll().pending());
}

// behaviour: tokio/tests/signal_notify_both.rs#notify_both
TEST_F(SignalTest, EveryListenerHears) {
  StatusOr<Listener> one = Listener::Make(SIGUSR2), other = Listener::Make(SIGUSR2);
  PolledTask waits(one->Recv());
  EXPECT_TRUE(waits.Poll().pending());
  Raise(SIGUSR2);
  EXPECT_EQ(*loop_.Run(waits), SIGUSR2);
  EXPECT_EQ(*loop_.Run(other->Recv()), SIGUSR2);
}

// behaviour: tokio/tests/signal_drop_signal.rs#dropping_signal_does_not_deregister_any_other_instances
TEST_F(SignalTest, DroppingSomeLeavesTheOthersListening) {
  std::optional<StatusOr<Listener>> before = Listener::Make(SIGUSR1);
  StatusOr<Listener> listener = Listener::Make(SIGUSR1);
  std::optional<StatusOr<Listener>> after = Listener::Make(SIGUSR1);
  before.reset();
  after.reset();
  Raise(SIGUSR1);
  EXPECT_EQ(*loop_.Run(listener->Recv()), SIGUSR1);
}

// behaviour: tokio/tests/signal_drop_recv.rs#drop_then_get_a_signal
TEST_F(SignalTest, WhatComesBetweenTwoListenersIsGivenToTheSecond) {
  { StatusOr<Listener> first = Listener::Make(SIGUSR1); }
  Raise(SIGUSR1);  // would kill us if the handler had gone
  StatusOr<Listener> second = Listener::Make(SIGUSR1);
  EXPECT_EQ(*loop_.Run(second->Recv()), SIGUSR1);
  // Nor is it lost when it came to one that was dropped before it looked.
  Raise(SIGUSR1);
  second = absl::CancelledError();
  EXPECT_EQ(*loop_.Run(SignalFuture(SIGUSR1)), SIGUSR1);
  // But what another one has heard is not kept.
  StatusOr<Listener> one = Listener::Make(SIGUSR1), other = Listener::Make(SIGUSR1);
  Raise(SIGUSR1);
  one = absl::CancelledError();
  EXPECT_EQ(*loop_.Run(other->Recv()), SIGUSR1);
  other = absl::CancelledError();
  PolledTask none(SignalFuture(SIGUSR1));
  EXPECT_TRUE(none.Poll().pending());
}

// A signal that it had not given out is heard by the next that waits, as one that comes while nobody does.
// check: H1
TEST_F(SignalTest, DroppedAtAnyPointCtrlCAndShutdownLoseNoSignal) {
  for (SignalFuture (*make)() : {&CtrlC, &Shutdown}) {
    EXPECT_TRUE(PolledTask(make()).Poll().pending());  // the handler is there, and stays
    for (int polls = 0; polls < 4; ++polls) {
      for (bool raised_first : {false, true}) {
        PolledTask dropped(make());
        for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
        if (raised_first) Raise(SIGINT);
        dropped.Drop();
        EXPECT_EQ(dropped.held(), 0);
        const int wakes = dropped.wakes();
        if (!raised_first) Raise(SIGINT);
        EXPECT_EQ(*loop_.Run(make()), SIGINT);
        EXPECT_EQ(dropped.wakes(), wakes);
        EXPECT_TRUE(PolledTask(make()).Poll().pending());
      }
    }
  }
}

// check: H1
TEST_F(SignalTest, ARecvThatIsDroppedLosesNoSignal) {
  StatusOr<Listener> listener = Listener::Make(SIGUSR1);
  for (int polls = 0; polls < 4; ++polls) {
    PolledTask recv(listener->Recv());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(recv.Poll().pending());
    Raise(SIGUSR1);
    recv.Drop();
    EXPECT_EQ(*loop_.Run(listener->Recv()), SIGUSR1);
  }
}

// behaviour: tokio/tests/signal_multi_rt.rs#multi_loop
TEST_F(SignalTest, ReachesEveryRuntime) {
  loop_.Leave();
  for (int round = 0; round < 10; ++round) {
    base::Atomic<int> waiting{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&waiting] {
        DrivenLoop loop;
        PolledTask task(SignalFuture(SIGHUP));
        EXPECT_TRUE(task.Poll().pending());
        waiting.fetch_add(1);
        EXPECT_EQ(*loop.Run(task), SIGHUP);
      });
    }
    while (waiting.load() != 4) std::this_thread::yield();
    Raise(SIGHUP);
    for (std::thread& thread : threads) thread.join();
  }
}

// behaviour: tokio/tests/signal_drop_rt.rs#dropping_loops_does_not_cause_starvation
TEST_F(SignalTest, OutlivesOtherRuntimes) {
  StatusOr<Listener> mine = Listener::Make(SIGUSR1);
  std::thread([] {
    DrivenLoop loop;
    PolledTask task(SignalFuture(SIGUSR1));
    EXPECT_TRUE(task.Poll().pending());
    Raise(SIGUSR1);
    EXPECT_EQ(*loop.Run(task), SIGUSR1);
  }).join();
  EXPECT_EQ(*loop_.Run(mine->Recv()), SIGUSR1);
  Raise(SIGUSR1);
  EXPECT_EQ(*loop_.Run(mine->Recv()), SIGUSR1);
}

// behaviour: tokio/tests/signal_realtime.rs#signal_realtime
TEST_F(SignalTest, HearsRealTimeSignals) {
  std::vector<Listener> listeners;
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) {
    StatusOr<Listener> listener = Listener::Make(signal);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listeners.push_back(*std::move(listener));
  }
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) Raise(signal);
  for (size_t i = 0; i < listeners.size(); ++i) {
    EXPECT_EQ(*loop_.Run(listeners[i].Recv()), SIGRTMIN + static_cast<int>(i));
  }
}

void ExpectRefused(std::initializer_list<int> signals) {
  for (int signal : signals) {
    const Status status = Listener::Make(signal).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << signal;
    EXPECT_NE(status.message().find(std::to_string(signal)), absl::string_view::npos) << status;
    PolledTask task{SignalFuture(signal)};
    EXPECT_EQ((*task.Poll()).status(), status);
  }
}

// behaviour: tokio/src/signal/unix.rs#signal_enable_error_on_invalid_input
TEST_F(SignalTest, RefusesZeroAndLess) { ExpectRefused({-1, 0}); }

// behaviour: tokio/src/signal/registry.rs#register_panics_on_invalid_input
TEST_F(SignalTest, RefusesWhatIsNoSignal) {
  ExpectRefused({65, 1000});
  EXPECT_FALSE(Listener::Make(SIGRTMIN - 1).ok());  // the C library keeps it
}

// behaviour: tokio/src/signal/unix.rs#signal_enable_error_on_forbidden_input
TEST_F(SignalTest, RefusesWhatCanNotBeCaughtOrMustNot) {
  ExpectRefused({SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV, SIGBUS});
}

TEST_F(SignalTest, RefusesToListenToNothing) {
  const Status status = Listener::Make({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "kioto::signal: no signal to listen to");
}

// behaviour: tokio/src/signal/unix.rs#from_c_int
TEST_F(SignalTest, NumberTwoIsTheInterrupt) {
  PolledTask by_number(SignalFuture(2));
  PolledTask by_name(CtrlC());
  EXPECT_TRUE(by_number.Poll().pending());
  EXPECT_TRUE(by_name.Poll().pending());
  Raise(2);
  EXPECT_EQ(*loop_.Run(by_name), 2);
  EXPECT_EQ(*loop_.Run(by_number), 2);
}

// behaviour: tokio/src/signal/unix.rs#into_c_int
TEST_F(SignalTest, TheAnswerIsTheNumberOfTheSystem) {
  PolledTask interrupt(CtrlC());
  PolledTask terminate(Shutdown());
  EXPECT_TRUE(terminate.Poll().pending());
  Raise(SIGTERM);
  EXPECT_EQ(*loop_.Run(terminate), SIGTERM);
  EXPECT_TRUE(interrupt.Poll().pending());
  Raise(SIGINT);
  EXPECT_EQ(*loop_.Run(interrupt), SIGINT);
}

// A program that has saved our handler may call it with whatever it likes.
// behaviour: tokio/src/signal/registry.rs#record_invalid_event_does_nothing
TEST_F(SignalTest, TheHandlerIgnoresWhatIsNoSignal) {
  StatusOr<Listener> listener = Listener::Make({SIGHUP, SIGUSR1});
  struct sigaction ours;
  ASSERT_EQ(::sigaction(SIGUSR1, nullptr, &ours), 0);
  for (int signal : {1302, 65, 0, -1}) ours.sa_sigaction(signal, nullptr, nullptr);
  PolledTask none(listener->Recv());
  EXPECT_TRUE(none.Poll().pending());
  ours.sa_sigaction(SIGUSR1, nullptr, nullptr);
  EXPECT_EQ(*loop_.Run(none), SIGUSR1);
}

// behaviour: tokio/tests/signal_no_rt.rs#no_runtime_panics_creating_signals
TEST_F(SignalTest, NeedsARuntime) {
  loop_.Leave();
  void* before = HandlerOf(SIGUSR1);
  const Status status = Listener::Make(SIGUSR1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("kioto::signal"), absl::string_view::npos) << status;
  PolledTask task(CtrlC());
  EXPECT_EQ((*task.Poll()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(HandlerOf(SIGUSR1), before);
}

// behaviour: tokio/tests/signal_panic.rs#signal_panic_caller
TEST_F(SignalTest, NeedsARuntimeWithIo) {
  loop_.Leave();
  void* before = HandlerOf(SIGUSR1);
  DrivenLoop no_io(/*io=*/false);
  const Status status = Listener::Make(SIGUSR1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("WithoutIo"), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find("kioto::signal"), absl::string_view::npos) << status;
  EXPECT_EQ(HandlerOf(SIGUSR1), before);
}

volatile sig_atomic_t host_calls = 0;
void HostHandler(int) { host_calls = host_calls + 1; }
void HostAction(int, siginfo_t* info, void*) {
  if (info != nullptr && info->si_pid == ::getpid()) host_calls = host_calls + 10;
}

TEST_F(SignalTest, CallsTheHostsHandlerAndPutsItBack) {
  struct sigaction action{}, original;
  action.sa_handler = &HostHandler;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &original), 0);
  host_calls = 0;
  for (int round = 1; round <= 3; ++round) {
    StatusOr<Listener> listener = Listener::Make(SIGUSR1);
    Raise(SIGUSR1);
    EXPECT_EQ(*loop_.Run(listener->Recv()), SIGUSR1);
    EXPECT_EQ(host_calls, round);
    StatusOr<Listener> other = Listener::Make({SIGUSR1, SIGUSR2});
    listener = absl::CancelledError();
    RestoreUnused();
    EXPECT_NE(HandlerOf(SIGUSR1), reinterpret_cast<void*>(&HostHandler)) << "somebody listens still";
    other = absl::CancelledError();
    EXPECT_EQ(HandlerOf(SIGUSR1), reinterpret_cast<void*>(&HostHandler));
    EXPECT_NE(HandlerOf(SIGUSR2), reinterpret_cast<void*>(SIG_DFL)) << "a second one would end the program";
    RestoreUnused();
    EXPECT_EQ(HandlerOf(SIGUSR2), reinterpret_cast<void*>(SIG_DFL));
  }
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = &HostAction;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  host_calls = 0;
  EXPECT_TRUE(PolledTask(SignalFuture(SIGUSR1)).Poll().pending());
  EXPECT_EQ(HandlerOf(SIGUSR1), reinterpret_cast<void*>(&HostAction)) << "the listener has gone";
  PolledTask listening(SignalFuture(SIGUSR1));
  EXPECT_TRUE(listening.Poll().pending());
  Raise(SIGUSR1);
  EXPECT_EQ(host_calls, 10);
  listening.Drop();
  // What the host installs over ours is left alone.
  { StatusOr<Listener> listener = Listener::Make(SIGUSR1); }
  action.sa_flags = 0;
  action.sa_handler = &HostHandler;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  RestoreUnused();
  EXPECT_EQ(HandlerOf(SIGUSR1), reinterpret_cast<void*>(&HostHandler));
  ASSERT_EQ(::sigaction(SIGUSR1, &original, nullptr), 0);
}

struct sigaction found_by_host;
void ChainingHandler(int signal) {
  host_calls = host_calls + 1;
  if ((found_by_host.sa_flags & SA_SIGINFO) != 0) found_by_host.sa_sigaction(signal, nullptr, nullptr);
}

// A host that calls what it found, as well-behaved ones do: ours. And ours, installed again, calls the host's.
TEST_F(SignalTest, AHostThatCallsOursHearsEachSignalOnce) {
  StatusOr<Listener> first = Listener::Make(SIGUSR1);
  struct sigaction action{};
  action.sa_handler = &ChainingHandler;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &found_by_host), 0);
  host_calls = 0;
  Raise(SIGUSR1);
  EXPECT_EQ(*loop_.Run(first->Recv()), SIGUSR1);
  EXPECT_EQ(host_calls, 1);
  StatusOr<Listener> second = Listener::Make(SIGUSR1);
  for (int round = 2; round <= 3; ++round) {
    Raise(SIGUSR1);
    EXPECT_EQ(*loop_.Run(second->Recv()), SIGUSR1);
    EXPECT_EQ(*loop_.Run(first->Recv()), SIGUSR1);
    EXPECT_EQ(host_calls, round);
  }
  first = absl::CancelledError();
  second = absl::CancelledError();
  RestoreUnused();
  ASSERT_NE(::signal(SIGUSR1, SIG_DFL), SIG_ERR);
}

TEST_F(SignalTest, AnIgnoredSignalIsHeardAndIgnoredAgain) {
  ASSERT_NE(::signal(SIGUSR2, SIG_IGN), SIG_ERR);
  PolledTask task(SignalFuture(SIGUSR2));
  EXPECT_TRUE(task.Poll().pending());
  Raise(SIGUSR2);
  EXPECT_EQ(*loop_.Run(task), SIGUSR2);
  task.Drop();
  EXPECT_EQ(HandlerOf(SIGUSR2), reinterpret_cast<void*>(SIG_IGN));
  ASSERT_NE(::signal(SIGUSR2, SIG_DFL), SIG_ERR);
}

}  // namespace
}  // namespace kioto::signal
