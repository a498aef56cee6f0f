// Runtime: what runs tasks. One is enough for a program; it is made by a RuntimeBuilder, or attached to a libuv loop.
//
//   int main() { return kioto::Main([] { return net::TcpListener::Bind("127.0.0.1:8080").AndThen(Serve); }); }
//
//   StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(4).Build();
//   StatusOr<size_t> n = runtime->BlockOn(Count(path));
#ifndef KIOTO_RUNTIME_SCHEDULER_RUNTIME_H_
#define KIOTO_RUNTIME_SCHEDULER_RUNTIME_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/scheduler/core.h"
#include "kioto/runtime/scheduler/metrics.h"
#include "kioto/runtime/task/root_future.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/task/spawn_callback.h"
#include "kioto/runtime/task/task_dump.h"

#if KIOTO_EXCEPTIONS
#include <exception>
#endif

typedef struct uv_loop_s uv_loop_t;

namespace kioto {
namespace internal {

// The future of a BlockOn, on the caller's stack, and where its output goes.
template <class F>
class RootOf final : public RootFuture {
 public:
  RootOf(F&& future, base::SourceLocation place) : RootFuture(place), future_(std::move(future)) {}
  bool Poll(Context& cx) override {
#if KIOTO_EXCEPTIONS
    try {
      return PollFuture(cx);
    } catch (...) {
      future_.reset();
      output_.emplace(ThrownError("the future of BlockOn threw", std::current_exception()));
      return true;
    }
#else
    return PollFuture(cx);
#endif
  }
  [[gnu::cold]] void Describe(WaitTrace& trace) const override {
    if (future_.has_value()) trace.Child(*future_);
  }
  JoinOutput<typename F::Output> Take() { return *std::move(output_); }

 private:
  bool PollFuture(Context& cx) {
    auto poll = PollChild(*future_, cx);
    if (poll.pending()) return false;
    future_.reset();
    output_.emplace(ToJoinOutput(*std::move(poll)));
    return true;
  }

  std::optional<F> future_;
  std::optional<JoinOutput<typename F::Output>> output_;
};

// A future, or a function without parameters that makes one inside the runtime.
template <class F>
auto AsFuture(F&& f) {
  if constexpr (IsFuture<std::decay_t<F>>) {
    return std::decay_t<F>(std::forward<F>(f));
  } else {
    return Lazy(std::forward<F>(f));
  }
}

template <class F>
auto BlockOnCore(RuntimeCore& core, F&& f, base::SourceLocation place) {
  // What `f` borrows from the caller changes while this runs. gcc 12 (-O1, ipa-modref) loses sight of that in AsFuture and
  // would keep the caller's variables in registers; this says that the addresses in `f` are known elsewhere.
  __asm__ volatile("" : : "r"(&f) : "memory");
  auto future = AsFuture(std::forward<F>(f));
  using Future = decltype(future);
  // In a child of fork(): before any lock of its, and any list with what lay on the parent's stacks.
  if (core.fork_mark.inherited()) return JoinOutput<typename Future::Output>(InheritedError("BlockOn"));
  RootOf<Future> root(std::move(future), place);
  const RootFutures::Listed listed(core.roots, root);
  Status status = core.BlockOn(root);
  if (!status.ok()) return JoinOutput<typename Future::Output>(core.Explain(std::move(status)));
  return root.Take();
}

}  // namespace internal

// While it lives, this thread belongs to the runtime: Spawn, Sleep and sockets find it. Ends on the thread that made it, in
// reverse order of making.
class [[nodiscard]] EnterGuard {
 public:
  explicit EnterGuard(std::shared_ptr<internal::RuntimeCore> core)
      : core_(std::move(core)), scope_(core_.get(), &core_->drivers) {}

 private:
  const std::shared_ptr<internal::RuntimeCore> core_;
  const internal::ContextScope scope_;
};

// A copyable reference to a runtime, for other threads. It keeps the runtime's memory, not its tasks. Any thread.
class Handle {
 public:
  explicit Handle(std::shared_ptr<internal::RuntimeCore> core) : core_(std::move(core)) {}

