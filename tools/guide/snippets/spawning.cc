// The snippets of tools/guide/spawning.md, compiled and run.
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/block_in_place.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/task_tracker.h"

namespace kioto {
namespace {

// [region spawn]
Future<StatusOr<int>> SumOfTwo() {
  JoinHandle<int> two = Spawn(Ready(2));
  JoinHandle<int> forty = Spawn(Ready(40));
  return TryJoin(std::move(two), std::move(forty)).AndThen([](int& a, int& b) { return a + b; });
}
// [end spawn]

// [region own]
Future<Status> Greet(std::vector<std::string> names) {
  return With(std::move(names), TaskTracker(), [](std::vector<std::string>& names, TaskTracker& tasks) {
    for (std::string& name : names) {
      tasks.Spawn(Lazy([name = std::move(name)] { std::printf("hello, %s\n", name.c_str()); }));  // owns its name
    }
    return tasks.CloseAndWait().Then([](Unit&) { return OkStatus(); });
  });
}
// [end own]

// [region blocking]
Future<StatusOr<size_t>> CountLines(std::string path) {
  return SpawnBlocking([path = std::move(path)]() -> StatusOr<size_t> {
    std::FILE* file = std::fopen(path.c_str(), "r");
    if (file == nullptr) return ErrnoStatus(errno, path);
    size_t lines = 0;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) lines += c == '\n';
    std::fclose(file);
    return lines;
  });
}
// [end blocking]

// [region in_place]
// Called by a library that knows no futures, on the stack of a task.
StatusOr<int> Callback(const Handle& runtime) {
  return BlockInPlace([&] { return runtime.BlockOn(SumOfTwo()); });
}
// [end in_place]

TEST(SpawningGuide, Runs) {
  StatusOr<Runtime> runtime = Runtime::MultiThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  StatusOr<int> sum = runtime->BlockOn([] { return SumOfTwo(); });
  EXPECT_EQ(*sum, 42);
  sum = runtime->BlockOn(runtime->Spawn(Lazy([handle = runtime->handle()] { return Callback(handle); })));
  EXPECT_EQ(*sum, 42);
  EXPECT_TRUE(runtime->BlockOn([] { return Greet({"a", "b"}); }).ok());
  StatusOr<size_t> lines = runtime->BlockOn([] { return CountLines("/proc/self/status"); });
  EXPECT_GT(*lines, 10u);
  EXPECT_TRUE(absl::IsNotFound(runtime->BlockOn([] { return CountLines("/no/such/file"); }).status()));
}

}  // namespace
}  // namespace kioto
