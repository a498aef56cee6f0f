#include "kioto/runtime/process/command.h"

#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/process/testing/children.h"

namespace kioto::process {
namespace {

class CommandTest : public ChildTest {};

// behaviour: tokio/tests/process_arg0.rs#arg0
TEST_F(CommandTest, Arg0IsTheNameThatTheProgramSees) {
  EXPECT_EQ(OutputOfCommand(Command("sh").Arg0("test_string").Args({"-c", "echo $0"})), "test_string\n");
}

TEST_F(CommandTest, ArgumentsAreGivenAsTheyAre) {
  Command command = Sh("for a in \"$@\"; do echo \"[$a]\"; done");
  command.Arg("name").Arg("one two").Args({"", "$HOME", "*"});
  EXPECT_EQ(OutputOfCommand(command), "[one two]\n[]\n[$HOME]\n[*]\n");
}

TEST_F(CommandTest, TheEnvironmentIsInheritedChangedOrCleared) {
  ASSERT_EQ(::setenv("KIOTO_TEST_A", "ours", 1), 0);
  ASSERT_EQ(::setenv("KIOTO_TEST_B", "ours", 1), 0);
  const std::string script = "echo \"$KIOTO_TEST_A $KIOTO_TEST_B $KIOTO_TEST_C\"";
  EXPECT_EQ(OutputOfCommand(Sh(script)), "ours ours \n");
  EXPECT_EQ(OutputOfCommand(Sh(script).Env("KIOTO_TEST_A", "1").Env("KIOTO_TEST_A", "2").EnvRemove("KIOTO_TEST_B")), "2  \n");
  EXPECT_EQ(OutputOfCommand(Sh(script).Env("KIOTO_TEST_A", "gone").EnvClear().Envs({{"KIOTO_TEST_B", "x=y"}, {"KIOTO_TEST_C", ""}})),
            " x=y \n");
  EXPECT_EQ(OutputOfCommand(Command("/usr/bin/env").EnvClear().Env("ONLY", "this")), "ONLY=this\n");
  ::unsetenv("KIOTO_TEST_A");
  ::unsetenv("KIOTO_TEST_B");
}

TEST_F(CommandTest, ProgramsAreLookedForInTheChildsPath) {
  const std::string directory = absl::StrCat(testing::TempDir(), "/kioto_path");
  ::mkdir(directory.c_str(), 0700);
  const std::string program = directory + "/kioto_test_program";
  std::ofstream(program) << "#!/bin/sh\necho found\n";
  ASSERT_EQ(::chmod(program.c_str(), 0700), 0);
  kioto::Status status = Command("kioto_test_program").Env("PATH", "/nonexistent:/bin").Spawn().status();
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_EQ(status.message(), "process::Command kioto_test_program: it is nowhere in PATH (/nonexistent:/bin), or the interpreter that it "
                              "names is not there: No such file or directory (ENOENT)");
  EXPECT_EQ(OutputOfCommand(Command("kioto_test_program").Env("PATH", absl::StrCat("/nonexistent:", directory))), "found\n");
  EXPECT_EQ(OutputOfCommand(Command("./kioto_test_program").CurrentDir(directory)), "found\n");
  EXPECT_EQ(OutputOfCommand(Command("kioto_test_program").Env("PATH", "").CurrentDir(directory)), "found\n");
  // One that may not be run says more than one that is not there.
  ASSERT_EQ(::chmod(program.c_str(), 0), 0);
  EXPECT_EQ(ErrnoOf(Command("kioto_test_program").Env("PATH", directory + ":/nonexistent").Spawn().status()), EACCES);
  ::unlink(program.c_str());
  ::rmdir(directory.c_str());
}

TEST_F(CommandTest, TheDirectoryIsTheChilds) {
  EXPECT_EQ(OutputOfCommand(Command("/bin/pwd").CurrentDir("/")), "/\n");
}

TEST_F(CommandTest, ErrorsOfTheChildComeBackFromSpawn) {
  kioto::Status status = Command("/nonexistent/program").Spawn().status();
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_EQ(status.message(), "process::Command /nonexistent/program: it, or the interpreter that it names, is not there: No such "
                              "file or directory (ENOENT)");
  EXPECT_EQ(ErrnoOf(Command("/etc/passwd").Spawn().status()), EACCES);
  EXPECT_EQ(ErrnoOf(Command("").Spawn().status()), ENOENT);
  status = Command("true").CurrentDir("/nonexistent").Spawn().status();
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_NE(status.message().find("changing to its directory /nonexistent"), absl::string_view::npos) << status;
  status = Command("true").ProcessGroup(INT_MAX).Spawn().status();
  EXPECT_EQ(ErrnoOf(status), EPERM);
  EXPECT_EQ(status.message(), "process::Command true: setting its process group: Operation not permitted (EPERM)");
  EXPECT_EQ(ErrnoOf(Command("true").Stdin(Stdio::Borrow(12345)).Spawn().status()), EBADF);
  EXPECT_EQ(ErrnoOf(loop_.Run(Command("/nonexistent/program").Status()).status()), ENOENT);
  EXPECT_EQ(ErrnoOf(loop_.Run(Command("/nonexistent/program").Output()).status()), ENOENT);
}

TEST_F(CommandTest, WhatNoProgramCanBeGivenIsRefused) {
  for (const Command& command :
       {Command("true").Arg(std::string("a\0b", 3)), Command(std::string("tr\0ue", 5)), Command("true").Env("", "x"),
        Command("true").Env("a=b", "x"), Command("true").Env("a", std::string(1, '\0')),
        Command("true").CurrentDir(std::string("/\0", 2)), Command("true").NewSession().ProcessGroup(0),
        Command("true").ExtraFd(1, Stdio::Null()), Command("true").ExtraFd(5, Stdio::Piped()),
        Command("true").ExtraFd(INT_MAX, Stdio::Null())}) {
    EXPECT_EQ(command.Spawn().status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(CommandTest, NoFdLeftIsAnErrorThatLeavesNothing) {
  const int before = OpenFds();
  for (int n = 1; n <= 4; ++n) {  // three pipes for the child, one for its report
    base::sys::ScopedFault fault(base::sys::Call::kPipe, base::sys::Fault::Nth(n, EMFILE));
    EXPECT_EQ(ErrnoOf(Cat().Stderr(Stdio::Piped()).Spawn().status()), EMFILE) << n;
    EXPECT_EQ(fault.hits(), 1);
    EXPECT_EQ(OpenFds(), before);
  }
  base::sys::ScopedFault fault(base::sys::Call::kOpen, base::sys::Fault::Every(EMFILE));
  EXPECT_EQ(ErrnoOf(Command("true").Stdin(Stdio::Null()).Spawn().status()), EMFILE);
}

// behaviour: tokio/tests/process_change_of_runtime.rs#process_spawned_outside_runtime
TEST_F(CommandTest, NeedsARuntimeWithIo) {
  loop_.Leave();
  const kioto::Status status = Command("true").Spawn().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("process::Command::Spawn"), absl::string_view::npos);
  PolledTask task(Command("true").Status());
  EXPECT_EQ((*task.Poll()).status().code(), absl::StatusCode::kFailedPrecondition);
  DrivenLoop no_io(/*io=*/false);
  EXPECT_EQ(Command("true").Spawn().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(HasChildren());
}

// The fds of the child: the three, those given to it, and no other of ours.
TEST_F(CommandTest, TheChildHasTheFdsThatItWasGiven) {
  RawPipe pipe;
  Command list = Command("ls").Arg("/proc/self/fd");
  list.Stdin(Stdio::Null()).Stderr(Stdio::Null());
  EXPECT_EQ(OutputOfCommand(list), "0\n1\n2\n3\n");  // 3: the directory that it reads
  EXPECT_EQ(OutputOfCommand(list.ExtraFd(7, Stdio::Borrow(pipe.writing()))), "0\n1\n2\n3\n7\n");
  // To be another's number, or to be one of the three, is in nobody's way.
  RawPipe one, other;
  Child child = Spawn(Sh(absl::StrCat("echo one >/proc/self/fd/", other.writing(), "; echo other >/proc/self/fd/", one.writing(),
                                  "; echo out; echo err >&2"))
                          .ExtraFd(one.writing(), Stdio::Borrow(other.writing()))
                          .ExtraFd(other.writing(), Stdio::Borrow(one.writing()))
                          .Stdout(Stdio::Borrow(pipe.writing()))
                          .Stderr(Stdio::Borrow(pipe.writing())));
  EXPECT_TRUE(Wait(child).success());
  for (RawPipe* p : {&one, &other, &pipe}) p->CloseWriting();
  EXPECT_EQ(one.ReadAll(), "one\n");
  EXPECT_EQ(other.ReadAll(), "other\n");
  EXPECT_EQ(pipe.ReadAll(), "out\nerr\n");
  // Close-on-exec here, and given on under its own number.
  RawPipe kept;
  Child keeper = Spawn(Sh(absl::StrCat("echo kept >/proc/self/fd/", kept.writing())).ExtraFd(kept.writing(), Stdio::Inherit()));
  EXPECT_TRUE(Wait(keeper).success());
  kept.CloseWriting();
  EXPECT_EQ(kept.ReadAll(), "kept\n");
}

TEST_F(CommandTest, NullIsEmptyAndTakesEverything) {
  EXPECT_EQ(OutputOfCommand(Sh("cat; echo end").Stdin(Stdio::Null())), "end\n");
  EXPECT_TRUE(loop_.Run(Sh("echo lost; echo lost >&2").Stdout(Stdio::Null()).Stderr(Stdio::Null()).Status())->success());
}

TEST_F(CommandTest, SessionsAndProcessGroups) {
  const std::string script = "set -- $(cat /proc/self/stat); echo $5 $6 $PPID $$";  // of cat: group, session
  const auto ids = [&](const Command& command) {
    int group = 0, session = 0, parent = 0, self = 0;
    const std::string out = OutputOfCommand(command);
    EXPECT_EQ(std::sscanf(out.c_str(), "%d %d %d %d", &group, &session, &parent, &self), 4) << out;
    EXPECT_EQ(parent, ::getpid());
    return std::vector<bool>{group == self, session == self};
  };
  EXPECT_EQ(ids(Sh(script)), (std::vector<bool>{false, false}));
  EXPECT_EQ(ids(Sh(script).ProcessGroup(0)), (std::vector<bool>{true, false}));
  EXPECT_EQ(ids(Sh(script).NewSession()), (std::vector<bool>{true, true}));
  Child leader = Spawn(Cat().ProcessGroup(0));
  Child follower = Spawn(Cat().ProcessGroup(*leader.id()));
  EXPECT_EQ(::getpgid(*follower.id()), *leader.id());
  EXPECT_TRUE(Wait(follower).success());
  EXPECT_TRUE(Wait(leader).success());
}

// CVE-2015-0278: groups stay with nobody who is no longer root.
// check: I4
TEST_F(CommandTest, IdentityAndGroups) {
  gid_t groups[1024];
  const int count = ::getgroups(1024, groups);
  if (::setgroups(static_cast<size_t>(count), groups) != 0) GTEST_SKIP() << "only root can become somebody else, outside a sandbox";
  const std::string script = "echo $(id -u) $(id -g) $(id -G)";
  EXPECT_EQ(OutputOfCommand(Sh(script).Uid(12345).Gid(23456)), "12345 23456 23456\n");
  EXPECT_EQ(OutputOfCommand(Sh(script).Uid(12345).Gid(23456).Groups({34567, 45678})), "12345 23456 23456 34567 45678\n");
  EXPECT_EQ(OutputOfCommand(Sh(script).Gid(23456).Groups({})), "0 23456 23456\n");
  // The directory is entered as the one who the child will be.
  const std::string directory = absl::StrCat(testing::TempDir(), "/kioto_secret");
  ASSERT_EQ(::mkdir(directory.c_str(), 0700), 0);
  EXPECT_EQ(ErrnoOf(Command("/bin/true").Uid(12345).CurrentDir(directory).Spawn().status()), EACCES);
  ::rmdir(directory.c_str());
}

void Ignore(int) {}

TEST_F(CommandTest, SignalsAreAsIfNobodyHadTouchedThem) {
  struct sigaction before_usr1, before_usr2;
  struct sigaction handler{};
  handler.sa_handler = &Ignore;
  ::sigaction(SIGUSR1, &handler, &before_usr1);
  handler.sa_handler = SIG_IGN;
  ::sigaction(SIGUSR2, &handler, &before_usr2);
  const auto before_pipe = ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto set = [this](const char* name, const Command& command) {
    const std::string status = OutputOfCommand(command);
    const size_t at = status.find(name);
    return at == std::string::npos ? ~0ull : std::stoull(status.substr(at + std::strlen(name)), nullptr, 16);
  };
  const auto bit = [](int signal) { return 1ull << (signal - 1); };
  const Command cat = Command("cat").Arg("/proc/self/status");
  EXPECT_EQ(set("SigBlk:", cat), 0u);
  EXPECT_EQ(set("SigBlk:", Command(cat).InheritSignalMask()), bit(SIGTERM));
  EXPECT_EQ(set("SigIgn:", cat) & (bit(SIGUSR1) | bit(SIGUSR2) | bit(SIGPIPE)), bit(SIGUSR2));
  EXPECT_EQ(set("SigCgt:", cat), 0u);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::sigaction(SIGUSR1, &before_usr1, nullptr);
  ::sigaction(SIGUSR2, &before_usr2, nullptr);
  ::signal(SIGPIPE, before_pipe);
}

#if defined(__linux__)
// A SIGCHLD that nobody handles is no reason for the kernel to wake a thread.
TEST_F(CommandTest, AChildThatEndsWhileAnotherStartsWakesNoOtherThread) {
  RawPipe pipe;
  base::Atomic<int64_t> sleeps{0};
  std::thread other([&] {
    rusage before, after;
    ::getrusage(RUSAGE_THREAD, &before);
    pipe.ReadAll();
    ::getrusage(RUSAGE_THREAD, &after);
    sleeps.store(after.ru_nvcsw - before.ru_nvcsw, std::memory_order_relaxed);  // relaxed: before the join
  });
  std::vector<Child> children;
  for (int i = 0; i < 30; ++i) children.push_back(Spawn(Command("true")));
  for (Child& child : children) EXPECT_TRUE(Wait(child).success());
  pipe.CloseWriting();
  other.join();
  EXPECT_LT(sleeps.load(std::memory_order_relaxed), 10);  // relaxed: after the join. Else it would be one for each child
}
#endif

TEST_F(CommandTest, ACommandMayBeUsedAgain) {
  RawPipe pipe;
  {
    Command command = Sh("echo again");
    command.Stdout(Stdio::Fd(pipe.TakeWriting()));
    const Command copy = command;
    for (int i = 0; i < 3; ++i) {
      Child child = Spawn(i == 0 ? command : copy);
      EXPECT_TRUE(Wait(child).success());
    }
  }  // closes the writing end
  EXPECT_EQ(pipe.ReadAll(), "again\nagain\nagain\n");
}

TEST_F(CommandTest, NothingIsStartedBeforeTheFirstPoll) {
  CountedCalls calls;
  { auto status = Command("true").Status(); }
  { auto output = Command("true").Output(); }
  EXPECT_FALSE(HasChildren());
  // Dropped while it waits: the process goes on, and is reaped when it ends.
  PolledTask task(Cat().Status());
  EXPECT_TRUE(task.Poll().pending());
  task.Drop();
  loop_.Await([&] { return calls.reaped.load() == 1; });
  PolledTask killed(Sleeper().KillOnDrop().Output());
  EXPECT_TRUE(killed.Poll().pending());
  killed.Drop();
  loop_.Await([&] { return calls.reaped.load() == 2; });
  EXPECT_EQ(calls.last_signal.load(), SIGKILL);
}

}  // namespace
}  // namespace kioto::process
