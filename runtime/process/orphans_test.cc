#include "kioto/runtime/process/orphans.h"

#include <signal.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/process/testing/children.h"

namespace kioto::process {
namespace {

using internal::OrphanList;

// Ends at its n-th look.
class FakeOrphan final : public internal::Orphan {
 public:
  FakeOrphan(int looks, int& count) : left_(looks), count_(count) {}
  bool Settle() override {
    ++count_;
    return left_-- == 0;
  }

 private:
  int left_;
  int& count_;
};

// behaviour: tokio/src/process/unix/orphan.rs#drain_attempts_a_single_reap_of_all_queued_orphans
TEST(OrphanListTest, EachDrainTriesEachOnce) {
  OrphanList list;
  list.Drain();  // of nothing
  int counts[4] = {};
  const int ends_at[4] = {0, 2, 1, 0};
  for (int i = 0; i < 4; ++i) list.Add(std::make_unique<FakeOrphan>(ends_at[i], counts[i]));
  EXPECT_EQ(list.size(), 4u);
  const size_t left[] = {2, 1, 0, 0};
  const int expected[][4] = {{1, 1, 1, 1}, {1, 2, 2, 1}, {1, 3, 2, 1}, {1, 3, 2, 1}};
  for (int drain = 0; drain < 4; ++drain) {
    list.Drain();
    EXPECT_EQ(list.size(), left[drain]);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(counts[i], expected[drain][i]) << drain << " " << i;
  }
}

// Drains the list while it is being drained.
class Nested final : public internal::Orphan {
 public:
  Nested(OrphanList& list, int& count) : list_(list), count_(count) {}
  bool Settle() override {
    std::thread([this] { list_.Drain(); }).join();  // would never return
    return ++count_ == 2;
  }

