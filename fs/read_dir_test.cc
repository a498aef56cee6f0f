#include "kioto/fs/read_dir.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/paths.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto::fs {
namespace {

std::string NewDir() {
  std::string dir = testing::TempDir() + "/read_dir_XXXXXX";
  EXPECT_NE(::mkdtemp(&dir[0]), nullptr);
  return dir;
}

class ReadDirTest : public FlavourTest {
 protected:
  template <class F>
  auto Run(F future) {
    return runtime().BlockOn(std::move(future));
  }
  std::string In(const std::string& name) const { return dir_ + "/" + name; }

  const std::string dir_ = NewDir();
};
ON_EVERY_FLAVOUR(ReadDirTest);

// behaviour: tokio/tests/fs_dir.rs#read_inherent
TEST_P(ReadDirTest, ListsADirectory) {
  for (const char* name : {"aa", "bb", "cc"}) EXPECT_EQ(Run(CreateDir(In(name))), OkStatus());
  ReadDir dir = *Run(OpenDir(dir_));
  std::vector<std::string> names;
  while (true) {
    auto entry = Run(dir.NextEntry());
    ASSERT_TRUE(entry.ok()) << entry.status();
    if (!entry->has_value()) break;
    EXPECT_EQ((*entry)->type, FileType::kDir);
    EXPECT_EQ((*entry)->path(), In((*entry)->name));
    EXPECT_EQ(Run((*entry)->GetMetadata())->ino(), (*entry)->ino);
    names.push_back((*entry)->name);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"aa", "bb", "cc"}));
}

TEST_P(ReadDirTest, AnEntryOfTheRootHasOneSlash) {
  ReadDir dir = *Run(OpenDir("/"));
  const std::optional<DirEntry> entry = *Run(dir.NextEntry());
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->path(), "/" + entry->name);
}

TEST_P(ReadDirTest, ListsMoreThanABatch) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Run(Write(In(absl::StrCat(i)), "")), OkStatus());
  ReadDir dir = *Run(OpenDir(dir_));
  int entries = 0;
  while ((*Run(dir.NextEntry())).has_value()) ++entries;
  EXPECT_EQ(entries, 100);
  EXPECT_FALSE((*Run(dir.NextEntry())).has_value());  // again and again
}

// Each NextEntry is dropped that is not ready after `polls` polls.
// check: H1
TEST_P(ReadDirTest, AnEntryThatNobodyWaitedForComesWithTheNext) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Run(Write(In(absl::StrCat(i)), "")), OkStatus());
  const EnterGuard entered = runtime().Enter();
  for (int polls = 1; polls < 4; ++polls) {
    ReadDir dir = *Run(OpenDir(dir_));
    std::set<std::string> names;
    for (bool ended = false; !ended;) {
      { PolledTask unpolled(dir.NextEntry()); }
      PolledTask next(dir.NextEntry());
      auto entry = next.Poll();
      for (int i = 1; i < polls && entry.pending(); ++i) entry = next.Poll();
      if (entry.pending()) {
        std::this_thread::yield();
        continue;
      }
      ASSERT_TRUE(entry->ok()) << entry->status();
      ended = !(*entry)->has_value();
      if (!ended) {
        EXPECT_TRUE(names.insert((**entry)->name).second);
      }
    }
    EXPECT_EQ(names.size(), 100u);
  }
}

}  // namespace
}  // namespace kioto::fs
