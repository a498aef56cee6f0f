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
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/scope.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/notify.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/timeout.h"

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
    auto boxed = std::make_unique<BigFuture>();
    EXPECT_EQ(*runtime.BlockOn(std::move(*boxed).Boxed()), 7);
  });
  std::printf("spawned and joined, and boxed: %zu bytes of stack (%zu without)\n", used, nothing);
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

// Each of the two with so many steps.
void RunSteps(int steps) {
  Runtime runtime = *Runtime::CurrentThread();
  EXPECT_EQ(runtime.BlockOn(ReadyLoop(steps)), OkStatus());
  EXPECT_EQ(runtime.BlockOn(ChainOfTasks(steps)), OkStatus());
  while (runtime.handle().live_tasks() > 0) (void)runtime.BlockOn(YieldNow());
  EXPECT_EQ(runtime.metrics().worker(0).polls, static_cast<uint64_t>(steps)) << "a task is polled once";
}

// check: H5
TEST(NumbersTest, AHundredThousandStepsNeedNoMoreStackThanOne) {
  constexpr int kSteps = 100'000;
  const size_t one = StackOf([] { RunSteps(1); }), many = StackOf([] { RunSteps(kSteps); });
  const size_t none = StackOf([] {});  // what is local to a thread lies there too, and a sanitizer has much of it
  std::printf("%zu bytes of stack for one step, %zu for %d (%zu without)\n", one, many, kSteps, none);
  EXPECT_LE(many, one + 4096);
  EXPECT_LE(many, none + (size_t{256} << 10));
}

