// Tasks of every kind are aborted, dropped, joined and shut down at random points. Nothing may leak, no task may be lost, nothing
// may hang: what a task owns is destroyed exactly once, and each handle gives an output, "aborted" or "shut down".
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// What the tasks of one runtime share; outlives it.
struct Shared {
  sync::MpscSender<Counted> jobs;
  sync::Notify notify;
};

Future<Status> Sleeps(int micros) {
  return With(Counted(), [micros](Counted&) { return Sleep(std::chrono::microseconds(micros)); }).Then([] {
    return OkStatus();
  });
}

Future<Status> Yields(int times) {
  return With(Counted(), times, [](Counted&, int& left) {
    return Loop([&left] { return YieldNow().Then([&left]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Break(); }); });
  }).Then([] { return OkStatus(); });
}

Future<Status> Sends(Shared& shared) {
  return With(Counted(), [&shared](Counted&) { return shared.jobs.Send(Counted()); });
}

Future<Status> WaitsToBeTold(Shared& shared) {
  return With(Counted(), [&shared](Counted&) { return Timeout(2ms, shared.notify.Notified()); });
}

Future<Status> Tells(Shared& shared) {
  return Lazy([&shared] {
    shared.notify.NotifyOne();
    return OkStatus();
  });
}

Future<Status> Asks() {
  auto channel = sync::Oneshot<Counted>();
  Spawn(With(std::move(channel.sender), [](sync::OneshotSender<Counted>& answer) {
    return YieldNow().Then([&answer] { (void)std::move(answer).Send(Counted()); });
  })).Detach();
  return std::move(channel.receiver).AndThen([](Counted&) { return OkStatus(); });
}

Future<Status> Blocks() {
  return SpawnBlocking([counted = Counted()] { return 1; }).AndThen([](int&) { return OkStatus(); });
}

Future<Status> Family(int children) {
  return With(Counted(), [children](Counted&) {
    return ForEachConcurrent(std::vector<int>(children, 20), 4, [](int& micros) { return Spawn(Sleeps(micros)); });
  });
}

Future<Status> Talks() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return With(*net::UnixStream::FromFd(fds[0]), *net::UnixStream::FromFd(fds[1]), Buffer(8), Counted(),
              [](net::UnixStream& a, net::UnixStream& b, Buffer& buf, Counted&) {
                return TryJoin(Sleep(100us).Then([&a] { return a.WriteAll("12345678"); }), b.ReadExact(buf))
                    .AndThen([](auto&) { return OkStatus(); });
              });
}

Future<Status> Any(base::FastRandom& random, Shared& shared) {
  switch (random.Below(9)) {
    case 0:
      return Sleeps(static_cast<int>(random.Below(3000)));
    case 1:
      return Yields(static_cast<int>(random.Below(200)) + 1);
    case 2:
      return Sends(shared);
    case 3:
      return WaitsToBeTold(shared);
    case 4:
      return Tells(shared);
    case 5:
      return Lazy(Asks);
    case 6:
      return Lazy(Blocks);
    case 7:
      return Family(static_cast<int>(random.Below(8)));
    default:
      return Lazy(Talks);
  }
}

struct Ends {
  int finished = 0, aborted = 0, shut_down = 0, failed = 0;

  void Add(const Status& status) {
    if (status.ok() || IsElapsed(status)) {
      ++finished;
    } else if (kioto::IsAborted(status)) {
      ++aborted;
    } else if (IsShutdown(status) || IsClosed(status)) {
      ++shut_down;
    } else {
      ++failed;
      ADD_FAILURE() << status;
    }
  }
};

// So many steps in one runtime, which then ends in the middle of it all.
void RunSome(RuntimeBuilder builder, int steps, base::FastRandom& random, Ends& ends) {
  auto channel = sync::Mpsc<Counted>(/*capacity=*/4);
  Shared shared{std::move(channel.sender), {}};
  std::vector<JoinHandle<Status>> handles;
  std::vector<AbortHandle> aborts;
  {
    Runtime runtime = *builder.OnUnhandled([](const UnhandledFailure&) {}).Build();
    runtime.Spawn(ForEach(std::move(channel.receiver), [](Counted&) { return YieldNow(); })).Detach();
    for (int i = 0; i < steps; ++i) {
      switch (random.Below(8)) {
        default:
          handles.push_back(runtime.Spawn(Any(random, shared)));
          break;
        case 3:
          runtime.Spawn(Any(random, shared)).Detach();
          break;
        case 4:
          if (!handles.empty()) handles[random.Below(static_cast<uint32_t>(handles.size()))].Abort();
          break;
        case 5:  // aborted from another thread, perhaps when it has long finished
          if (!handles.empty()) aborts.push_back(handles.back().abort_handle());
          if (aborts.size() >= 4) {
            std::thread([&aborts] {
              for (AbortHandle& abort : aborts) abort.Abort();
            }).join();
            aborts.clear();
          }
          break;
        case 6:  // joined, unless that takes too long: then the join is dropped, and the task goes on
          if (!handles.empty()) {
            const auto micros = std::chrono::microseconds(random.Below(500));
            Status status = runtime.BlockOn(
                [&] { return Timeout(micros, std::exchange(handles.back(), JoinHandle<Status>())); });
            ends.Add(status);
            handles.pop_back();
          }
          break;
        case 7:
          if (!handles.empty()) {
            std::move(handles.back()).Detach();
            handles.pop_back();
          }
          break;
      }
    }
    if (random.Below(2) == 0) {  // else its destructor ends it
      EXPECT_TRUE(runtime.Shutdown().clean());
      EXPECT_EQ(runtime.handle().live_tasks(), 0u);
    }
  }
  Runtime after = *Runtime::CurrentThread();
  for (auto& handle : handles) {
    EXPECT_TRUE(handle.finished()) << "a task was lost";
    ends.Add(after.BlockOn(std::move(handle)));
  }
}

TEST(RandomEndTest, NothingLeaksNothingIsLost) {
  const std::set<int> fds = OpenFdSet();
  Ends ends;
  base::FastRandom random(20'000);
  for (int left = Scaled(20'000); left > 0;) {
    const int steps = static_cast<int>(random.Below(400)) + 1;
    const int workers = static_cast<int>(random.Below(4));
    RuntimeBuilder builder = workers == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
    if (workers > 0) builder.WorkerThreads(workers);
    RunSome(std::move(builder), steps, random, ends);
    ASSERT_EQ(Counted::alive(), 0) << left << " steps before the end";
    left -= steps;
  }
  std::printf("%d finished, %d aborted, %d shut down\n", ends.finished, ends.aborted, ends.shut_down);
  EXPECT_GT(ends.finished, 0);
  EXPECT_GT(ends.aborted, 0);
  EXPECT_GT(ends.shut_down, 0);
  EXPECT_EQ(OpenFdSet(), fds);
}

}  // namespace
}  // namespace kioto
