// For tests of children: shells, calls that are counted, and a check that nothing was left behind.
#ifndef KIOTO_RUNTIME_PROCESS_TESTING_CHILDREN_H_
#define KIOTO_RUNTIME_PROCESS_TESTING_CHILDREN_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/io/testing/driven_loop.h"
#include "kioto/runtime/process/child_calls.h"
#include "kioto/runtime/process/command.h"
#include "kioto/runtime/process/orphans.h"

namespace kioto::process {

inline Command Sh(std::string script) {
  Command command("/bin/sh");
  command.Args({"-c", std::move(script)});
  return command;
}

// Copies its input to its output, both piped.
inline Command Cat() {
  Command command("cat");
  command.Stdin(Stdio::Piped()).Stdout(Stdio::Piped());
  return command;
}

// Runs until it is killed.
inline Command Sleeper() {
  Command command("sleep");
  command.Arg("100000");
  return command;
}

// Whether the program has a child that was not reaped, running or not.
inline bool HasChildren() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// A pipe of which Kioto knows nothing. Both ends block.
struct RawPipe {
  RawPipe() { EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0); }
  ~RawPipe() {
    CloseReading();
    CloseWriting();
  }
  RawPipe(const RawPipe&) = delete;
  RawPipe& operator=(const RawPipe&) = delete;
  int reading() const { return fds[0]; }
  int writing() const { return fds[1]; }
  int TakeReading() { return std::exchange(fds[0], -1); }
  int TakeWriting() { return std::exchange(fds[1], -1); }
  void CloseReading() {
    if (fds[0] >= 0) ::close(TakeReading());
  }
  void CloseWriting() {
    if (fds[1] >= 0) ::close(TakeWriting());
  }
  // Waits for the end of those who write.
  std::string ReadAll() {
    std::string all;
    char bytes[256];
    for (ssize_t n; (n = ::read(fds[0], bytes, sizeof(bytes))) > 0;) all.append(bytes, static_cast<size_t>(n));
    return all;
  }
  int fds[2] = {-1, -1};
};

// The real calls, counted, with or without pidfds.
class CountedCalls : public internal::ChildCalls {
 public:
  explicit CountedCalls(bool pidfds = true) : pidfds_(pidfds), scoped_(*this) {}

  int OpenPidfd(pid_t pid) override { return pidfds_ ? ChildCalls::OpenPidfd(pid) : -ENOSYS; }
  int Reap(pid_t pid, int pidfd, ExitStatus* status) override {
    looks.fetch_add(1);
    const int result = ChildCalls::Reap(pid, pidfd, status);
    if (result == 1) {
      last_signal.store(status->signal().value_or(0));
      reaped.fetch_add(1);
    }
    return result;
  }
  int SendSignal(pid_t pid, int pidfd, int signal) override {
    kills.fetch_add(1);
    return ChildCalls::SendSignal(pid, pidfd, signal);
  }

  base::Atomic<int> looks{0};
  base::Atomic<int> reaped{0};
  base::Atomic<int> kills{0};
  base::Atomic<int> last_signal{0};  // of the child that was reaped last

 private:
  const bool pidfds_;
  internal::ScopedChildCalls scoped_;
};

// A loop, in which every child must have been reaped and every fd closed when the test ends.
class ChildTest : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_FALSE(HasChildren());
    EXPECT_EQ(internal::OrphanList::OfProcess().size(), 0u);
    signal::RestoreUnused();
    EXPECT_EQ(OpenFds(), fds_);
  }
  Child Spawn(const Command& command) {
    StatusOr<Child> child = command.Spawn();
    EXPECT_TRUE(child.ok()) << child.status();
    return *std::move(child);
  }
  ExitStatus Wait(Child& child) {
    StatusOr<ExitStatus> status = loop_.Run(child.Wait());
    EXPECT_TRUE(status.ok()) << status.status();
    return *status;
  }
  // Exactly so many bytes.
  std::string Read(io::PipeReceiver& pipe, size_t size) {
    std::string bytes(size, '\0');
    const kioto::Status status = loop_.Run(pipe.ReadExact(MutableBytes(&bytes[0], size)));
    EXPECT_TRUE(status.ok()) << status;
    return bytes;
  }
  // The command's whole output; it must succeed.
  std::string OutputOfCommand(const Command& command) {
    StatusOr<ProcessOutput> output = loop_.Run(command.Output());
    if (!output.ok()) return output.status().ToString();
    EXPECT_TRUE(output->status.success()) << output->status.ToString() << output->err;
    return output->out;
  }

  DrivenLoop loop_;
  const int fds_ = OpenFds();
};

}  // namespace kioto::process

#endif  // KIOTO_RUNTIME_PROCESS_TESTING_CHILDREN_H_