  // The runtime entered on this thread; IsOutsideRuntime's sentence if there is none.
  static StatusOr<Handle> Current();

  template <class F>
  internal::HandleFor<F> Spawn(F&& future, TaskOptions options = {},
                               base::SourceLocation place = base::SourceLocation::Current()) const {
    if constexpr (internal::MaySpawn<F>()) {
      return internal::SpawnOn(core_.get(), std::move(future), /*local=*/false, std::move(options), place);
    } else {
      return {};
    }
  }
  // Spawn(future, on_done), on this runtime: spawn_callback.h.
  template <class F, class Fn, internal::IfOnDone<F, Fn> = 0>
  AbortHandle Spawn(F&& future, Fn on_done, TaskOptions options = {},
                    base::SourceLocation place = base::SourceLocation::Current()) const {
    return Spawn(internal::WithOnDone(std::forward<F>(future), std::move(on_done)), std::move(options), place).abort_handle();
  }
  // As Runtime::BlockOn.
  template <class F>
  auto BlockOn(F&& f, base::SourceLocation place = base::SourceLocation::Current()) const {
    return internal::BlockOnCore(*core_, std::forward<F>(f), place);
  }
  EnterGuard Enter() const { return EnterGuard(core_); }
  // What every task is doing, and every BlockOn: task_dump.h. Any thread, any time.
  RuntimeDump Dump(const DumpOptions& options = {}) const { return internal::DumpTasks(*core_, options, core_->drivers.clock.Now()); }
  size_t live_tasks() const { return core_->owned.size(); }
  // SpawnBlocking and TrySpawnBlocking, on the threads of this runtime.
  template <class Fn>
  auto SpawnBlocking(Fn fn, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) const {
    return internal::SpawnBlockingOn(core_->blocking.get(), std::move(fn), std::move(options), place);
  }
  template <class Fn>
  auto TrySpawnBlocking(Fn&& fn, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) const {
    if constexpr (internal::MayTrySpawnBlocking<Fn>()) {
      return internal::TrySpawnBlockingAt(internal::BlockingPlace::Take(core_->blocking), std::forward<Fn>(fn), std::move(options), place);
    }
  }
  RuntimeFlavor flavor() const { return core_->flavor(); }
  // What the runtime has done and has to do, in numbers.
  RuntimeMetrics metrics() const { return RuntimeMetrics(core_); }
  // The runtime's: no other one of this process has the same, nor has a LocalSet. From 1.
  uint64_t id() const { return core_->runtime_id; }
  const std::string& name() const { return core_->name(); }  // "" without RuntimeBuilder::Name
  // See Runtime::trace_hash.
  uint64_t trace_hash() const { return core_->trace_hash(); }

 private:
  std::shared_ptr<internal::RuntimeCore> core_;
};

class [[nodiscard]] Runtime {
 public:
  // As RuntimeBuilder::MultiThread() and CurrentThread() without a word more.
  static StatusOr<Runtime> MultiThread();
  static StatusOr<Runtime> CurrentThread();
  // A guest on the host's loop: tasks run inside the loop's own turns, on its thread; the host drives. Called on that
  // thread. The loop must outlive the guest's handles.
  static StatusOr<Runtime> Attach(uv_loop_t* loop);

  Runtime(Runtime&&) = default;
  Runtime& operator=(Runtime&& other) noexcept;
  // Ends every task; waits for what runs, unless Shutdown was called before and has waited, or ShutdownBackground or Detach,
  // which say not to. Inside a task: does not wait.
  // In a child of fork(), of a runtime that the parent made: nothing. There BlockOn, Spawn, SpawnBlocking, Detach and Shutdown are
  // refused with a sentence that says so, and a dump is empty; nothing else is to be called.
  // With tasks of SpawnLocal: on their thread (a checked error elsewhere). Attached: Detach; does not wait for it.
  ~Runtime();

