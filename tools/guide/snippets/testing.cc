// The snippets of tools/guide/testing.md, compiled and run.
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/testing/kioto_test.h"
#include "kioto/runtime/testing/mock_io.h"
#include "kioto/runtime/testing/mock_stream.h"
#include "kioto/runtime/testing/runtime.h"
#include "kioto/sync/oneshot.h"
#include "kioto/time/instant.h"
#include "kioto/time/pause.h"
#include "kioto/time/retry.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

// [region first]
Future<StatusOr<int>> Compute() {
  return Spawn(Ready(20)).AndThen([](int& n) { return n + 1; });
}

KIOTO_TEST(ComputeTest, AddsOne) {
  return Compute().AndThen([](int& n) { EXPECT_EQ(n, 21); });  // an error that comes through fails the test
}

KIOTO_TEST(ComputeTest, AddsOneOnAPoolToo, test::MultiThread(4).TimeLimit(10s)) {
  return Compute().AndThen([](int& n) { EXPECT_EQ(n, 21); });
}
// [end first]

// [region paused]
KIOTO_TEST(RetryTest, WaitsBetweenAttempts, test::Paused()) {
  return With(time::Instant::Now(), 0, [](time::Instant& start, int& attempts) {
    return Retry(Backoff(1min, 1h, 5),
                 [&attempts]() -> Status {
                   return ++attempts < 4 ? absl::UnavailableError("not yet") : OkStatus();
                 })
        .Then([&](Status& status) {
          EXPECT_TRUE(status.ok());
          EXPECT_GE(start.Elapsed(), 30s + 1min + 2min);  // half of each wait at least: in no time
        });
  });
}
// [end paused]

// [region shuffled]
KIOTO_TEST(MeetingTest, TheDoorIsOpenedFirst, test::Shuffled(64)) {
  return With(false, [](bool& open) {
    JoinHandle<Unit> opener = Spawn(Lazy([&open] { open = true; }));
    JoinHandle<Unit> guest = Spawn(std::move(opener).Then([&open](auto&) { EXPECT_TRUE(open); }));
    return guest;  // without the wait for the opener it holds in the order of waking, and fails in others
  });
}
// [end shuffled]

// [region hash]
// A number made of all that the run of this seed went through.
uint64_t HashOfRun(uint64_t seed) {
  StatusOr<Runtime> runtime = test::MakeRuntime(test::Shuffled().Seed(seed));
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_TRUE(runtime->BlockOn([] { return TryJoin(Spawn(Sleep(1ms)), Spawn(Sleep(1ms)), Compute()); }).ok());
  return runtime->trace_hash();
}

TEST(ComputeTest, IsDeterministic) {
  for (uint64_t seed = 1; seed <= 16; ++seed) EXPECT_EQ(HashOfRun(seed), HashOfRun(seed)) << "seed " << seed;
}
// [end hash]

// [region mock]
// What is to be tested takes any stream: a net::TcpStream in the program, a MockIo here.
template <class Stream>
auto Greet(Stream& stream, Buffer& name) {
  return stream.WriteAll("name?\n")
      .AndThen([&] { return stream.Read(name); })
      .AndThen([&](size_t& n) { return stream.WriteAll(absl::StrCat("hello, ", name.first(n))); });
}

KIOTO_TEST(GreetTest, GreetsByName, test::Paused()) {
  return With(test::MockIoBuilder().Write("name?\n").Wait(3s).Read("Ada\n").Write("hello, Ada\n").Build(), Buffer(100),
              [](test::MockIo& io, Buffer& name) { return Greet(io, name); });
}

KIOTO_TEST(GreetTest, PassesAnErrorOn) {
  return With(test::MockIoBuilder().Write("name?\n").ReadError(ErrnoStatus(ECONNRESET, "read")).Build(), Buffer(100),
              [](test::MockIo& io, Buffer& name) {
                return Greet(io, name).Then([](Status& status) { EXPECT_EQ(ErrnoOf(status), ECONNRESET); });
              });
}
// [end mock]

// [region stream]
KIOTO_TEST(SumTest, AddsWhatComes, test::Paused()) {
  return With(0, [](int& sum) {
    return ForEach(test::MockStreamBuilder<int>().Next(1).Wait(1h).Next(2).Build(), [&](int& n) { sum += n; })
        .AndThen([&] { EXPECT_EQ(sum, 3); });
  });
}
// [end stream]

// [region polled]
TEST(ReceiveTest, WaitsUntilSomethingIsSent) {
  auto channel = sync::Oneshot<int>();
  PolledTask task(std::move(channel.receiver));
  EXPECT_THAT(task.Poll(), IsPending());
  channel.sender.Send(7);
  EXPECT_TRUE(task.is_woken());  // exactly what a runtime goes by
  EXPECT_THAT(task.Poll(), IsReadyOk(7));
}
// [end polled]

}  // namespace
}  // namespace kioto
