// The snippets of tools/guide/tracing.md, compiled and run.
#include <cstdio>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/trace/chrome_trace_file.h"
#include "kioto/runtime/trace/span.h"

namespace kioto {
namespace {

// [region span]
Future<std::string> Page(int id) {
  return Span("load", Ready(id)).Then([](int& id) {
    return Span("render", YieldNow().Then([&id](Unit&) { return "page " + std::to_string(id); }));
  });
}
// [end span]

// [region file]
Status ServeTraced(const std::string& path) {
  StatusOr<std::shared_ptr<ChromeTraceFile>> file = ChromeTraceFile::Create(path);
  if (!file.ok()) return file.status();
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().Trace(*file).Build();
  if (!runtime.ok()) return runtime.status();
  StatusOr<std::string> page = runtime->BlockOn([] { return Spawn(Page(7), {"page"}); });
  if (!page.ok()) return page.status();
  runtime->Shutdown();
  return (*file)->Close();
}
// [end file]

// [region sink]
class CountsPolls final : public TraceSink {
 public:
  void PollBegin(const TraceTask&) override { polls_.fetch_add(1, std::memory_order_relaxed); }  // relaxed: a count
  int polls() const { return polls_.load(std::memory_order_relaxed); }

 private:
  base::Atomic<int> polls_{0};
};
// [end sink]

TEST(TracingSnippets, LeaveAFile) {
  const std::string path = testing::TempDir() + "/page.json";
  ASSERT_EQ(ServeTraced(path), OkStatus());
  std::FILE* file = std::fopen(path.c_str(), "r");
  ASSERT_NE(file, nullptr);
  std::string text(1 << 16, 0);
  text.resize(std::fread(&text[0], 1, text.size(), file));
  std::fclose(file);
  EXPECT_NE(text.find("\"name\":\"render\""), std::string::npos);
}

TEST(TracingSnippets, CountPolls) {
  auto sink = std::make_shared<CountsPolls>();
  Runtime runtime = *RuntimeBuilder::CurrentThread().Trace(sink).Build();
  EXPECT_EQ(*runtime.BlockOn([] { return Spawn(Page(7)); }), "page 7");
  EXPECT_EQ(sink->polls(), 2);
}

}  // namespace
}  // namespace kioto