  // Runs `f`, a future or a function that makes one, to its end on this thread, driving the runtime if it is a
  // current-thread one. Gives its output, as a JoinHandle would. Errors: called inside a task, or of an attached
  // runtime (kFailedPrecondition), or after Shutdown. A Shutdown meanwhile ends it with IsShutdown, at the point where
  // the future waits for the first time after everything else has ended; the future is destroyed on this thread.
  template <class F>
  auto BlockOn(F&& f, base::SourceLocation place = base::SourceLocation::Current()) const {
    return internal::BlockOnCore(*core_, std::forward<F>(f), place);
  }
  template <class F>
  internal::HandleFor<F> Spawn(F&& future, TaskOptions options = {},
                               base::SourceLocation place = base::SourceLocation::Current()) const {
    return handle().Spawn(std::forward<F>(future), std::move(options), place);
  }
  template <class F, class Fn, internal::IfOnDone<F, Fn> = 0>
  AbortHandle Spawn(F&& future, Fn on_done, TaskOptions options = {},
                    base::SourceLocation place = base::SourceLocation::Current()) const {
    return handle().Spawn(std::forward<F>(future), std::move(on_done), std::move(options), place);
  }
  template <class Fn>
  auto SpawnBlocking(Fn fn, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) const {
    return handle().SpawnBlocking(std::move(fn), std::move(options), place);
  }
  template <class Fn>
  auto TrySpawnBlocking(Fn&& fn, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) const {
    return handle().TrySpawnBlocking(std::forward<Fn>(fn), std::move(options), place);
  }
  Handle handle() const { return Handle(core_); }
  RuntimeMetrics metrics() const { return RuntimeMetrics(core_); }
  EnterGuard Enter() const { return EnterGuard(core_); }
  // What every task is doing, and every BlockOn: task_dump.h. Any thread, any time.
  RuntimeDump Dump(const DumpOptions& options = {}) const { return internal::DumpTasks(*core_, options, core_->drivers.clock.Now()); }

  // Refuses new tasks, ends all others by destroying their futures, and waits until they are gone, at most so long. Says
  // what was left: a task inside a poll that does not return can not be ended; its thread is left alone. Idempotent.
  // Inside a task: does not wait. A BlockOn that is under way ends with IsShutdown. Tasks of SpawnLocal are ended on the
  // thread that spawned them only: elsewhere they are left, and reported. Attached, on another thread than the loop's:
  // waits for a turn of the loop.
  ShutdownReport Shutdown(std::chrono::nanoseconds at_most = std::chrono::hours(24 * 365));
  // The same without waiting, from anywhere, tasks too.
  void ShutdownBackground();

  // Of a deterministic runtime (StartPaused and ShuffleReadyTasks): a hash of all that its tasks went through so far, in
  // order: which was woken or polled when, and how the poll ended. The same hash, the same run. 0 for any other runtime.
  uint64_t trace_hash() const { return core_->trace_hash(); }

  // Attached only: ends every task, closes the five handles, and calls `done` in a later turn, all on the loop's thread:
  // now, if it is this one; at the end of its turn, if a task calls; in its next turn, if another thread does.
  Status Detach(void (*done)(void*), void* arg);

 private:
  friend class HostedRuntime;
  friend class RuntimeBuilder;
  explicit Runtime(std::shared_ptr<internal::RuntimeCore> core) : core_(std::move(core)) {}
  void End();

  std::shared_ptr<internal::RuntimeCore> core_;  // null once moved from
};

class RuntimeBuilder {
 public:
  // Defined in //runtime/scheduler:multi_thread: a program that never says it links no work stealing.
  static RuntimeBuilder MultiThread();
  static RuntimeBuilder CurrentThread() { return RuntimeBuilder(nullptr); }

