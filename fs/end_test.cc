// Operations whose future is dropped, whose task is aborted, or whose runtime ends: none is left, and no fd.
#include <atomic>
#include <chrono>
#include <future>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::fs {
namespace {

using namespace std::chrono_literals;

Runtime MakeRuntime(int workers, int blocking_threads) {
  RuntimeBuilder builder = workers == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
  if (workers > 0) builder.WorkerThreads(workers);
  return *builder.MaxBlockingThreads(blocking_threads).Build();
}

void DriveUntil(Runtime& runtime, const std::atomic<int>& count, int least) {
  const Status status = runtime.BlockOn(PollFn([&](Context& cx) -> Poll<Unit> {
    if (count >= least) return Unit{};
    cx.waker().Wake();
    return kPending;
  }));
  EXPECT_TRUE(status.ok()) << status;
}

// Two files, and operations on them, all of which are jobs, unless workers do what they can.
struct Files {
  explicit Files(bool workers_may = false) {
    if (!workers_may) by_jobs.emplace();
    Runtime runtime = *Runtime::CurrentThread();
    EXPECT_EQ(runtime.BlockOn(Write(a, "some bytes")), OkStatus());
  }
  auto Open() const { return File::Open(a); }
  auto ReadWhole() const { return Read(a); }
  auto Exists() const { return TryExists(a); }
  // It may have been moved there and not yet back: that it fails is no matter.
  auto Move() const { return Rename(a, b).Then([this](Status&) { return Rename(b, a).Then([](Status&) { return OkStatus(); }); }); }
  auto OpenAndRead() const {
    return Open().AndThen([](File& file) { return file.ReadToEnd(100).AndThen([](std::string&) { return OkStatus(); }); });
  }

  std::optional<ByJobsAlone> by_jobs;
  const std::string dir = NewTestDir();
  const std::string a = dir + "/a", b = dir + "/b";
};

// A pool of one thread, which the test holds: what is started stays in the queue until Release.
class OneThread {
 public:
  explicit OneThread(Runtime& runtime) : runtime_(runtime) {
    const EnterGuard guard = runtime.Enter();
    SpawnBlocking([open = gate_.get_future().share()] { open.wait(); }).Detach();
  }
  void Release() { gate_.set_value(); }
  // Until all jobs that were started have ended.
  void Drain() {
    EXPECT_TRUE(runtime_.BlockOn([] { return SpawnBlocking([] {}); }).ok());
  }

 private:
  Runtime& runtime_;
  std::promise<void> gate_;
};

// A task that polls what make() gives once, and waits; it is aborted, and says so.
template <class Make>
void IsAbortedAfterOnePoll(Make make) {
  Runtime runtime = MakeRuntime(0, 1);
  OneThread pool(runtime);
  bool pending = false;
  auto task = runtime.Spawn(With(make(), [&pending](auto& operation) {
    return PollFn([&](Context& cx) -> Poll<Unit> {
      pending = operation.PollOnce(cx).pending();
      return kPending;
    });
  }));
  EXPECT_EQ(runtime.BlockOn(YieldNow()), OkStatus());
  EXPECT_TRUE(pending);
  task.Abort();
  EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(task))));
  pool.Release();
  EXPECT_TRUE(runtime.Shutdown().clean());
}

// behaviour: tokio/tests/fs_uring.rs#cancel_op_future
TEST(FsAbortTest, AnOpenIsAborted) {
  const Files files;
  const int before = OpenFds();
  IsAbortedAfterOnePoll([&] { return files.Open(); });
  EXPECT_EQ(OpenFds(), before);
}
// behaviour: tokio/tests/fs_uring_read.rs#cancel_op_future
TEST(FsAbortTest, AReadOfAWholeFileIsAborted) {
  const Files files;
  IsAbortedAfterOnePoll([&] { return files.ReadWhole(); });
}
// behaviour: tokio/tests/fs_uring_rename.rs#cancel_op_future
TEST(FsAbortTest, ARenameIsAborted) {
  const Files files;
  IsAbortedAfterOnePoll([&] { return Rename(files.a, files.b); });
}
// behaviour: tokio/tests/fs_uring_statx.rs#cancel_op_future
TEST(FsAbortTest, AQuestionForAFileIsAborted) {
  const Files files;
  IsAbortedAfterOnePoll([&] { return files.Exists(); });
}

// behaviour: tokio/tests/fs_uring_cancel_open.rs#file_descriptors_are_closed_when_cancelling_open_op
TEST(FsFdsTest, AbortedOpensLeaveNoFd) {
  const Files files;
  for (const int workers : {0, 2}) {
    Runtime runtime = MakeRuntime(workers, 1);
    OneThread pool(runtime);
    const int before = OpenFds();
    for (const bool in_queue : {true, false}) {
      std::atomic<int> polled{0};
      std::vector<JoinHandle<Unit>> tasks;
      for (int i = 0; i < 128; ++i) {
        tasks.push_back(runtime.Spawn(With(files.Open(), false, [&polled](auto& open, bool& done) {
          return PollFn([&](Context& cx) -> Poll<Unit> {
            if (!std::exchange(done, true)) static_cast<void>(open.PollOnce(cx)), ++polled;
            return kPending;
          });
        })));
      }
      DriveUntil(runtime, polled, 128);
      if (!in_queue) pool.Drain();  // all are opened, and nobody has asked
      for (auto& task : tasks) task.Abort();
      for (auto& task : tasks) EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(task))));
      if (in_queue) pool.Release();
      pool.Drain();
      EXPECT_EQ(OpenFds(), before);
    }
    EXPECT_TRUE(runtime.Shutdown().clean());
  }
}

