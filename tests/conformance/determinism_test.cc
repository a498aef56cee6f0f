// The deterministic runtime: the same seed, the same run. Of a program of channels, timers, selects and semaphores.
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/semaphore.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  uint64_t hash;
  std::string output;

  bool operator==(const Outcome& other) const { return hash == other.hash && output == other.output; }
};

// What the tasks of one run share, and say.
struct Shared {
  sync::Semaphore permits{2};
  sync::Notify stop;
  std::string output;

  void Say(char who) { output += who; }
};

// Waits for different times with different permits; those of one millisecond are due together, and some have come down from a
// higher level of the wheel.
auto Sender(Shared& shared, sync::MpscSender<char> items, char name, int rounds) {
  return With(std::move(items), rounds, [&shared, name](sync::MpscSender<char>& out, int& left) {
    return Loop([&shared, &out, &left, name] {
      return shared.permits.Acquire()
          .AndThen([&, name](auto&) {
            return Sleep(std::chrono::milliseconds(left % 3 == 0 ? 100 : 25 * (1 + name % 4))).Then([&, name](Unit&) {
              return out.Send(name);
            });
          })
          .AndThen([&left]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); });
    });
  });
}

auto Receiver(Shared& shared, sync::MpscReceiver<char> items) {
  return With(std::move(items), [&shared](sync::MpscReceiver<char>& in) {
    return Loop([&shared, &in] {
      return Select(Case(in.Recv(),
                         [&shared](std::optional<char>& item) -> Flow<> {
                           if (!item) return Break();
                           shared.Say(*item);
                           return Continue();
                         }),
                    Case(shared.stop.Notified(),
                         [&shared](auto&) -> Flow<> {
                           shared.Say('!');
                           return Continue();
                         }),
                    Case(Sleep(70ms), [&shared](Unit&) -> Flow<> {
                      shared.Say('.');
                      return Continue();
                    }));
    });
  });
}

Outcome RunProgram(uint64_t seed) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  StatusOr<Runtime> runtime = builder.Seed(seed).StartPaused().ShuffleReadyTasks().Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  Shared shared;
  EXPECT_TRUE(runtime
                  ->BlockOn([&shared] {
                    auto channel = sync::Mpsc<char>(/*capacity=*/1);
                    std::vector<JoinHandle<Status>> tasks;
                    for (char name = 'a'; name < 'g'; ++name) {
                      tasks.push_back(Spawn(Sender(shared, channel.sender, name, 6).Map([](auto&) { return OkStatus(); })));
                    }
                    { const auto last = std::move(channel.sender); }
                    Spawn(Sleep(90ms).Then([&shared](Unit&) { shared.stop.NotifyOne(); })).Detach();
                    JoinHandle<Unit> receiver = Spawn(Receiver(shared, std::move(channel.receiver)).Map([](auto&) {
                      return Unit{};
                    }));
                    return JoinAll(std::move(tasks)).Then([receiver = std::move(receiver)](auto&) mutable {
                      return std::move(receiver);
                    });
                  })
                  .ok());
  const Outcome run{runtime->trace_hash(), shared.output};
  EXPECT_TRUE(runtime->Shutdown().clean());
  return run;
}

// From now on the ids of tasks spawned here are others, and soon no longer without gaps.
void TakeIds() {
  auto spawn = [] {
    StatusOr<Runtime> runtime = Runtime::CurrentThread();
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(runtime->BlockOn([] { return Spawn(Ready()); }).ok());
  };
  spawn();
  TestThread elsewhere(spawn);
}

TEST(DeterminismTest, TheSameSeedRepeatsTheRun) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Outcome first = RunProgram(seed);
    EXPECT_NE(first.hash, 0u);
    EXPECT_GE(first.output.size(), 36u);
    for (int again = 0; again < 5; ++again) {
      TakeIds();
      std::vector<std::string> ballast(static_cast<size_t>(again * 7 + 1), std::string(100 * (again + 1), 'x'));
      EXPECT_EQ(RunProgram(seed), first) << "seed " << seed;
    }
  }
}