  // Workers of a multi-thread runtime, at least 1. Default: KIOTO_WORKER_THREADS, else the CPUs this process may use.
  RuntimeBuilder& WorkerThreads(int threads);
  // The runtime's own name, for Handle::name, reports and ToPrometheus. Not blank.
  RuntimeBuilder& Name(std::string name);
  // What workers are called: with "-" and their index behind it; or, of worker i, what the function gives. Debuggers show the
  // first 15 bytes.
  RuntimeBuilder& ThreadName(std::string name);
  RuntimeBuilder& ThreadName(Hook<std::string(int)> name);
  // Multi-thread only: worker i stays on processor cpus[i % cpus.size()], where the system can do that.
  RuntimeBuilder& PinWorkers(std::vector<int> cpus);
  RuntimeBuilder& ThreadStackSize(size_t bytes);
  RuntimeBuilder& WithoutIo();
  RuntimeBuilder& WithoutTime();
  // Current-thread only: the clock stands still, and jumps to the next timer when there is nothing else to do.
  RuntimeBuilder& StartPaused();
  RuntimeBuilder& WithoutLifoSlot();
  // Without the thread that relieves and reports a worker in a long poll. For measuring what it is worth.
  RuntimeBuilder& WithoutMonitor();
  // Age and number of polls of every task, not only of those with a name, for dumps. A small allocation and a clock read for
  // each spawn.
  RuntimeBuilder& TaskDetails();
  // Polls between two looks at the driver and at the tasks from other threads, at least 1. Default: 61; on a multi-thread
  // runtime so many, from 2 to 61, as take 200 us of late.
  RuntimeBuilder& EventInterval(uint32_t polls);
  // The same for the tasks from other threads alone, at least 1. Default: together with the driver.
  RuntimeBuilder& GlobalQueueInterval(uint32_t polls);
  // What chance decides (Select's first branch, the order of ShuffleReadyTasks, who steals from whom) starts from here: a
  // current-thread runtime then repeats itself exactly.
  RuntimeBuilder& Seed(uint64_t seed);
  // Current-thread only, for tests that look for a bad order: runs a random one of the tasks that are ready, by the seed.
  // With StartPaused the runtime is deterministic: the same seed runs the same program in the same order, in any process,
  // as long as it keeps to tasks, timers and kioto/sync (threads and sockets bring chance of their own). Its clock begins
  // at the same time in every run: a time::Instant taken outside means nothing there.
  RuntimeBuilder& ShuffleReadyTasks();
  RuntimeBuilder& MaxBlockingThreads(int threads);
  // Jobs that may wait while all threads that there may be have one; what comes then is refused: kResourceExhausted. 0: none waits.
  RuntimeBuilder& BlockingQueue(size_t jobs);
  RuntimeBuilder& BlockingKeepAlive(std::chrono::nanoseconds idle);
  // What the threads of the blocking pool are called, all the same.
  RuntimeBuilder& BlockingThreadName(std::string name);
  // Turns the histogram of poll times on: one poll of so many is timed, by chance; 1: each one. Two clock reads cost more than
  // a yield, so the default is one of 16: about 3 ns a poll. On which scale: default HistogramScale().
  RuntimeBuilder& MeasurePollTimes(uint32_t every = limits::kPollTimeEvery);
  RuntimeBuilder& PollTimeScale(StatusOr<HistogramScale> scale);
  // Turns the histogram of how long ready tasks wait for their poll on, and tells it to the hooks around a poll: a clock read at
  // each schedule and another at each poll, and a small allocation a task.
  RuntimeBuilder& MeasureScheduleLatency();
  RuntimeBuilder& ScheduleLatencyScale(StatusOr<HistogramScale> scale);
  // Called for each task, and each blocking job, that fails with nobody to join it, on the thread where it ended or, if its handle
  // is dropped only later, on that one, if it has entered this runtime; instead of the log.
  RuntimeBuilder& OnUnhandled(Hook<void(const UnhandledFailure&)> hook);
  // Tells `sink` of every task, park and span, on the threads where they happen; kept until the runtime's last thread has ended.
  RuntimeBuilder& Trace(std::shared_ptr<TraceSink> sink);
  // Called once for each poll of a multi-thread runtime that takes longer than 25 ms, while it still goes on, on the
  // monitor's thread, which relieves stuck workers: be short, and do not block; instead of the log. At most
  // limits::kStallBurst at once and limits::kStallsPerSecond in the long run, so that a program that is slow everywhere is not
  // slowed by its reports: each interrupts the worker for its stack.
  RuntimeBuilder& OnStall(Hook<void(const StallReport&)> hook);
  // Such a failure, once told, also stops the runtime: its BlockOn ends with IsShutdown, and a sentence that says which task it
  // was. Without: the others go on.
  RuntimeBuilder& ShutDownOnUnhandled();

