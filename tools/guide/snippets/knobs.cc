// The snippets of tools/guide/knobs.md, compiled and run.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

int served = 0;
Future<Status> Serve() {
  return SpawnBlocking([] { ++served; });
}

// [region main]
// What kioto::Main does, with knobs.
int RunServer() {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                  .WorkerThreads(4)
                                  .Name("front")         // of the runtime, in reports
                                  .ThreadName("front")   // of its workers: front-0, front-1, …
                                  .MaxBlockingThreads(32)
                                  .Build();
  if (!runtime.ok()) {  // a knob that makes no sense, by name; or no threads, no fds
    std::fprintf(stderr, "%s\n", runtime.status().ToString().c_str());
    return 1;
  }
  const Status status = runtime->BlockOn(Serve);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  const ShutdownReport report = runtime->Shutdown(5s);  // the destructor would wait for ever
  for (const std::string& stuck : report.stuck) std::fprintf(stderr, "left: %s\n", stuck.c_str());
  return status.ok() && report.clean() ? 0 : 1;
}
// [end main]

// [region hooks]
StatusOr<Runtime> Counting(std::shared_ptr<std::atomic<int>> alive) {
  return RuntimeBuilder::CurrentThread()
      .OnTaskSpawn([alive](const TaskMeta&) { ++*alive; })  // a hook is called by many threads at once
      .OnTaskTerminate([alive](const TaskMeta&) { --*alive; })
      .Build();
}
// [end hooks]

TEST(KnobsGuide, AServerHasKnobs) {
  EXPECT_EQ(RunServer(), 0);
  EXPECT_EQ(served, 1);
}

TEST(KnobsGuide, HooksCount) {
  auto alive = std::make_shared<std::atomic<int>>(0);
  StatusOr<Runtime> runtime = Counting(alive);
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_TRUE(runtime->BlockOn([&] { return Spawn(Lazy([alive] { EXPECT_EQ(*alive, 1); })); }).ok());
  EXPECT_EQ(*alive, 0);
}

TEST(KnobsGuide, AKnobThatMakesNoSenseIsNamed) {
  EXPECT_EQ(RuntimeBuilder::CurrentThread().EventInterval(0).Build().status().message(),
            "RuntimeBuilder::EventInterval must be at least 1");
}

}  // namespace
}  // namespace kioto
