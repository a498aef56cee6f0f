#include "kioto/runtime/process/child.h"

#include <signal.h>
#include <sys/wait.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/process/testing/children.h"

namespace kioto::process {
namespace {

// With pidfds and without.
class EitherWayTest : public ChildTest, public testing::WithParamInterface<bool> {
 protected:
  void TearDown() override {
    calls_.reset();
    ChildTest::TearDown();
  }
  // Waits for the process, but does not reap it.
  static void AwaitZombie(pid_t pid) {
    siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  }

  std::unique_ptr<CountedCalls> calls_ = std::make_unique<CountedCalls>(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Ways, EitherWayTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Pidfd" : "Sigchld"; });

// behaviour: tokio/tests/process_smoke.rs#simple
TEST_P(EitherWayTest, TheStatusIsTheSameAgain) {
  Child child = Spawn(Sh("exit 2"));
  ASSERT_TRUE(child.id().has_value());
  EXPECT_GT(*child.id(), 0);
  EXPECT_EQ(Wait(child).code(), 2);
  EXPECT_EQ(Wait(child).code(), 2);
  EXPECT_EQ((*child.TryWait())->code(), 2);
  EXPECT_FALSE(child.id().has_value());
  EXPECT_TRUE(loop_.Run(child.Kill()).ok());
  EXPECT_EQ(ErrnoOf(child.SendSignal(SIGTERM)), ESRCH);
  EXPECT_EQ(calls_->kills.load(), 0) << "the number may be another process's by now";
}

// behaviour: tokio/tests/process_kill_after_wait.rs#kill_after_wait
TEST_P(EitherWayTest, KillAfterWait) {
  Child child = Spawn(Sleeper());
  EXPECT_TRUE(child.StartKill().ok());
  EXPECT_EQ(Wait(child).signal(), SIGKILL);
  EXPECT_TRUE(child.StartKill().ok());
  EXPECT_TRUE(loop_.Run(child.Kill()).ok());
  EXPECT_EQ(calls_->kills.load(), 1);
}

// behaviour: tokio/src/process/unix/pidfd_reaper.rs#test_pidfd_reaper_poll
TEST_P(EitherWayTest, WaitGivesHowItEnded) {
  Child child = Spawn(Command("true"));
  EXPECT_TRUE(Wait(child).success());
  EXPECT_EQ(calls_->reaped.load(), 1);
  EXPECT_EQ(internal::OrphanList::OfProcess().size(), 0u);
}

// behaviour: tokio/src/process/unix/pidfd_reaper.rs#test_pidfd_reaper_kill
TEST_P(EitherWayTest, KillWaitsForTheEnd) {
  Child child = Spawn(Sleeper());
  PolledTask waits(child.Wait());
  EXPECT_TRUE(waits.Poll().pending());
  waits.Drop();
  EXPECT_TRUE(loop_.Run(child.Kill()).ok());
  EXPECT_FALSE((*child.TryWait())->success());
  EXPECT_EQ((*child.TryWait())->signal(), SIGKILL);
  EXPECT_EQ(calls_->reaped.load(), 1);
}

// behaviour: tokio/src/process/unix/reap.rs#kill
TEST_P(EitherWayTest, StartKillSendsOneSignal) {
  Child child = Spawn(Sleeper());
  EXPECT_TRUE(child.StartKill().ok());
  EXPECT_EQ(calls_->kills.load(), 1);
  EXPECT_EQ(calls_->looks.load(), 0);
  EXPECT_EQ(Wait(child).signal(), SIGKILL);
}

TEST_P(EitherWayTest, TryWaitReapsAndLeavesStdinAlone) {
  Child child = Spawn(Cat());
  EXPECT_EQ(*child.TryWait(), std::nullopt);
  EXPECT_NE(child.stdin_pipe(), nullptr);
  const pid_t pid = *child.id();
  (void)child.TakeStdin();
  AwaitZombie(pid);
  StatusOr<std::optional<ExitStatus>> exit = child.TryWait();
  ASSERT_TRUE(exit.ok() && exit->has_value());
  EXPECT_TRUE((*exit)->success());
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(child.id(), std::nullopt);
}

TEST_P(EitherWayTest, SignalsReachTheChild) {
  Child child = Spawn(Sh("trap 'echo hup; exit 7' HUP; echo up; while :; do read x; done").Stdin(Stdio::Piped()).Stdout(Stdio::Piped()));
  ChildStdin input = *child.TakeStdin();
  EXPECT_EQ(Read(*child.stdout_pipe(), 3), "up\n");
  EXPECT_TRUE(child.SendSignal(SIGHUP).ok());
  EXPECT_EQ(Read(*child.stdout_pipe(), 4), "hup\n");
  EXPECT_EQ(Wait(child).code(), 7);
}

TEST_P(EitherWayTest, SignalsReachTheChildsChildren) {
  // It ends once its own child has.
  Command command = Sh("sleep 100000 & trap 'wait; exit 7' TERM; echo up; wait");
  for (const bool session : {false, true}) {
    Command leader = command;
    leader.Stdout(Stdio::Piped());
    Child child = Spawn(session ? leader.NewSession() : leader.ProcessGroup(0));
    EXPECT_EQ(Read(*child.stdout_pipe(), 3), "up\n");
    EXPECT_EQ(child.SignalGroup(SIGTERM), OkStatus());
    EXPECT_EQ(Wait(child).code(), 7);
    EXPECT_EQ(ErrnoOf(child.SignalGroup(SIGTERM)), ESRCH);
  }
  Child leader = Spawn(Cat().ProcessGroup(0));
  for (const Command& none : std::vector<Command>{Cat(), Cat().ProcessGroup(*leader.id())}) {
    Child child = Spawn(none);
    EXPECT_EQ(child.SignalGroup(SIGTERM).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(Wait(child).success());
  }
  EXPECT_TRUE(Wait(leader).success());
}

// check: H1
TEST_P(EitherWayTest, WaitIsDroppedAnyTimeAndAskedAgain) {
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask wait(child.Wait());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(wait.Poll().pending());
  }
  Child moved = std::move(child);
  EXPECT_EQ(child.id(), std::nullopt);
  (void)loop_.Run(input.Shutdown());
  EXPECT_TRUE(Wait(moved).success());
}

// check: H1
TEST_P(EitherWayTest, AKillThatIsDroppedIsSentIfItWasPolled) {
  for (int polls = 0; polls < 3; ++polls) {
    Child child = Spawn(Sleeper());
    {
      PolledTask kill(child.Kill());
      for (int i = 0; i < polls && !kill.done(); ++i) static_cast<void>(kill.Poll());
    }
    EXPECT_EQ(calls_->kills.load(), polls > 0 ? polls + 1 : 0);
    if (polls == 0) {
      EXPECT_TRUE(child.id().has_value());
    } else {
      EXPECT_EQ(Wait(child).signal(), SIGKILL);
    }
    EXPECT_TRUE(loop_.Run(child.Kill()).ok());
    EXPECT_EQ(Wait(child).signal(), SIGKILL);
  }
}

// A wait that is polled again without cause looks again; one look follows each signal.
// behaviour: tokio/src/process/unix/reap.rs#reaper
TEST_P(EitherWayTest, EachWakeIsOneLook) {
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  PolledTask wait(child.Wait());
  EXPECT_TRUE(wait.Poll().pending());
  EXPECT_EQ(calls_->looks.load(), 1);
  EXPECT_TRUE(wait.Poll().pending());
  EXPECT_LE(calls_->looks.load(), 2);
  if (!GetParam()) {
    ::raise(SIGCHLD);  // some other child
    loop_.Await([&] { return wait.is_woken(); });
    const int looks = calls_->looks.load();
    EXPECT_TRUE(wait.Poll().pending());
    EXPECT_EQ(calls_->looks.load(), looks + 1);
  }
  const int looks = calls_->looks.load();
  const int wakes = wait.wakes();
  (void)loop_.Run(input.Shutdown());
  loop_.Await([&] { return wait.wakes() != wakes; });
  EXPECT_TRUE((*wait.Poll())->success());
  EXPECT_EQ(calls_->looks.load(), looks + 1);
  EXPECT_EQ(internal::OrphanList::OfProcess().size(), 0u);
}

// An event that comes before there is something to reap: the tracer sees the end first.
// behaviour: tokio/tests/process_issue_7144.rs#issue_7144
TEST_P(EitherWayTest, ATracedChildIsReaped) {
  ASSERT_EQ(::access("/usr/bin/strace", X_OK), 0) << "no strace: run tools/setup";
  std::vector<Child> children;
  for (int i = 0; i < 20; ++i) {
    Command command("strace");
    command.Args({"-o", "/dev/null", "-D", "sh", "-c", "echo up; exec sleep 100000"}).Stdout(Stdio::Piped());
    children.push_back(Spawn(command));
  }
  for (Child& child : children) EXPECT_EQ(Read(*child.stdout_pipe(), 3), "up\n");
  for (Child& child : children) EXPECT_TRUE(child.SendSignal(SIGINT).ok());
  for (Child& child : children) EXPECT_EQ(Wait(child).signal(), SIGINT);
}

TEST_P(EitherWayTest, StatusesOfEveryKind) {
  struct Case {
    const char* script;
    std::optional<int> code, signal;
    const char* text;
  };
  for (const Case& c : {Case{"exit 0", 0, {}, "exit code 0"}, Case{"exit 255", 255, {}, "exit code 255"},
                        Case{"kill -TERM $$", {}, SIGTERM, "signal 15 (Terminated)"},
                        Case{"kill -KILL $$", {}, SIGKILL, "signal 9 (Killed)"}}) {
    StatusOr<ExitStatus> status = loop_.Run(Sh(c.script).Status());
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(status->code(), c.code);
    EXPECT_EQ(status->signal(), c.signal);
    EXPECT_EQ(status->ToString(), c.text);
    EXPECT_EQ(status->success(), c.code == 0);
  }
  EXPECT_EQ(ExitStatus::Killed(SIGSEGV, true).ToString(), "signal 11 (Segmentation fault), core dumped");
  EXPECT_TRUE(ExitStatus::Killed(SIGSEGV, true).core_dumped());
  EXPECT_NE(ExitStatus::Killed(SIGSEGV, true), ExitStatus::Killed(SIGSEGV, false));
}

// --- The program's other children and its handler. ---

base::Atomic<int> host_calls{0};
void HostHandler(int) { host_calls.fetch_add(1, std::memory_order_relaxed); }  // relaxed: a count alone

TEST_P(EitherWayTest, TheProgramsOwnChildrenAndHandlerAreLeftAlone) {
  struct sigaction handler{}, before;
  handler.sa_handler = &HostHandler;
  handler.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGCHLD, &handler, &before), 0);
  const pid_t own = ::fork();
  if (own == 0) ::_exit(42);
  AwaitZombie(own);
  host_calls.store(0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(loop_.Run(Command("true").Status())->success());
  loop_.Await([] { return host_calls.load() >= 1; });
  { Child dropped = Spawn(Command("true")); }
  loop_.Await([&] { return calls_->reaped.load() == 4; });
  int status = 0;
  EXPECT_EQ(::waitpid(own, &status, 0), own) << "it was stolen";
  EXPECT_EQ(WEXITSTATUS(status), 42);
  signal::RestoreUnused();
  struct sigaction after;
  ASSERT_EQ(::sigaction(SIGCHLD, &before, &after), 0);
  EXPECT_EQ(after.sa_handler, &HostHandler);
}

TEST_P(EitherWayTest, AChildThatSomebodyElseReapedIsAnErrorAndNoHang) {
  Child child = Spawn(Cat().KillOnDrop());
  const pid_t pid = *child.id();
  PolledTask wait(child.Wait());  // closes its input
  EXPECT_TRUE(wait.Poll().pending());
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  kioto::Status status = loop_.Run(wait).status();
  EXPECT_EQ(ErrnoOf(status), ECHILD);
  EXPECT_NE(status.message().find("SIGCHLD"), absl::string_view::npos) << status;
  EXPECT_EQ(ErrnoOf(loop_.Run(child.Wait()).status()), ECHILD);
  EXPECT_EQ(ErrnoOf(child.TryWait().status()), ECHILD);
  EXPECT_EQ(child.id(), std::nullopt);
  // Nor is a stranger killed, who has the number by now.
  Child other = Spawn(Command("true").KillOnDrop());
  ASSERT_EQ(::waitpid(*other.id(), nullptr, 0), *other.id());
  EXPECT_EQ(ErrnoOf(other.StartKill()), ECHILD);
}

TEST_P(EitherWayTest, AWaitEndsWithItsRuntime) {
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  loop_.Leave();
  {
    DrivenLoop other;
    PolledTask wait(child.Wait());
    EXPECT_TRUE(wait.Poll().pending());
    other.driver().Shutdown();
    EXPECT_TRUE(wait.is_woken());
    EXPECT_TRUE(IsShutdown((*wait.Poll()).status()));
  }
  loop_.Enter();
  (void)loop_.Run(input.Shutdown());
  AwaitZombie(*child.id());
  EXPECT_TRUE((*child.TryWait())->success());
}

}  // namespace
}  // namespace kioto::process
