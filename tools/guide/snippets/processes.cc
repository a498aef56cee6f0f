// The snippets of tools/guide/processes.md and tools/guide/shutdown.md, compiled and run.
#include <signal.h>

#include <chrono>
#include <string>
#include <tuple>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/process/command.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/until.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;
using process::Command;
using process::Stdio;

// [region output]
Future<StatusOr<std::string>> Today() {
  return Command("date").Arg("+%F").Output().AndThen([](process::ProcessOutput& date) -> StatusOr<std::string> {
    if (!date.status.success()) return absl::InternalError("date: " + date.status.ToString() + ": " + date.err);
    return std::move(date.out);
  });
}
// [end output]

// [region pipes]
Future<StatusOr<std::string>> Sorted(std::string lines) {
  StatusOr<process::Child> started = Command("sort").Stdin(Stdio::Piped()).Stdout(Stdio::Piped()).KillOnDrop().Spawn();
  if (!started.ok()) return started.status();
  process::ChildStdin pipe = *started->TakeStdin();
  return With(std::move(pipe), std::move(lines), *std::move(started),
              [](process::ChildStdin& input, std::string& lines, process::Child& sort) {
                return TryJoin(input.WriteAll(lines).AndThen([&] { return input.Shutdown(); }),  // the end of its input
                               std::move(sort).WaitWithOutput())                                 // reads meanwhile
                    .AndThen([](Unit&, process::ProcessOutput& sorted) { return std::move(sorted.out); });
              });
}
// [end pipes]

// [region limit]
// The program, for a minute at most: then it is killed, because nobody holds its Child any more.
Future<StatusOr<process::ExitStatus>> RunForAMinute(Command command) {
  return Timeout(1min, command.KillOnDrop().Status());
}
// [end limit]

Future<Status> Handle(int) { return OkStatus(); }

// [region shutdown]
// Takes jobs until it is asked to stop; what has begun gets ten seconds.
Future<Status> Work(sync::MpscReceiver<int> jobs) {
  return With(std::move(jobs), TaskTracker(), CancellationToken(),
              [](sync::MpscReceiver<int>& jobs, TaskTracker& running, CancellationToken& stop) {
                return ForEach(TakeUntil(ByRef(jobs), signal::Shutdown()),     // 1. take nothing new
                               [&](int job) { running.Spawn(Until(stop, Handle(job))); })
                    .AndThen([&] { return Timeout(10s, running.CloseAndWait()); })  // 2. let it finish
                    .Finally([&] {
                      stop.Cancel();                                           // 3. cancel what is left
                      return running.CloseAndWait();                           // 4. and see that it has gone
                    });
              });
}
// [end shutdown]

// [region idle]
// Leaves between two echoes when it is told to; what was read is answered first.
Future<Status> Echo(net::TcpStream stream, CancellationToken stop) {
  return With(std::move(stream), Buffer(16 * 1024), std::move(stop),
              [](net::TcpStream& s, Buffer& buf, CancellationToken& stop) {
                return Loop([&] {
                  return Select(Case(stop.Cancelled(), Break), Case(Timeout(60s, s.Read(buf)), [&](StatusOr<size_t>& got) {
                                  return Ready(std::move(got)).AndThen([&](size_t& n) {
                                    return If(n == 0, Break, [&] { return Timeout(10s, s.WriteAll(buf.first(n))); });
                                  });
                                }));
                });
              });
}
// [end idle]

TEST(ProcessesGuideTest, Runs) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_EQ(runtime->BlockOn(Lazy(Today))->size(), 11u);
  EXPECT_EQ(*runtime->BlockOn(Lazy([] { return Sorted("b\nc\na\n"); })), "a\nb\nc\n");
  EXPECT_EQ(runtime->BlockOn(RunForAMinute(Command("sh").Args({"-c", "exit 3"})))->code(), 3);
}

TEST(ProcessesGuideTest, EndsWhenItIsAskedTo) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  auto jobs = sync::Mpsc<int>(1);  // its sender lives on: nothing but the signal ends it
  auto done = runtime->BlockOn(JoinBiased(Work(std::move(jobs.receiver)), Lazy([] { ::raise(SIGTERM); })));
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(std::get<0>(*done).ok()) << std::get<0>(*done);
  signal::RestoreUnused();
}

TEST(ProcessesGuideTest, AConnectionThatIdlesLeavesByItself) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  const Status status = runtime->BlockOn(net::TcpListener::Bind("127.0.0.1:0").AndThen([](net::TcpListener& listener) {
    return With(CancellationToken(), Buffer(8), [&listener](CancellationToken& stop, Buffer& answer) {
      auto server = listener.Accept().AndThen([&](net::TcpStream& s) { return Echo(std::move(s), stop); });
      auto client = net::TcpStream::Connect(*listener.local_address()).AndThen([&](net::TcpStream& s) {
        return s.WriteAll("hello").AndThen([&] { return s.Read(answer); }).AndThen([&](size_t&) {
          stop.Cancel();
          return s.Read(answer).AndThen([](size_t& n) { EXPECT_EQ(n, 0u); });
        });
      });
      return TryJoin(std::move(server), std::move(client)).AndThen([] {});
    });
  }));
  EXPECT_EQ(status, OkStatus());
}

}  // namespace
}  // namespace kioto