TEST(DeterminismTest, OtherSeedsRunOtherOrders) {
  std::set<uint64_t> hashes;
  std::set<std::string> outputs;
  for (uint64_t seed = 1; seed <= 32; ++seed) {
    const Outcome run = RunProgram(seed);
    hashes.insert(run.hash);
    outputs.insert(run.output);
  }
  EXPECT_GE(hashes.size(), 30u);
  EXPECT_GE(outputs.size(), 16u);
}

// The child is this very test; it says what its runs came to.
TEST(DeterminismTest, InTwoProcesses) {
  constexpr char kChild[] = "KIOTO_DETERMINISM_CHILD";
  std::string here;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const Outcome run = RunProgram(seed);
    absl::StrAppend(&here, "run ", run.hash, " ", run.output, "\n");
  }
  if (std::getenv(kChild) != nullptr) {
    std::printf("%s", here.c_str());
    return;
  }
  setenv(kChild, "1", 1);
  std::string command = absl::StrCat("exec '", testing::internal::GetArgvs()[0], "' --gtest_filter=DeterminismTest.InTwoProcesses");
  for (int child = 0; child < 2; ++child) {
    FILE* out = popen(command.c_str(), "r");
    ASSERT_NE(out, nullptr);
    std::string there;
    char line[4096];
    while (std::fgets(line, sizeof(line), out) != nullptr) {
      if (std::string(line).rfind("run ", 0) == 0) there += line;
    }
    EXPECT_EQ(pclose(out), 0);
    EXPECT_EQ(there, here);
  }
  unsetenv(kChild);
}

// --- A bug of order ---

// A cache is filled by one task and read by others, which trust that after two turns of theirs the first one has had its own:
// true in the order of waking.
bool ReadersSeeTheCache(RuntimeBuilder& builder, uint64_t* hash) {
  StatusOr<Runtime> runtime = builder.Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  bool filled = false, seen = true;
  EXPECT_TRUE(runtime
                  ->BlockOn([&] {
                    JoinHandle<Unit> filler = Spawn(Lazy([&filled] { filled = true; }));
                    std::vector<JoinHandle<Unit>> readers;
                    for (int i = 0; i < 2; ++i) {
                      readers.push_back(Spawn(YieldNow().Then([](Unit&) { return YieldNow(); }).Map([&](Unit&) {
                        seen = seen && filled;
                        return Unit{};
                      })));
                    }
                    return Join(std::move(filler), JoinAll(std::move(readers))).Map([](auto&) { return Unit{}; });
                  })
                  .ok());
  *hash = runtime->trace_hash();
  return seen;
}

TEST(DeterminismTest, ABugOfOrderIsFoundBySomeSeedAndReplayed) {
  RuntimeBuilder in_order = RuntimeBuilder::CurrentThread();
  uint64_t hash = 0;
  EXPECT_TRUE(ReadersSeeTheCache(in_order.StartPaused(), &hash)) << "in the order of waking it hides";
  EXPECT_EQ(hash, 0u) << "only a deterministic runtime has a trace";
  const auto holds = [](uint64_t seed, uint64_t* trace) {
    RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
    return ReadersSeeTheCache(builder.Seed(seed).StartPaused().ShuffleReadyTasks(), trace);
  };
  int found = 0;
  for (uint64_t seed = 1; seed <= 64; ++seed) {
    uint64_t first = 0, again = 0;
    const bool held = holds(seed, &first);
    EXPECT_EQ(holds(seed, &again), held) << "seed " << seed;
    EXPECT_EQ(first, again) << "seed " << seed;
    found += !held;
  }
  EXPECT_GT(found, 0);
  EXPECT_LT(found, 64);
}

}  // namespace
}  // namespace kioto
