#include "kioto/runtime/process/stdio.h"

#include <signal.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/process/testing/children.h"

namespace kioto::process {
namespace {

class StdioTest : public ChildTest {};

// Writes everything, then closes the pipe.
auto Feed(ChildStdin& input, std::string bytes) {
  return input.WriteAll(std::move(bytes)).AndThen([&input] { return input.Shutdown(); });
}

// behaviour: tests-integration/tests/process_stdio.rs#feed_a_lot
TEST_F(StdioTest, FeedingALotWhileReadingItBack) {
  std::string lines;
  for (int i = 0; i < 10'000; ++i) absl::StrAppend(&lines, "line ", i, "\n");
  ASSERT_GT(lines.size(), 65536u) << "more than a pipe holds";
  Child child = Spawn(Cat());
  ChildStdin input = *child.TakeStdin();
  ChildStdout output = *child.TakeStdout();
  auto [fed, read, status] = loop_.Run(Join(Feed(input, lines), output.ReadToEnd(1 << 20), child.Wait()));
  EXPECT_TRUE(fed.ok()) << fed;
  EXPECT_TRUE(*read == lines);
  EXPECT_EQ(status->code(), 0);
}

// behaviour: tests-integration/tests/process_stdio.rs#wait_with_output_captures
TEST_F(StdioTest, WaitWithOutputCaptures) {
  Child child = Spawn(Cat().Stderr(Stdio::Piped()));
  EXPECT_TRUE(loop_.Run(child.stdin_pipe()->WriteAll("1234")).ok());
  StatusOr<ProcessOutput> output = loop_.Run(std::move(child).WaitWithOutput());  // closes its input
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_TRUE(output->status.success());
  EXPECT_EQ(output->out, "1234");
  EXPECT_EQ(output->err, "");
  output = loop_.Run(Sh("echo out; echo err >&2; exit 3").Output());
  EXPECT_EQ(output->status.code(), 3);
  EXPECT_EQ(output->out, "out\n");
  EXPECT_EQ(output->err, "err\n");
}

TEST_F(StdioTest, OutputIsBounded) {
  Command command = Sh("printf 12345; printf 123456 >&2");
  EXPECT_TRUE(loop_.Run(command.Output(6)).ok());
  CountedCalls calls;
  const kioto::Status too_long = loop_.Run(command.Output(5)).status();
  EXPECT_TRUE(io::IsLimitExceeded(too_long));
  EXPECT_EQ(too_long.message(), "process::Command /bin/sh: stderr: longer than the limit of 5 bytes");
  loop_.Await([&] { return calls.reaped.load() == 1; });
}

// behaviour: tests-integration/tests/process_stdio.rs#status_closes_any_pipes
TEST_F(StdioTest, StatusClosesThePipes) {
  StatusOr<ExitStatus> status = loop_.Run(Cat().Status());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_TRUE(status->success());
}

// behaviour: tests-integration/tests/process_stdio.rs#pipe_from_one_command_to_another
TEST_F(StdioTest, APipeFromOneCommandToAnother) {
  Child first = Spawn(Cat()), third = Spawn(Cat());
  StatusOr<Stdio> input = Stdio::From(*first.TakeStdout()), output = Stdio::From(*third.TakeStdin());
  ASSERT_TRUE(input.ok() && output.ok());
  Child second = Spawn(Command("cat").Stdin(*std::move(input)).Stdout(*std::move(output)));
  input = absl::CancelledError();  // our own copies would keep the pipes open
  output = absl::CancelledError();
  const std::string message = "hello world! please pipe this message through";
  ChildStdin in = *first.TakeStdin();
  ChildStdout out = *third.TakeStdout();
  auto [fed, read, one, two, three] =
      loop_.Run(Join(Feed(in, message), out.ReadToEnd(1000), first.Wait(), second.Wait(), third.Wait()));
  EXPECT_TRUE(fed.ok()) << fed;
  EXPECT_EQ(*read, message);
  for (const auto& status : {one, two, three}) EXPECT_TRUE(status.ok() && status->success()) << status.status();
}

// behaviour: tests-integration/tests/process_stdio.rs#vectored_writes
TEST_F(StdioTest, SeveralPiecesAreOneWrite) {
  static_assert(io::internal::HasVectored<ChildStdin>::value);
  Child child = Spawn(Cat());
  const absl::string_view pieces[] = {"hello\n", "world!\n"};
  EXPECT_EQ(*loop_.Run(io::WriteVectored(*child.stdin_pipe(), pieces)), 13u);
  (void)child.TakeStdin();
  EXPECT_EQ(*loop_.Run(child.stdout_pipe()->ReadToEnd(100)), "hello\nworld!\n");
  EXPECT_TRUE(Wait(child).success());
}

// behaviour: tokio/tests/net_unix_pipe.rs#anon_pipe_spawn_echo
TEST_F(StdioTest, APipeOfOursIsTheChildsOutput) {
  RawPipe pipe;
  StatusOr<io::PipeReceiver> reader = io::PipeReceiver::FromFd(pipe.TakeReading());
  ASSERT_TRUE(reader.ok()) << reader.status();
  {
    Child child = Spawn(Sh("printf 'message from the child'").Stdout(Stdio::Fd(pipe.TakeWriting())));
    EXPECT_EQ(Read(*reader, 22), "message from the child");
    EXPECT_TRUE(Wait(child).success());
  }
  char byte;
  EXPECT_EQ(*loop_.Run(reader->Read(MutableBytes(&byte, 1))), 0u) << "nobody can write any more";
}

// behaviour: tokio/tests/process_issue_2174.rs#issue_2174
TEST_F(StdioTest, AWriteToAChildThatIsKilledFails) {
  Child child = Spawn(Sleeper().Stdin(Stdio::Piped()));
  ChildStdin input = *child.TakeStdin();
  PolledTask write(input.WriteAll(std::string(1 << 20, 'x')));  // more than a pipe holds, and nobody reads
  EXPECT_TRUE(write.Poll().pending());
  EXPECT_TRUE(loop_.Run(child.Kill()).ok());
  const kioto::Status status = loop_.Run(write);
  EXPECT_EQ(ErrnoOf(status), EPIPE) << status;  // and no SIGPIPE, which would have ended us
}

TEST_F(StdioTest, PipesBlockForTheChildAloneAndWithinIt) {
  Child child = Spawn(Cat());
  EXPECT_NE(::fcntl(child.stdin_pipe()->fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(child.stdin_pipe()->fd(), F_GETFD) & FD_CLOEXEC, 0);
  StatusOr<int> fd = std::move(*child.TakeStdin()).IntoBlockingFd();
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(::fcntl(*fd, F_GETFL) & O_NONBLOCK, 0);
  StatusOr<io::PipeSender> again = io::PipeSender::FromFd(*fd);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(::fcntl(again->fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(ErrnoOf(io::PipeReceiver::FromFd(12345).status()), EBADF);
  EXPECT_TRUE(loop_.Run(again->Shutdown()).ok());
  EXPECT_TRUE(Wait(child).success());
  // What the child sees: a plain read waits.
  const std::string flags = OutputOfCommand(Sh("grep flags /proc/self/fdinfo/1"));
  EXPECT_EQ(std::stol(flags.substr(flags.find(':') + 1), nullptr, 8) & O_NONBLOCK, 0) << flags;
}

TEST_F(StdioTest, ReadsAreDroppedWithoutLoss) {
  Child child = Spawn(Cat());
  char bytes[10];
  for (int i = 0; i < 3; ++i) {
    PolledTask read(child.stdout_pipe()->Read(MutableBytes(bytes, sizeof(bytes))));
    EXPECT_TRUE(read.Poll().pending());
  }
  EXPECT_TRUE(loop_.Run(child.stdin_pipe()->WriteAll("abc")).ok());
  EXPECT_EQ(Read(*child.stdout_pipe(), 3), "abc");
  EXPECT_EQ(*loop_.Run(child.stdout_pipe()->Read(MutableBytes())), 0u);
  EXPECT_EQ(*loop_.Run(child.stdin_pipe()->Write("")), 0u);
  EXPECT_TRUE(Wait(child).success());
}

}  // namespace
}  // namespace kioto::process
