// The snippets of tools/guide/tasks.md, compiled and run.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/join_map.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/scope.h"
#include "kioto/runtime/task/task_local.h"
#include "kioto/time/timeout.h"

namespace kioto {

// [region task-local]
KIOTO_TASK_LOCAL(int, request_id);

Future<std::string> Describe() {
  return YieldNow().Then([] { return "request " + std::to_string(request_id.Get()); });
}

Future<StatusOr<std::string>> DescribeSeven() { return Spawn(request_id.Scope(7, Describe())); }
// [end task-local]

namespace {

using namespace std::chrono_literals;

Future<StatusOr<size_t>> FetchSize(std::string page) {
  return YieldNow().Then([size = page.size()]() -> StatusOr<size_t> { return size; });
}

Future<Status> Load(const std::string& name) { return name.empty() ? absl::NotFoundError("no name") : OkStatus(); }

int WordsIn(const std::string& text) { return 1 + static_cast<int>(std::count(text.begin(), text.end(), ' ')); }

// [region join-set]
Future<StatusOr<size_t>> TotalSize(std::vector<std::string> pages) {
  return With(JoinSet<StatusOr<size_t>>(), size_t{0}, std::move(pages),
              [](auto& set, size_t& total, std::vector<std::string>& pages) {
                for (std::string& page : pages) set.Spawn(FetchSize(std::move(page)));
                return ForEach(ByRef(set), [&total](size_t& size) { total += size; }).AndThen([&total] { return total; });
              });
}
// [end join-set]

// [region join-map]
Future<Status> Reload(std::vector<std::string> names) {
  return With(JoinMap<std::string, Status>(), std::move(names), [](auto& loads, std::vector<std::string>& names) {
    for (std::string& name : names) loads.Spawn(name, Load(name));  // the same name again: the older load is aborted
    return Loop([&loads] {
      return loads.JoinNext().Then([](auto& joined) -> StatusOr<Flow<>> {
        if (!joined.has_value()) return Break();
        std::printf("%s: %s\n", joined->key.c_str(), joined->output.ToString().c_str());
        return Continue();
      });
    });
  });
}
// [end join-map]

// [region scope]
Future<StatusOr<int>> CountWords(std::vector<std::string> texts) {
  return Scoped(ScopeOptions{/*limit=*/8}, InPlace<std::atomic<int>>(0), std::move(texts),
                [](Scope& scope, std::atomic<int>& words, std::vector<std::string>& texts) {
                  for (const std::string& text : texts) {
                    scope.Spawn(Lazy([&words, &text] { words += WordsIn(text); }));
                  }
                  return Timeout(10s, scope.Wait()).AndThen([&words] { return words.load(); });
                });
}
// [end scope]

// [region local-set]
StatusOr<int> OnThisThread(const Runtime& runtime) {
  LocalSet set;
  return set.BlockOn(runtime, [] {
    auto shared = std::make_shared<int>(40);  // no lock: one thread
    JoinHandle<Unit> one = SpawnLocal(YieldNow().Then([shared] { ++*shared; }));
    JoinHandle<Unit> two = SpawnLocal(YieldNow().Then([shared] { ++*shared; }));
    return TryJoin(std::move(one), std::move(two)).AndThen([shared] { return *shared; });
  });
}
// [end local-set]

TEST(TasksGuide, Runs) {
  StatusOr<Runtime> runtime = Runtime::MultiThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_EQ(*runtime->BlockOn([] { return TotalSize({"a", "bc", "def"}); }), 6u);
  EXPECT_EQ(runtime->BlockOn([] { return Reload({"a", "b", "a"}); }), OkStatus());
  EXPECT_EQ(*runtime->BlockOn([] { return CountWords({"one", "two words", "and three more"}); }), 6);
  EXPECT_EQ(*OnThisThread(*runtime), 42);
  EXPECT_EQ(*runtime->BlockOn([] { return DescribeSeven(); }), "request 7");
}

}  // namespace
}  // namespace kioto
