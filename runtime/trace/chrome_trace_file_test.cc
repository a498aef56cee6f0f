// ChromeTraceFile where the system refuses, and its strings. That a file is whole JSON: chrome_trace_file_test.py.
#include "kioto/runtime/trace/chrome_trace_file.h"

#include <errno.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/sys_fault.h"

namespace kioto {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

std::string Path(const char* name) { return absl::StrCat(testing::TempDir(), "/", name); }

std::string Contents(const std::string& path) {
  std::string contents(1 << 20, 0);
  std::FILE* file = std::fopen(path.c_str(), "r");
  EXPECT_NE(file, nullptr);
  contents.resize(std::fread(&contents[0], 1, contents.size(), file));
  std::fclose(file);
  return contents;
}

std::string Quoted(const char* text) {
  std::string json;
  internal::AppendJsonString(json, text);
  return json;
}

TEST(ChromeTraceFileTest, SaysWhyItCanNotBeMade) {
  const Status status = ChromeTraceFile::Create("/no/such/folder/trace.json").status();
  EXPECT_EQ(ErrnoOf(status), ENOENT) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/folder/trace.json"));
}

TEST(ChromeTraceFileTest, KeepsWhatItHasWhenTheDiskIsFull) {
  const std::string path = Path("full.json");
  auto file = *ChromeTraceFile::Create(path);
  file->PollBegin({1, "first", "a.cc", 1});
  file->PollEnd(1, TracePoll::kReady);
  ASSERT_EQ(file->Flush(), OkStatus());
  const std::string before = Contents(path);
  {
    base::sys::ScopedFault fault(base::sys::Call::kPwrite, base::sys::Fault::First(1, ENOSPC));
    file->PollBegin({2, "second", "a.cc", 2});
    EXPECT_EQ(ErrnoOf(file->Flush()), ENOSPC);
    EXPECT_EQ(fault.hits(), 1);
  }
  EXPECT_EQ(Contents(path), before);
  file->PollEnd(2, TracePoll::kReady);
  EXPECT_EQ(ErrnoOf(file->Close()), ENOSPC) << "it is not forgotten";
  EXPECT_EQ(file->dropped(), 1u) << "what came after the error";
  EXPECT_EQ(Contents(path), before);
}

TEST(ChromeTraceFileTest, DropsAndCountsWhatComesAfterItsClose) {
  const std::string path = Path("closed.json");
  auto file = *ChromeTraceFile::Create(path);
  file->WorkerParks(0);
  ASSERT_EQ(file->Close(), OkStatus());
  const std::string before = Contents(path);
  EXPECT_THAT(before, HasSubstr("\"result\":\"open\"")) << "the slice under way was ended";
  file->WorkerUnparks(0);
  EXPECT_EQ(file->dropped(), 1u);
  EXPECT_EQ(file->Close(), OkStatus());
  EXPECT_EQ(Contents(path), before);
}

TEST(ChromeTraceFileTest, ItsEndClosesIt) {
  const std::string path = Path("ended.json");
  { (*ChromeTraceFile::Create(path))->WorkerParks(0); }
  EXPECT_THAT(Contents(path), HasSubstr("parked"));
  EXPECT_THAT(Contents(path), EndsWith("\n],\"otherData\":{\"dropped_events\":0}}\n"));
}

// Threads come and go: what they kept is written, their memory goes, and their number is no limit.
TEST(ChromeTraceFileTest, ThreadsThatEndLeaveRoomForOthers) {
  const std::string path = Path("threads.json");
  auto file = *ChromeTraceFile::Create(path);
  constexpr size_t kThreads = limits::kTraceThreads + 20;
  for (size_t i = 0; i < kThreads; ++i) std::thread([&] { file->TaskSpawned({1, "", "a.cc", 1}); }).join();
  EXPECT_EQ(file->Close(), OkStatus());
  EXPECT_EQ(file->dropped(), 0u);
  const std::string contents = Contents(path);
  size_t found = 0;
  for (size_t at = 0; (at = contents.find("spawned_at", at)) != std::string::npos; ++at) ++found;
  EXPECT_EQ(found, kThreads);
}

// What began before the last event that may be written ends in the file; what began after it is not there at all.
// behaviour: kioto/runtime/trace/chrome_trace_file.h#what_began_ends_in_a_full_file
TEST(ChromeTraceFileTest, TasksAndSpansEndInAFullFile) {
  const std::string path = Path("lives.json");
  auto file = *ChromeTraceFile::Create(path, /*max_events=*/3);
  // The thread that ends task 7 writes it before the one that spawned it.
  file->TaskSpawned({7, "elsewhere", "a.cc", 1});
  std::thread([&] {
    file->TaskEnded({7, "elsewhere", "a.cc", 1}, TraceEnd::kReady);
    file->TaskSpawned({1, "task", "a.cc", 1});
    file->SpanOpened({1, 1, "span"});
  }).join();
  std::thread([&] { file->TaskWoken({1, "task", "a.cc", 1}); }).join();  // those of the first thread are written here
  file->TaskSpawned({2, "late", "a.cc", 1});
  file->SpanOpened({2, 2, "late"});
  file->SpanClosed({2, 2, "late"});
  file->TaskEnded({2, "late", "a.cc", 1}, TraceEnd::kReady);
  file->SpanClosed({1, 1, "span"});
  file->TaskEnded({1, "task", "a.cc", 1}, TraceEnd::kCancelled);
  ASSERT_EQ(file->Close(), OkStatus());
  EXPECT_EQ(file->dropped(), 5u);
  std::string phases;
  for (absl::string_view line : absl::StrSplit(Contents(path), '\n')) {
    if (!absl::StrContains(line, "\"id\":")) continue;
    absl::StrAppend(&phases, line.substr(line.find("\"ph\":\"") + 6, 1), line.substr(line.find("\"id\":") + 5, 1),
                    absl::StrContains(line, "\"cat\":\"span\"") ? "s " : " ");
  }
  EXPECT_EQ(phases, "e7 b1 b1s b7 e1s e1 ");
}

#if defined(__GLIBC__)
// Of a thread that outlives 200 files neither events are kept nor the places for them.
TEST(ChromeTraceFileTest, AThreadKeepsNothingOfClosedFiles) {
  const std::string path = Path("kept.json");
  std::thread([&] {  // one that has written to no other file
    const auto heap = [] { return ::mallinfo2().uordblks; };
    const size_t before = heap();
    for (int i = 0; i < 200; ++i) {
      auto file = *ChromeTraceFile::Create(path);
      file->WorkerParks(0);
      ASSERT_EQ(file->Flush(), OkStatus());  // it has a spare buffer from here
      ASSERT_EQ(file->Close(), OkStatus());
    }
    EXPECT_LT(heap(), before + 8 * 1024);
  }).join();
}
#endif

TEST(ChromeTraceFileTest, TwoFilesDoNotMix) {
  const std::string one = Path("one.json"), two = Path("two.json");
  auto first = *ChromeTraceFile::Create(one);
  auto second = *ChromeTraceFile::Create(two);
  first->TaskSpawned({1, "mine", "a.cc", 1});
  second->TaskSpawned({2, "yours", "a.cc", 1});
  ASSERT_EQ(first->Close(), OkStatus());
  ASSERT_EQ(second->Close(), OkStatus());
  EXPECT_TRUE(absl::StrContains(Contents(one), "mine") && !absl::StrContains(Contents(one), "yours"));
  EXPECT_TRUE(absl::StrContains(Contents(two), "yours") && !absl::StrContains(Contents(two), "mine"));
}

TEST(ChromeTraceFileTest, StringsAreJson) {
  EXPECT_EQ(Quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(Quoted("\n\x01"), "\"\\u000a\\u0001\"");
  EXPECT_EQ(Quoted("日本 é 🙂"), "\"日本 é 🙂\"");
  EXPECT_EQ(Quoted("cut \xe6\x97"), "\"cut ??\"") << "a character that is cut at the end";
  EXPECT_EQ(Quoted("\xed\xa0\x80|\xc0\x80|\xff|\xf4\x90\x80\x80"), "\"???|??|?|????\"");
}

TEST(ChromeTraceFileTest, LongNamesAreCut) {
  internal::ChromeEvent event;
  event.SetName(std::string(100, 'x').c_str());
  EXPECT_EQ(std::string(event.name), std::string(sizeof(event.name) - 1, 'x'));
}

}  // namespace
}  // namespace kioto