// So many are polled once, done by the pool, and dropped before anybody looks.
template <class Make>
void LeavesNoFdWhenItIsDoneAndDropped(Make make) {
  Runtime runtime = MakeRuntime(0, 1);
  OneThread pool(runtime);
  const int before = OpenFds();
  {
    const EnterGuard guard = runtime.Enter();
    std::list<PolledTask<decltype(make())>> operations;
    for (int i = 0; i < 128; ++i) {
      operations.emplace_back(make());
      EXPECT_TRUE(operations.back().Poll().pending());
    }
    pool.Release();
    pool.Drain();
    for (auto& operation : operations) EXPECT_TRUE(operation.is_woken());
  }
  EXPECT_EQ(OpenFds(), before);
}

// behaviour: tokio/tests/fs_uring_completed_then_dropped_before_repoll.rs#uring_completed_then_dropped
TEST(FsFdsTest, OpensThatAreDoneAndDroppedLeaveNoFd) {
  const Files files;
  LeavesNoFdWhenItIsDoneAndDropped([&] { return files.Open(); });
}
// behaviour: tokio/tests/fs_uring_statx_fd_leak_test.rs#uring_completed_then_dropped
TEST(FsFdsTest, ReadsThatAreDoneAndDroppedLeaveNoFd) {
  const Files files;
  LeavesNoFdWhenItIsDoneAndDropped([&] { return files.ReadWhole(); });
}

// behaviour: tokio/tests/fs_uring_runtime_shutdown.rs#shutdown_runtime_while_performing_io_uring_ops
TEST(FsFdsTest, OpensThatARuntimeLeavesBehindLeaveNoFd) {
  const Files files;
  const int before = OpenFds();
  {
    Runtime runtime = MakeRuntime(0, 1);
    OneThread pool(runtime);
    std::list<PolledTask<decltype(files.Open())>> opens;
    const auto open = [&](int count) {
      const EnterGuard guard = runtime.Enter();
      for (int i = 0; i < count; ++i) {
        opens.emplace_back(files.Open());
        static_cast<void>(opens.back().Poll());
        if (i % 2 == 0) opens.back().Drop();
      }
    };
    open(64);
    pool.Release();
    pool.Drain();  // these are open, and nobody has asked
    open(64);      // these are being opened
    runtime.ShutdownBackground();
    EXPECT_TRUE(runtime.Shutdown().clean());
  }
  EXPECT_EQ(OpenFds(), before);
}

// On runtimes of any size: tasks that begin one operation after the other, or (`once`) poll theirs once and wait; another thread
// ends the runtime meanwhile.
template <class Make>
void EndsMeanwhile(bool once, Make make) {
  for (const int workers : {0, 1, 2, 8, 64, 256}) {
    const int before = OpenFds();
    std::atomic<int> begun{0};
    ShutdownReport report;
    {
      Runtime runtime = MakeRuntime(workers, 8);
      for (int i = 0; i < 50; ++i) {
        if (once) {
          runtime.Spawn(With(make(), false, [&begun](auto& operation, bool& done) {
            return PollFn([&](Context& cx) -> Poll<Unit> {
              if (!std::exchange(done, true)) static_cast<void>(operation.PollOnce(cx)), ++begun;
              return kPending;
            });
          })).Detach();
        } else {
          runtime.Spawn(Loop([&begun, &make] {
            ++begun;
            return make().Then([](auto& done) -> Flow<> { return done.ok() ? Flow<>(Continue()) : Flow<>(Break()); });
          })).Detach();
        }
      }
      DriveUntil(runtime, begun, 1);
      TestThread ender([&] { report = runtime.Shutdown(60s); });
    }
    EXPECT_TRUE(report.clean()) << workers;
    EXPECT_EQ(OpenFds(), before) << workers;
  }
}

// behaviour: tokio/tests/fs_uring.rs#shutdown_runtime_while_performing_io_uring_ops
TEST(FsShutdownTest, EndsWhileFilesAreOpened) {
  for (const bool workers_may : {false, true}) {
    const Files files(workers_may);
    EndsMeanwhile(/*once=*/false, [&] { return files.Open(); });
  }
}
// behaviour: tokio/tests/fs_uring_file_read.rs#shutdown_runtime_with_pending_reads
TEST(FsShutdownTest, EndsWhileFilesAreRead) {
  for (const bool workers_may : {false, true}) {
    const Files files(workers_may);
    EndsMeanwhile(/*once=*/false, [&] { return files.OpenAndRead(); });
  }
}
// behaviour: tokio/tests/fs_uring_read.rs#shutdown_runtime_while_performing_io_uring_ops
TEST(FsShutdownTest, EndsWhileWholeFilesAreRead) {
  const Files files;
  EndsMeanwhile(/*once=*/true, [&] { return files.ReadWhole(); });
}
// behaviour: tokio/tests/fs_uring_rename.rs#shutdown_runtime_while_performing_io_uring_ops
TEST(FsShutdownTest, EndsWhileFilesAreRenamed) {
  const Files files;
  EndsMeanwhile(/*once=*/true, [&] { return files.Move(); });
}
// behaviour: tokio/tests/fs_uring_statx.rs#shutdown_runtime_while_performing_io_uring_ops
TEST(FsShutdownTest, EndsWhileSomeoneAsksForFiles) {
  const Files files;
  EndsMeanwhile(/*once=*/true, [&] { return files.Exists(); });
}

}  // namespace
}  // namespace kioto::fs
