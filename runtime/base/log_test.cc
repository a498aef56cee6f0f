#include "kioto/runtime/base/log.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/thread.h"

namespace kioto::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

int64_t now_ns = 0;

class LogTest : public ::testing::Test, public LogSink {
 protected:
  LogTest() {
    now_ns = 1'000'000'000'000;
    ResetLogRateForTest();
    EXPECT_EQ(SetLogSink(this), nullptr);
  }
  ~LogTest() override {
    EXPECT_EQ(SetLogSink(nullptr), this);
    ResetLogRateForTest();
  }
  void Write(absl::string_view line) override { lines_.emplace_back(line); }

  ScopedClockForTest clock_{[] { return now_ns; }};
  std::vector<std::string> lines_;
};

TEST_F(LogTest, OneLineWithItsPlace) {
  const int line = __LINE__ + 1;
  LogFailure("task 7 failed", SourceLocation::Current());
  LogFailure("nowhere");
  EXPECT_THAT(lines_, ElementsAre(absl::StrCat("kioto: task 7 failed (", __FILE__, ":", line, ")"), "kioto: nowhere"));
}

TEST_F(LogTest, FloodIsCountedNotPrinted) {
  for (int i = 0; i < 1'000; ++i) LogFailure("flood");
  EXPECT_EQ(lines_.size(), static_cast<size_t>(kLogBurst));
  lines_.clear();

  now_ns += 1'000'000'000;
  for (int i = 0; i < 1'000; ++i) LogFailure("flood");
  EXPECT_EQ(lines_.size(), static_cast<size_t>(kLogPerSecond));
  EXPECT_THAT(lines_[0], HasSubstr(absl::StrCat("[", 1'000 - kLogBurst, " lines before this one were left out]")));
  EXPECT_EQ(lines_[1], "kioto: flood");
  lines_.clear();

  // A long silence saves up one burst and no more.
  now_ns += 3'600'000'000'000;
  for (int i = 0; i < 1'000; ++i) LogFailure("flood");
  EXPECT_EQ(lines_.size(), static_cast<size_t>(kLogBurst));
}

class CountingSink : public LogSink {
 public:
  void Write(absl::string_view) override { lines.fetch_add(1, std::memory_order_relaxed); }  // relaxed: read after join
  Atomic<int> lines{0};
};

TEST_F(LogTest, AnyThreadMayFail) {
  CountingSink sink;
  LogSink* before = SetLogSink(&sink);
  Thread threads[4];
  for (Thread& thread : threads) {
    StatusOr<Thread> started = Thread::Start("failing", [] {
      for (int i = 0; i < 500; ++i) LogFailure("together");
    });
    ASSERT_TRUE(started.ok());
    thread = *std::move(started);
  }
  for (Thread& thread : threads) thread.Join();
  EXPECT_EQ(sink.lines.load(std::memory_order_relaxed), kLogBurst);  // relaxed: after join
  EXPECT_EQ(SetLogSink(before), &sink);
}

TEST(LogToStderrTest, IsTheDefault) {
  ResetLogRateForTest();
  ::testing::internal::CaptureStderr();
  LogFailure("to stderr");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "kioto: to stderr\n");
}

// SourceLocation has no test of its own file: here is its use.
SourceLocation Here(SourceLocation location = SourceLocation::Current()) { return location; }

TEST(SourceLocationTest, IsThePlaceOfTheCall) {
  const SourceLocation here = Here();
  EXPECT_EQ(here.line(), __LINE__ - 1);
  EXPECT_STREQ(here.file(), __FILE__);
  EXPECT_STREQ(here.file_name(), "log_test.cc");
  EXPECT_EQ(SourceLocation().line(), 0);
  EXPECT_STREQ(SourceLocation().file_name(), "");
}

}  // namespace
}  // namespace kioto::base