  // Hooks: called on the thread where it happens, again and again, by several threads at once. They must not block.
  // First and last on each thread that the runtime starts, those of the blocking pool too, but not the monitor.
  RuntimeBuilder& OnThreadStart(Hook<void()> hook);
  RuntimeBuilder& OnThreadStop(Hook<void()> hook);
  // Before and after the sleep of a thread that runs tasks and has nothing to do. What the first one wakes or spawns is run
  // instead of sleeping.
  RuntimeBuilder& OnThreadPark(Hook<void()> hook);
  RuntimeBuilder& OnThreadUnpark(Hook<void()> hook);
  // A task was accepted; its future was destroyed (once for each that was accepted); around each poll of it. Not of blocking
  // jobs, nor of the future of BlockOn.
  RuntimeBuilder& OnTaskSpawn(Hook<void(const TaskMeta&)> hook);
  RuntimeBuilder& OnTaskTerminate(Hook<void(const TaskMeta&)> hook);
  RuntimeBuilder& OnPollStart(Hook<void(const TaskMeta&)> hook);
  RuntimeBuilder& OnPollStop(Hook<void(const TaskMeta&)> hook);

  // Errors: an invalid knob (kInvalidArgument, naming it), or what the system refused.
  StatusOr<Runtime> Build();
  // The same as Runtime::Attach, with these knobs.
  StatusOr<Runtime> Attach(uv_loop_t* loop);

 private:
  friend class HostedRuntime;
  using MakeCore = StatusOr<std::shared_ptr<internal::RuntimeCore>> (*)(const internal::RuntimeOptions&);

  explicit RuntimeBuilder(MakeCore make_multi_thread) : make_multi_thread_(make_multi_thread) {}
  Status Check();
  Status CheckCpus();

  const MakeCore make_multi_thread_;  // null: current-thread
  internal::RuntimeOptions options_;
  Status bad_scale_;
};

namespace internal {
int ExitCode(const Status& status);
void MainHasEnded(bool ended);  // whether signals that nobody listens to any more do what they did before
}  // namespace internal

// A program's main: runs `f` on a multi-thread runtime, or on what `builder` makes, shuts down, and gives the exit code: 0 for
// OK; else 1, after printing the status to stderr: its code and message, where an errno's name stands, without the payloads.
// A value is dropped; for other exit codes build a Runtime and BlockOn. The end waits without limit for jobs of the blocking
// pool: a program that reads io::Stdin ends with its next line. Once `f` has its output, signals that nobody listens to any more
// do what they did before: a second Ctrl-C ends a program that waits so. Links //:rt_multi_thread, whatever the builder.
template <class F>
int Main(F&& f, RuntimeBuilder builder = RuntimeBuilder::MultiThread(),
         base::SourceLocation place = base::SourceLocation::Current()) {
  StatusOr<Runtime> runtime = std::move(builder).Build();
  if (!runtime.ok()) return internal::ExitCode(runtime.status());
  internal::MainHasEnded(false);
  auto output = runtime->BlockOn(std::forward<F>(f), place);
  internal::MainHasEnded(true);
  return internal::ExitCode(internal::StatusIn(output));
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_RUNTIME_H_
