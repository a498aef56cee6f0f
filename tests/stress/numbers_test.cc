// Numbers that futures and tasks must keep: how much stack, how many polls, how often, and nothing left behind.
#include <pthread.h>
#include <sys/mman.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/scope.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/notify.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/timeout.h"

#if KIOTO_EXCEPTIONS
#include <stdexcept>
#endif

namespace kioto {
namespace {

using namespace std::chrono_literals;

// --- Stack ------------------------------------------------------------------------------------------------------------

struct OnStack {
  void (*run)(void*);
  void* arg;
};

// How many bytes of its stack a thread has written that runs `fn`.
template <class Fn>
size_t StackOf(Fn fn) {
  constexpr size_t kSize = 16 << 20;
  constexpr unsigned char kUntouched = 0xa5;
  void* stack = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(stack, MAP_FAILED);
  std::memset(stack, kUntouched, kSize);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstack(&attributes, stack, kSize);
  OnStack on_stack{[](void* arg) { (*static_cast<Fn*>(arg))(); }, &fn};
  pthread_t thread;
  const auto body = [](void* arg) -> void* {
    auto* on_stack = static_cast<OnStack*>(arg);
    on_stack->run(on_stack->arg);
    return nullptr;
  };
  EXPECT_EQ(::pthread_create(&thread, &attributes, body, &on_stack), 0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
  const auto* bytes = static_cast<const unsigned char*>(stack);
  size_t untouched = 0;
  while (untouched < kSize && bytes[untouched] == kUntouched) ++untouched;
  ::munmap(stack, kSize);
  return kSize - untouched;
}

class BigFuture : public FutureBase<BigFuture, int> {
 public:
  Poll<int> PollOnce(Context&) { return bytes_[0] + 7; }

 private:
  char bytes_[1 << 20] = {};
};

// check: H4
TEST(NumbersTest, AFutureOfAMebibyteIsNotCopiedThroughTheStack) {
  const size_t nothing = StackOf([] { (void)*Runtime::CurrentThread(); });
  const size_t used = StackOf([] {
    Runtime runtime = *Runtime::CurrentThread();
    auto big = std::make_unique<BigFuture>();
    EXPECT_EQ(*runtime.BlockOn(runtime.Spawn(std::move(*big))), 7);
  });
  std::printf("spawned and joined: %zu bytes of stack (%zu without)\n", used, nothing);
  EXPECT_LE(used, nothing + (64 << 10));
}

// Steps that are ready at once: a loop of them, a stream of them, and tasks that spawn the next.
auto ReadyLoop(int rounds) {
  return With(rounds, [](int& left) {
    return Loop([&left] {
      return Ready(1).Then([](int& n) { return Ready(n); }).Then([&left](int& n) { return If((left -= n) == 0, Break, Continue); });
    });
  });
}

Future<Status> ChainOfTasks(int left) {
  if (left == 0) return OkStatus();
  return Lazy([left] { Spawn(ChainOfTasks(left - 1)).Detach(); }).Then([](Unit&) { return OkStatus(); }).Boxed();
}

// check: H5
TEST(NumbersTest, AHundredThousandStepsNeedNoMoreStackThanOne) {
  constexpr int kSteps = 100'000;
  const auto run = [](int steps) {
    Runtime runtime = *Runtime::CurrentThread();
    EXPECT_EQ(runtime.BlockOn(ReadyLoop(steps)), OkStatus());
    EXPECT_EQ(runtime.BlockOn(ChainOfTasks(steps)), OkStatus());
    while (runtime.handle().live_tasks() > 0) (void)runtime.BlockOn(YieldNow());
  };
  const size_t one = StackOf([&] { run(1); }), many = StackOf([&] { run(kSteps); });
  const size_t none = StackOf([] {});  // what is local to a thread lies there too, and a sanitizer has much of it
  std::printf("%zu bytes of stack for one step, %zu for %d (%zu without)\n", one, many, kSteps, none);
  EXPECT_LE(many, one + 4096);
  EXPECT_LE(many, none + (size_t{256} << 10));
}

// --- Wide joins -------------------------------------------------------------------------------------------------------

// Ready once `go`, and counts how often it is asked.
struct Leaf {
  bool go = false;
  int polls = 0;
  Waker waker;
};

class LeafFuture : public FutureBase<LeafFuture, int> {
 public:
  explicit LeafFuture(Leaf& leaf) : leaf_(&leaf) {}
  Poll<int> PollOnce(Context& cx) {
    ++leaf_->polls;
    if (leaf_->go) return 1;
    leaf_->waker = cx.waker();
    return kPending;
  }

 private:
  Leaf* leaf_;
};

// Wakes the children of a join one by one, a poll of the join for each. How long that took.
int64_t JoinOf(Runtime& runtime, int children) {
  std::vector<Leaf> leaves(static_cast<size_t>(children));
  std::vector<LeafFuture> futures;
  for (Leaf& leaf : leaves) futures.emplace_back(leaf);
  const int64_t start = base::MonotonicNanos();
  JoinHandle<std::vector<int>> join = runtime.Spawn(JoinAll(std::move(futures)));
  (void)runtime.BlockOn(YieldNow());
  EXPECT_EQ(runtime.BlockOn(With(size_t{0}, [&leaves](size_t& next) {
              return Loop([&] {
                leaves[next].go = true;
                std::exchange(leaves[next].waker, Waker()).Wake();
                return YieldNow().Then([&](Unit&) { return If(++next == leaves.size(), Break, Continue); });
              });
            })), OkStatus());
  EXPECT_EQ(runtime.BlockOn(std::move(join))->size(), leaves.size());
  const int64_t took = base::MonotonicNanos() - start;
  int polls = 0;
  for (const Leaf& leaf : leaves) polls += leaf.polls;
  EXPECT_EQ(polls, 2 * children) << "one poll each, and one more for its wake";
  return took;
}

// check: H6
TEST(NumbersTest, AJoinOfTwiceAsManyTakesTwiceAsLong) {
  Runtime runtime = *Runtime::CurrentThread();
  double ratio = 0;
  for (int attempt = 0; attempt < 25; ++attempt) {  // the machine does other things too
    const int64_t half = JoinOf(runtime, 10'000), full = JoinOf(runtime, 20'000);
    ratio = static_cast<double>(full) / static_cast<double>(half);
    if (ratio <= 2.3) break;
  }
  std::printf("20,000 children take %.2f times as long as 10,000\n", ratio);
  EXPECT_LE(ratio, 2.3);
}

// --- Ends -------------------------------------------------------------------------------------------------------------

#if KIOTO_EXCEPTIONS

// Throws at its n-th poll, having held a Counted so long.
auto Throws(int polls) {
  return PollFn([left = polls, held = Counted()](Context& cx) mutable -> Poll<Status> {
    if (--left == 0) throw std::runtime_error("on purpose");
    cx.waker().Wake();
    return kPending;
  });
}

// In the poll of a leaf, in a step, in a round of a loop, in a handler of Select.
Future<Status> ThrowsSomewhere(base::FastRandom& random) {
  switch (random.Below(4)) {
    case 0:
      return Throws(static_cast<int>(random.Below(3)) + 1).Boxed();
    case 1:
      return YieldNow().Then([held = Counted()](Unit&) -> Status { throw std::runtime_error("in a step"); }).Boxed();
    case 2:
      return Loop([held = Counted()]() -> Future<Flow<>> { throw std::runtime_error("in a loop"); })
          .Then([](Unit&) { return OkStatus(); })
          .Boxed();
    default:
      return SelectBiased(Case(YieldNow(), [held = Counted()](Unit&) -> Status { throw std::runtime_error("in a handler"); }))
          .Boxed();
  }
}

// check: H2
TEST(NumbersTest, TenThousandThrowsHurtNobodyElse) {
  const int throws = Scaled(10'000);
  base::Atomic<int> reported{0};
  {
    Runtime runtime = *RuntimeBuilder::MultiThread()
                           .WorkerThreads(2)
                           .OnUnhandled([](const internal::UnhandledFailure&,
                                           void* count) { static_cast<base::Atomic<int>*>(count)->fetch_add(1); },
                                        &reported)
                           .Build();
    base::FastRandom random(10'000);
    int joined = 0, thrown = 0, siblings = 0;
    for (int i = 0; i < throws; ++i) {
      JoinHandle<Status> bad = runtime.Spawn(ThrowsSomewhere(random));
      JoinHandle<int> good = runtime.Spawn(YieldNow().Then([](Unit&) { return 7; }));
      if (i % 2 == 0) {
        std::move(bad).Detach();
      } else {
        ++joined;
        thrown += IsThrown(runtime.BlockOn(std::move(bad)));
      }
      siblings += *runtime.BlockOn(std::move(good)) == 7;
    }
    EXPECT_TRUE(runtime.Shutdown().live_tasks == 0);
    EXPECT_EQ(thrown, joined);
    EXPECT_EQ(siblings, throws);
  }
  EXPECT_LE(reported.load(), (throws + 1) / 2);
  EXPECT_GT(reported.load(), 0) << "those that had not ended when their handle was dropped";
  EXPECT_EQ(Counted::alive(), 0);
}

#endif

// Knows where it may be destroyed.
class AtHome {
 public:
  explicit AtHome(base::Atomic<int>& away) : away_(&away), home_(std::this_thread::get_id()) {}
  AtHome(AtHome&& other) noexcept : away_(std::exchange(other.away_, nullptr)), home_(other.home_) {}
  AtHome(const AtHome&) = delete;
  ~AtHome() {
    if (away_ != nullptr && std::this_thread::get_id() != home_) away_->fetch_add(1);
  }

 private:
  base::Atomic<int>* away_;
  std::thread::id home_;
};

// check: H3
TEST(NumbersTest, TasksOfAThreadThatOthersAbortAreDestroyedThere) {
  constexpr int kBatch = 2'000;
  const int batches = Scaled(250'000 / kBatch);
  base::Atomic<int> away{0};
  sync::Notify never;
  Runtime runtime = *Runtime::CurrentThread();
  int aborted = 0;
  for (int batch = 0; batch < batches; ++batch) {
    std::vector<AbortHandle> aborts;
    (void)runtime.BlockOn([&] {
      return Lazy([&] {
        for (int i = 0; i < kBatch; ++i) {
          JoinHandle<Unit> task = SpawnLocal(never.Notified().Then([home = AtHome(away), held = Counted()](Unit&) {}));
          aborts.push_back(task.abort_handle());
          std::move(task).Detach();
        }
      });
    });
    base::Atomic<bool> done{false};
    std::thread other([&] {
      for (const AbortHandle& abort : aborts) abort.Abort();
      done.store(true);
    });
    while (!done.load() || runtime.handle().live_tasks() > 0) (void)runtime.BlockOn(YieldNow());
    other.join();
    aborted += kBatch;
  }
  std::printf("%d tasks aborted from another thread\n", aborted);
  EXPECT_EQ(away.load(), 0);
  EXPECT_EQ(Counted::alive(), 0);
}

// --- Scopes -----------------------------------------------------------------------------------------------------------

// A tree of scopes: each has children that are scopes, until chance says that one is a leaf, which waits, fails, or is ready.
Future<Status> Tree(uint64_t seed, int depth) {
  base::FastRandom random(seed);
  const uint32_t what = random.Below(8);
  if (depth == 0 || what < 2) {
    if (random.Below(8) == 0) return Lazy([held = Counted()]() -> Status { return absl::AbortedError("on purpose"); }).Boxed();
    return YieldNow().Then([held = Counted()](Unit&) { return OkStatus(); }).Boxed();
  }
  const int children = static_cast<int>(random.Below(3)) + 1;
  const bool leaves = random.Below(3) == 0;  // the body ends before its children
  return Scoped(Counted(), [seed, depth, children, leaves](Scope& scope, Counted&) {
           for (int i = 0; i < children; ++i) scope.Spawn(Tree(seed * 31 + static_cast<uint64_t>(i) + 1, depth - 1));
           return If(leaves, [] { return Ready(OkStatus()); }, [&scope] { return scope.Wait(); });
         })
      .Boxed();
}

// check: H7
TEST(NumbersTest, NothingIsLeftOfAHundredThousandTreesOfScopes) {
  const int trees = Scaled(100'000);
  int good = 0, failed = 0, late = 0;
  {
    Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
    for (int i = 0; i < trees; ++i) {
      Future<Status> tree = Tree(static_cast<uint64_t>(i) * 7919 + 1, 3);
      const Status status = i % 3 == 0 ? runtime.BlockOn([&] { return Timeout(std::chrono::microseconds(i % 50), std::move(tree)); })
                                       : runtime.BlockOn(std::move(tree));
      ++(status.ok() ? good : IsElapsed(status) ? late : failed);
    }
    while (runtime.handle().live_tasks() > 0) std::this_thread::yield();  // children of trees that were dropped
    EXPECT_EQ(Counted::alive(), 0);
  }
  std::printf("%d trees: %d good, %d failed, %d too late\n", trees, good, failed, late);
  EXPECT_GT(good, 0);
  EXPECT_GT(failed, 0);
  EXPECT_GT(late, 0);
}

}  // namespace
}  // namespace kioto
