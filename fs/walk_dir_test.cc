#include "kioto/fs/walk_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::fs {
namespace {

namespace sys = base::sys;

static_assert(IsStream<WalkDir> && !LosesDataWhenDropped<WalkDir>);

class WalkDirTest : public FsTest {
 protected:
  // Makes files of one byte; a name that ends with a slash is a directory.
  void MakeTree(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (name.back() == '/') {
        ASSERT_EQ(Run(CreateDirAll(In(name))), OkStatus());
        continue;
      }
      const int fd = ::open(In(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
      ASSERT_EQ(::write(fd, "x", 1), 1);
      ::close(fd);
    }
  }
  // What is given, one by one: "depth name", or "ERRNO".
  std::vector<std::string> Items(WalkDir walk) {
    std::vector<std::string> items;
    EXPECT_EQ(Run(ForEach(ByRef(walk), [&](StatusOr<WalkEntry>& item) { items.push_back(Shown(item)); })), OkStatus());
    EXPECT_FALSE(Run(walk.Next())->has_value());  // again and again
    return items;
  }
  std::string Walked(WalkDir walk) { return absl::StrJoin(Items(std::move(walk)), ", "); }
  std::string Shown(const StatusOr<WalkEntry>& item) const {
    if (!item.ok()) {
      EXPECT_NE(item.status().message().find(absl::StrCat("fs::WalkDir ", dir_)), absl::string_view::npos) << item.status();
      return absl::StrCat("error ", ErrnoOf(item.status()));
    }
    EXPECT_EQ(item->path.substr(0, dir_.size()), dir_);
    const char* const type = item->is_dir() ? "/" : item->is_file() ? "" : item->is_symlink() ? "@" : "?";
    return absl::StrCat(item->depth, item->path.substr(dir_.size()), type);
  }
  WalkDir Sorted() const { return WalkDir(dir_).Sorted(true); }
};
ON_EVERY_FLAVOUR(WalkDirTest);

// behaviour: kioto/fs/walk_dir.h#a_directory_comes_before_what_is_in_it
TEST_P(WalkDirTest, ADirectoryComesBeforeWhatIsInIt) {
  MakeTree({"b/", "b/d/", "b/d/e", "b/c", "a", "f/g/", "h"});
  for (const int concurrency : {1, 2, 8}) {
    EXPECT_EQ(Walked(Sorted().Concurrency(concurrency)), "0/, 1/a, 1/b/, 2/b/c, 2/b/d/, 3/b/d/e, 1/f/, 2/f/g/, 1/h");
  }
}

TEST_P(WalkDirTest, FindsEachFileOfALargeTreeOnce) {
  std::vector<std::string> expected;
  for (int dir = 0; dir < 12; ++dir) {
    MakeTree({absl::StrCat(dir, "/in/")});
    expected.push_back(absl::StrCat("1/", dir, "/"));
    expected.push_back(absl::StrCat("2/", dir, "/in/"));
    for (int file = 0; file < (dir == 5 ? 2'500 : 3); ++file) {
      MakeTree({absl::StrCat(dir, "/in/", file)});
      expected.push_back(absl::StrCat("3/", dir, "/in/", file));
    }
  }
  std::sort(expected.begin(), expected.end());
  for (const int concurrency : {1, 3}) {
    std::vector<std::string> found = Items(WalkDir(dir_).MinDepth(1).Concurrency(concurrency));
    std::sort(found.begin(), found.end());
    EXPECT_TRUE(found == expected) << found.size();
  }
}

// Some are small, and read in a row; some end a row early, because of what they hold.
TEST_P(WalkDirTest, DirectoriesThatAreReadInARowComeInOrder) {
  std::vector<std::string> expected = {"0/"};
  for (int dir = 100; dir < 150; ++dir) {
    MakeTree({absl::StrCat(dir, "/in/")});
    expected.push_back(absl::StrCat("1/", dir, "/"));
    for (int file = 1'000; file < (dir % 7 == 0 ? 1'600 : 1'002); ++file) {
      MakeTree({absl::StrCat(dir, "/", file)});
      expected.push_back(absl::StrCat("2/", dir, "/", file));
    }
    expected.push_back(absl::StrCat("2/", dir, "/in/"));
  }
  for (const int concurrency : {1, 3, 8}) EXPECT_TRUE(Items(Sorted().Concurrency(concurrency)) == expected) << concurrency;
}

TEST_P(WalkDirTest, DepthsAreBounds) {
  MakeTree({"a/b/c/", "a/b/c/d", "e"});
  EXPECT_EQ(Walked(Sorted().MaxDepth(0)), "0/");
  EXPECT_EQ(Walked(Sorted().MaxDepth(2)), "0/, 1/a/, 2/a/b/, 1/e");
  EXPECT_EQ(Walked(Sorted().MinDepth(3)), "3/a/b/c/, 4/a/b/c/d");
  EXPECT_EQ(Walked(Sorted().MinDepth(1).MaxDepth(1)), "1/a/, 1/e");
  EXPECT_EQ(Walked(Sorted().MinDepth(5)), "");
}

TEST_P(WalkDirTest, TheRootMayBeAFileALinkOrNothing) {
  MakeTree({"a/", "a/b"});
  EXPECT_EQ(Walked(WalkDir(In("a/b"))), "0/a/b");
  EXPECT_EQ(Walked(WalkDir(In("none"))), absl::StrCat("error ", ENOENT));
  EXPECT_EQ(Run(Symlink(In("a"), In("link"))), OkStatus());
  EXPECT_EQ(Walked(WalkDir(In("link"))), "0/link/, 1/link/b");
  EXPECT_EQ(Walked(WalkDir(In("a/"))), "0/a//, 1/a/b");
}

TEST_P(WalkDirTest, ARootWithAZeroByteIsOneErrorAndTheEnd) {
  WalkDir walk(dir_ + std::string("\0/x", 3));
  const std::optional<StatusOr<WalkEntry>> item = *Run(walk.Next());
  ASSERT_TRUE(item.has_value());
  EXPECT_TRUE(absl::IsInvalidArgument(item->status())) << item->status();
  EXPECT_FALSE(Run(walk.Next())->has_value());
}

TEST_P(WalkDirTest, LinksAreFollowedOnlyIfAskedFor) {
  MakeTree({"a/", "a/b"});
  EXPECT_EQ(Run(Symlink(In("a"), In("link"))), OkStatus());
  EXPECT_EQ(Run(Symlink(In("none"), In("nowhere"))), OkStatus());
  EXPECT_EQ(Run(Symlink(In("a/b"), In("to_b"))), OkStatus());
  EXPECT_EQ(Walked(Sorted()), "0/, 1/a/, 2/a/b, 1/link@, 1/nowhere@, 1/to_b@");
  EXPECT_EQ(Walked(Sorted().FollowLinks(true)), "0/, 1/a/, 2/a/b, 1/link/, 2/link/b, 1/nowhere@, 1/to_b");
}

// behaviour: kioto/fs/walk_dir.h#a_link_that_leads_back_is_an_error
TEST_P(WalkDirTest, ALinkThatLeadsBackIsAnErrorAndNotTheEnd) {
  MakeTree({"a/b/", "c"});
  EXPECT_EQ(Run(Symlink(In("a"), In("a/b/up"))), OkStatus());
  EXPECT_EQ(Run(Symlink(dir_, In("a/top"))), OkStatus());
  EXPECT_EQ(Walked(Sorted().FollowLinks(true)),
            absl::StrCat("0/, 1/a/, 2/a/b/, 3/a/b/up/, error ", ELOOP, ", 2/a/top/, error ", ELOOP, ", 1/c"));
}

// behaviour: kioto/fs/walk_dir.h#what_is_pruned_is_not_read
TEST_P(WalkDirTest, WhatIsPrunedIsNotGivenAndNotRead) {
  MakeTree({"a/b/", "a/b/c", "d/", "d/e", "f"});
  int asked = 0;
  EXPECT_EQ(Walked(Sorted().Prune([&asked](const WalkEntry& entry) {
              ++asked;
              return entry.name() == "b" || entry.name() == "f";
            })),
            "0/, 1/a/, 1/d/, 2/d/e");
  EXPECT_EQ(asked, 6);  // c was not read
  EXPECT_EQ(Walked(WalkDir(dir_).Prune([](const WalkEntry&) { return true; })), "");
}

// behaviour: kioto/fs/walk_dir.h#an_error_of_a_directory_is_one_item
TEST_P(WalkDirTest, ADirectoryThatCannotBeOpenedIsOneError) {
  MakeTree({"a/", "a/b", "c/", "c/d", "e"});
  sys::ScopedFault no_fds(sys::Call::kOpen, sys::Fault::Nth(2, EMFILE));
  EXPECT_EQ(Walked(Sorted().Concurrency(1)), absl::StrCat("0/, 1/a/, error ", EMFILE, ", 1/c/, 2/c/d, 1/e"));
}

TEST_P(WalkDirTest, ADirectoryThatOneMayNotReadIsOneError) {
  MakeTree({"a/", "a/b", "c/", "c/d"});
  EXPECT_EQ(Run(SetPermissions(In("a"), Permissions(0300))), OkStatus());
  Runtime bound = *Builder().MaxBlockingThreads(1).Build();
  EXPECT_TRUE(bound.BlockOn([] { return SpawnBlocking(&GiveUpPrivileges); }).ok());
  WalkDir walk = Sorted();
  std::vector<std::string> items;
  while (std::optional<StatusOr<WalkEntry>> item = *bound.BlockOn(walk.Next())) items.push_back(Shown(*item));
  EXPECT_EQ(absl::StrJoin(items, ", "), absl::StrCat("0/, 1/a/, error ", EACCES, ", 1/c/, 2/c/d"));
}

TEST_P(WalkDirTest, IsAStreamForEach) {
  MakeTree({"a/", "a/b", "c"});
  size_t bytes = 0;
  EXPECT_EQ(Run(ForEachConcurrent(WalkDir(dir_), 4, [&bytes](WalkEntry& entry) {
              return entry.GetMetadata().AndThen([&](Metadata& metadata) { bytes += metadata.is_file() ? metadata.size() : 0; });
            })),
            OkStatus());
  EXPECT_EQ(bytes, 2u);
  const Status gone = Run(ForEach(WalkDir(In("none")), [](WalkEntry&) {}));
  EXPECT_EQ(ErrnoOf(gone), ENOENT);
}

// One blocking thread, which the test holds.
class WalkJobsTest : public WalkDirTest {
 protected:
  void Hold() {
    gate_ = std::promise<void>();
    SpawnBlocking([open = gate_.get_future().share()] { open.wait(); }).Detach();
    while (Jobs() > 0) std::this_thread::yield();
  }
  size_t Jobs() const { return one_thread_.metrics().blocking_queue_depth(); }
  void RunJobs() {
    gate_.set_value();
    EXPECT_TRUE(one_thread_.BlockOn(SpawnBlocking([] {})).ok());
  }

  Runtime one_thread_ = *RuntimeBuilder::CurrentThread().MaxBlockingThreads(1).Build();
  EnterGuard guard_ = one_thread_.Enter();
  std::promise<void> gate_;
};
INSTANTIATE_TEST_SUITE_P(Flavours, WalkJobsTest, testing::Values(0), FlavourName);  // its runtime is its own

// behaviour: kioto/fs/walk_dir.h#reads_ahead_within_its_bound_and_loses_nothing
// check: H1
TEST_P(WalkJobsTest, ReadsAheadNoMoreThanItMay) {
  MakeTree({"a/1/", "b/2/", "c/3/", "d/4/", "e/5/"});
  for (const int concurrency : {1, 3}) {
    WalkDir walk = Sorted().Concurrency(concurrency);
    std::vector<std::string> items;
    size_t most = 0;
    for (bool ended = false; !ended;) {
      Hold();
      PolledTask next(walk.Next());
      auto polled = next.Poll();
      most = std::max(most, Jobs());
      RunJobs();
      if (polled.pending()) {
        EXPECT_TRUE(next.is_woken());
        continue;  // dropped: nothing is lost
      }
      ended = !polled->has_value();
      if (!ended) items.push_back(Shown(**polled));
    }
    EXPECT_EQ(most, static_cast<size_t>(concurrency));
    EXPECT_EQ(absl::StrJoin(items, ", "), "0/, 1/a/, 2/a/1/, 1/b/, 2/b/2/, 1/c/, 2/c/3/, 1/d/, 2/d/4/, 1/e/, 2/e/5/");
  }
}

// check: H1
TEST_P(WalkJobsTest, DroppedAfterAnyNumberOfItemsItLeavesNothing) {
  MakeTree({"a/1/", "a/2", "b/", "c"});
  for (int file = 0; file < 1'800; ++file) MakeTree({absl::StrCat("b/", file)});  // more than a job reads
  const int before = OpenFds();
  for (int items : {0, 1, 2, 3, 4, 5, 100, 1'090, 1'790}) {
    for (const bool waiting : {false, true}) {
      std::optional<WalkDir> walk = WalkDir(dir_);
      for (int i = 0; i < items; ++i) ASSERT_TRUE(one_thread_.BlockOn(walk->Next())->has_value());
      Hold();
      if (waiting) static_cast<void>(PolledTask(walk->Next()).Poll());
      walk.reset();
      RunJobs();
      EXPECT_EQ(OpenFds(), before);
    }
  }
}

TEST_P(WalkJobsTest, WithoutAPoolEachDirectoryIsAnErrorAndTheWalkEnds) {
  MakeTree({"a/", "b/", "b/c"});
  WalkDir walk = Sorted();
  Hold();
  EXPECT_TRUE(PolledTask(walk.Next()).Poll().pending());
  RunJobs();
  Hold();  // else what is in it could be at hand within the same poll, and the next jobs begin
  EXPECT_EQ(Shown(**PolledTask(walk.Next()).Poll()), "0/");
  RunJobs();  // a and b are known, and not read
  one_thread_.Shutdown();
  for (const char* name : {"1/a/", "1/b/"}) {
    EXPECT_EQ(Shown(**PolledTask(walk.Next()).Poll()), name);
    EXPECT_TRUE(IsShutdown((*PolledTask(walk.Next()).Poll())->status()));
  }
  EXPECT_FALSE(PolledTask(walk.Next()).Poll()->has_value());
}

TEST_P(WalkJobsTest, ManyEntriesAtHandEndAPollAtTimes) {
  for (int file = 0; file < 500; ++file) MakeTree({absl::StrCat(file)});
  WalkDir walk(dir_);
  int items = 0;
  PolledTask all(PollFn([&](Context& cx) -> Poll<Unit> {
    for (;;) {
      auto polled = walk.PollNext(cx);
      if (polled.pending()) return kPending;
      if (!polled->has_value()) return Unit{};
      ++items;
    }
  }));
  int polls = 0;
  for (int before = 0; all.Poll().pending(); before = items, ++polls) {
    EXPECT_LE(items - before, limits::kPollBudget);
    EXPECT_TRUE(one_thread_.BlockOn(SpawnBlocking([] {})).ok());
  }
  EXPECT_EQ(items, 501);
  EXPECT_GE(polls, 500 / limits::kPollBudget);
}

}  // namespace
}  // namespace kioto::fs