// check: H5
TEST(NumbersTest, TwiceAsManyStepsTakeTwiceAsLong) {
  const int steps = Scaled(50'000);
  EXPECT_TRUE(MostlyWithinItsBound([steps] {
    const double ratio = TimesAsLong(steps, RunSteps);
    std::printf("%d steps take %.2f times as long as %d\n", 2 * steps, ratio, steps);
    return ratio <= kTwiceAsLong;
  }));
}

// --- Many at once -----------------------------------------------------------------------------------------------------

// Ready once `go`, and counts how often it is asked.
struct Leaf {
  bool go = false;
  int polls = 0;
  Waker waker;

  void Go() {
    go = true;
    std::exchange(waker, Waker()).Wake();
  }
};

class LeafFuture : public FutureBase<LeafFuture, Status> {
 public:
  explicit LeafFuture(Leaf& leaf) : leaf_(&leaf) {}
  Poll<Status> PollOnce(Context& cx) {
    ++leaf_->polls;
    if (leaf_->go) return OkStatus();
    leaf_->waker = cx.waker();
    return kPending;
  }

 private:
  Leaf* leaf_;
};

std::vector<LeafFuture> FuturesOf(std::vector<Leaf>& leaves) { return std::vector<LeafFuture>(leaves.begin(), leaves.end()); }

// All of them at work at once.
auto StreamOf(std::vector<Leaf>& leaves) {
  const auto at_once = static_cast<uint32_t>(leaves.size());
  return stream::From(FuturesOf(leaves)).BufferUnordered(at_once, [](LeafFuture& leaf) { return ByRef(leaf); });
}

// Runs what `make` makes of so many leaves, which are woken one by one, with a turn for whoever waits after each: all, or one if
// that is enough. Each is polled once for its wake, and so often before.
enum class Until : uint8_t { kFirst, kAll };
template <class Make>
void RunOf(int children, Until until, int first_polls, Make make) {
  Runtime runtime = *Runtime::CurrentThread();
  std::vector<Leaf> leaves(static_cast<size_t>(children));
  JoinHandle<Unit> task = runtime.Spawn(make(leaves).Then([](auto&) {}));
  while (leaves.back().polls == 0) (void)runtime.BlockOn(YieldNow());
  const int woken = until == Until::kAll ? children : 1;
  EXPECT_EQ(runtime.BlockOn(With(0, [&leaves, woken](int& next) {
              return Loop([&leaves, &next, woken] {
                leaves[static_cast<size_t>(next)].Go();
                return YieldNow().Then([&next, woken](Unit&) { return If(++next == woken, Break, Continue); });
              });
            })), OkStatus());
  EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
  int polls = 0;
  for (const Leaf& leaf : leaves) polls += leaf.polls;
  EXPECT_LE(polls, first_polls * children + woken);
}

template <class Make>
void ExpectLinear(const char* what, Until until, int first_polls, Make make) {
  EXPECT_TRUE(MostlyWithinItsBound([&] {
    const double ratio = TimesAsLong(10'000, [&](int children) { RunOf(children, until, first_polls, make); });
    std::printf("%s of 20,000 takes %.2f times as long as of 10,000\n", what, ratio);
    return ratio <= kTwiceAsLong;
  }));
}

// Select and Race take 64 at most; the first of any number is a stream's. A stream polls what it begins, and once more, for its
// places begin as woken.
// check: H6
TEST(NumbersTest, AJoinOfTwiceAsManyTakesTwiceAsLong) {
  ExpectLinear("JoinAll", Until::kAll, 1, [](auto& leaves) { return JoinAll(FuturesOf(leaves)); });
  ExpectLinear("TryJoinAll", Until::kAll, 1, [](auto& leaves) { return TryJoinAll(FuturesOf(leaves)); });
  ExpectLinear("BufferUnordered", Until::kAll, 2, [](auto& leaves) {
    return StreamOf(leaves).template Collect<std::vector<Status>>();
  });
  ExpectLinear("the first of a stream", Until::kFirst, 2, [](auto& leaves) {
    return With(StreamOf(leaves), [](auto& many) { return many.Next(); });
  });
}

// --- Ends -------------------------------------------------------------------------------------------------------------

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
  const int batches = Scaled(1'000'000 / kBatch);
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

// One of the children of a scope, until it is destroyed.
class Child {
 public:
  using Count = std::shared_ptr<base::Atomic<int>>;
  explicit Child(Count alive) : alive_(std::move(alive)) { alive_->fetch_add(1); }
  Child(Child&& other) noexcept = default;
  ~Child() {
    if (alive_ != nullptr) alive_->fetch_sub(1);
  }

 private:
  Count alive_;
};

// Fails, is ready after a turn or, if it may, never ends by itself.
Future<Status> LeafOfTree(base::FastRandom& random, bool endless) {
  const uint32_t what = random.Below(8);
  if (what == 0) return Lazy([held = Counted()]() -> Status { return absl::AbortedError("on purpose"); }).Boxed();
  if (endless && what < 6) return Never().Then([held = Counted()](Unit&) { return OkStatus(); }).Boxed();
  return YieldNow().Then([held = Counted()](Unit&) { return OkStatus(); }).Boxed();
}

// A tree of scopes: each has children that are scopes, until chance says that one is a leaf. A scope ends because its body does,
// or one of its children fails: then the others may be endless, as they may if somebody ends the whole scope; else when all have
// ended. When it is over, none of its children is left. (Of children that were scopes themselves and were cancelled, children may
// be: they were told to end, and nobody waits for them.)
Future<Status> Tree(uint64_t seed, int depth, bool endless) {
  base::FastRandom random(seed);
  if (depth == 0 || random.Below(4) == 0) return LeafOfTree(random, endless);
  const int children = static_cast<int>(random.Below(3)) + 1;
  const uint32_t end = random.Below(8);
  const bool by_body = end < 3, by_failure = end == 3;
  const auto alive = std::make_shared<base::Atomic<int>>(0);
  return Scoped(Counted(), [=](Scope& scope, Counted&) {
           for (int i = 0; i < children; ++i) {
             scope.Spawn(Tree(seed * 31 + static_cast<uint64_t>(i) + 1, depth - 1, endless || by_body || by_failure)
                             .Map([child = Child(alive)](Status status) { return status; }));
           }
           if (by_failure) {
             scope.Spawn(Lazy([child = Child(alive)]() -> Status { return absl::AbortedError("the scope's end"); }));
           }
           return If(by_body, [] { return YieldNow().Then([](Unit&) { return OkStatus(); }); }, [&scope] { return scope.Wait(); });
         })
      .Map([alive](Status status) {
        EXPECT_EQ(alive->load(), 0) << "children are left of a scope that is over";
        return status;
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
      const bool has_deadline = i % 3 == 0;
      Future<Status> tree = Tree(static_cast<uint64_t>(i) * 7919 + 1, 3, /*endless=*/i % 30 == 0);
      const Status status = has_deadline ? runtime.BlockOn([&] { return Timeout(std::chrono::microseconds(i % 50), std::move(tree)); })
                                         : runtime.BlockOn(std::move(tree));
      ++(status.ok() ? good : IsElapsed(status) ? late : failed);
      while (runtime.handle().live_tasks() > 0) std::this_thread::yield();  // children of scopes that were dropped
      ASSERT_EQ(Counted::alive(), 0) << "tree " << i;
      ASSERT_FALSE(HasFailure()) << "tree " << i;
    }
  }
  std::printf("%d trees: %d good, %d failed, %d too late\n", trees, good, failed, late);
  EXPECT_GT(good, 0);
  EXPECT_GT(failed, 0);
  EXPECT_GT(late, 0);
}

}  // namespace
}  // namespace kioto