 private:
  OrphanList& list_;
  int& count_;
};

// behaviour: tokio/src/process/unix/orphan.rs#no_reap_if_signal_lock_held
TEST(OrphanListTest, WhileAnotherThreadDrainsItReturnsAtOnce) {
  OrphanList list;
  int nested = 0, other = 0;
  list.Add(std::make_unique<Nested>(list, nested));
  list.Add(std::make_unique<FakeOrphan>(1, other));
  list.Drain();
  EXPECT_EQ(nested, 1);
  EXPECT_EQ(other, 1);
  list.Drain();
  EXPECT_EQ(nested, 2);
  EXPECT_EQ(other, 2);
  EXPECT_EQ(list.size(), 0u);
}

class OrphansTest : public ChildTest {
 protected:
  static void* SigchldHandler() {
    struct sigaction action;
    EXPECT_EQ(::sigaction(SIGCHLD, nullptr, &action), 0);
    return reinterpret_cast<void*>(action.sa_handler);
  }
  // Drops the child outside every runtime.
  void DropOutside(Child child) {
    loop_.Leave();
    { Child dropped = std::move(child); }
    loop_.Enter();
  }
};

// behaviour: tokio/src/process/unix/orphan.rs#does_not_register_signal_if_queue_empty
TEST_F(OrphansTest, SigchldIsListenedToForAnOrphanAlone) {
  CountedCalls calls(/*pidfds=*/false);
  void* const before = SigchldHandler();
  OrphanList& list = OrphanList::OfProcess();
  list.Drain();
  EXPECT_EQ(SigchldHandler(), before);
  EXPECT_EQ(calls.looks.load(), 0);
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  DropOutside(std::move(child));
  EXPECT_EQ(SigchldHandler(), before);
  EXPECT_EQ(list.size(), 1u);
  EXPECT_EQ(calls.looks.load(), 1);
  list.Drain();  // in a runtime
  EXPECT_NE(SigchldHandler(), before);
  EXPECT_EQ(calls.looks.load(), 2);
  EXPECT_EQ(list.size(), 0u);
  (void)loop_.Run(input.Shutdown());
  loop_.Await([&] { return calls.reaped.load() == 1; });
}

// behaviour: tokio/src/process/unix/orphan.rs#does_nothing_if_signal_could_not_be_registered
TEST_F(OrphansTest, WithoutARuntimeItWaitsForOne) {
  CountedCalls calls(/*pidfds=*/false);
  void* const before = SigchldHandler();
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  DropOutside(std::move(child));
  loop_.Leave();
  {
    DrivenLoop gone;
    gone.driver().Shutdown();
    OrphanList::OfProcess().Drain();
  }
  EXPECT_EQ(OrphanList::OfProcess().size(), 1u) << "neither lost nor left to a runtime that is gone";
  loop_.Enter();
  signal::RestoreUnused();
  EXPECT_EQ(SigchldHandler(), before);
  (void)loop_.Run(input.Shutdown());
  // The next spawn takes it over.
  EXPECT_TRUE(loop_.Run(Command("true").Status())->success());
  loop_.Await([&] { return calls.reaped.load() == 2; });
}

class DropTest : public OrphansTest, public testing::WithParamInterface<bool> {
 protected:
  void TearDown() override {
    calls_.reset();
    OrphansTest::TearDown();
  }
  void AwaitReaped(int count) {
    loop_.Await([&] { return calls_->reaped.load() == count; });
  }
  std::unique_ptr<CountedCalls> calls_ = std::make_unique<CountedCalls>(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Ways, DropTest, testing::Bool(), [](const auto& info) { return info.param ? "Pidfd" : "Sigchld"; });

// behaviour: tokio/src/process/unix/reap.rs#drop_reaps_if_possible
TEST_P(DropTest, ReapsAtOnceWhatHasEnded) {
  Child child = Spawn(Command("true"));
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(*child.id()), &info, WEXITED | WNOWAIT), 0);
  { Child dropped = std::move(child); }
  EXPECT_EQ(calls_->looks.load(), 1);
  EXPECT_EQ(calls_->reaped.load(), 1);
  EXPECT_EQ(calls_->kills.load(), 0);
  EXPECT_FALSE(HasChildren());
}

// behaviour: tokio/src/process/unix/reap.rs#drop_enqueues_orphan_if_wait_fails
TEST_P(DropTest, LeavesToTheRuntimeWhatRuns) {
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  { Child dropped = std::move(child); }
  EXPECT_EQ(calls_->looks.load(), 1);
  EXPECT_EQ(calls_->reaped.load(), 0);
  EXPECT_EQ(calls_->kills.load(), 0);
  (void)loop_.Run(input.Shutdown());
  AwaitReaped(1);
}

// behaviour: tokio/src/process/unix/pidfd_reaper.rs#test_pidfd_reaper_drop
TEST_P(DropTest, OutsideARuntimeItIsQueued) {
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  DropOutside(std::move(child));
  EXPECT_EQ(OrphanList::OfProcess().size(), 1u);
  (void)loop_.Run(input.Shutdown());
  loop_.Await([&] {
    OrphanList::OfProcess().Drain();
    return OrphanList::OfProcess().size() == 0;
  });
  AwaitReaped(1);
}

// behaviour: tokio/src/process/mod.rs#kills_on_drop_if_specified
TEST_P(DropTest, KillsIfItWasToldTo) {
  { Child child = Spawn(Sleeper().KillOnDrop()); }
  EXPECT_EQ(calls_->kills.load(), 1);
  AwaitReaped(1);
  EXPECT_EQ(calls_->last_signal.load(), SIGKILL);
}

// behaviour: tokio/src/process/mod.rs#no_kill_on_drop_by_default
TEST_P(DropTest, KillsNobodyIfItWasNot) {
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  ChildStdout output = *child.TakeStdout();
  { Child dropped = std::move(child); }
  EXPECT_TRUE(loop_.Run(input.WriteAll("alive")).ok());
  EXPECT_EQ(Read(output, 5), "alive");
  EXPECT_EQ(calls_->kills.load(), 0);
  (void)loop_.Run(input.Shutdown());
  AwaitReaped(1);
  EXPECT_EQ(calls_->last_signal.load(), 0);
}

// behaviour: tokio/src/process/mod.rs#no_kill_if_already_killed
TEST_P(DropTest, KillsOnceAlone) {
  {
    Child child = Spawn(Sleeper().KillOnDrop());
    EXPECT_TRUE(child.StartKill().ok());
    EXPECT_EQ(calls_->kills.load(), 1);
  }
  EXPECT_EQ(calls_->kills.load(), 1);
  AwaitReaped(1);
  {
    Child child = Spawn(Command("true").KillOnDrop());
    EXPECT_TRUE(Wait(child).success());
  }
  EXPECT_EQ(calls_->kills.load(), 1) << "the number may be another process's by now";
  Child child = Spawn(Sleeper().KillOnDrop());
  child = Spawn(Sleeper().KillOnDrop());  // assignment drops too
  EXPECT_EQ(calls_->kills.load(), 2);
  EXPECT_TRUE(loop_.Run(child.Kill()).ok());
  AwaitReaped(4);
}

// The grandchild lives on, and the shell does not get as far as its last line.
// behaviour: tokio/tests/process_kill_on_drop.rs#kill_on_drop
TEST_P(DropTest, KillsTheChildAloneNotItsChildren) {
  RawPipe gate;
  Command command = Sh("sh -c 'read x <&7; echo child ran' & echo ready; read y; echo hello from beyond the grave");
  command.Stdin(Stdio::Piped()).Stdout(Stdio::Piped()).ExtraFd(7, Stdio::Borrow(gate.reading())).KillOnDrop();
  Child child = Spawn(command);
  ChildStdin input = *child.TakeStdin();
  ChildStdout output = *child.TakeStdout();
  EXPECT_EQ(Read(output, 6), "ready\n");
  { Child dropped = std::move(child); }
  AwaitReaped(1);
  EXPECT_EQ(calls_->last_signal.load(), SIGKILL);
  gate.CloseReading();
  ASSERT_EQ(::write(gate.writing(), "\n", 1), 1);
  EXPECT_EQ(*loop_.Run(output.ReadToEnd(1000)), "child ran\n");
}

TEST_P(DropTest, AnOrphanOutlivesItsRuntime) {
  std::optional<ChildStdin> input;
  loop_.Leave();
  {
    DrivenLoop first;
    Child child = Spawn(Cat());
    input = child.TakeStdin();
    { Child dropped = std::move(child); }
    EXPECT_EQ(OrphanList::OfProcess().size(), 0u);
  }
  loop_.Enter();
  EXPECT_EQ(OrphanList::OfProcess().size(), 1u);
  input.reset();
  EXPECT_TRUE(loop_.Run(Command("true").Status())->success());  // takes it over
  AwaitReaped(2);
}

}  // namespace
}  // namespace kioto::process
