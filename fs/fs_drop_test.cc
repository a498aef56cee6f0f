// Files and jobs, dropped after any number of polls: what has begun is done to its end, what has not is not done at all, and
// nothing is lost of what was read or handed over.
#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/temp_file.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/fs/testing_jobs.h"
#include "kioto/fs/walk_dir.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::fs {
namespace {

constexpr char kHello[] = "hello world...";  // 14 bytes

// All is done by jobs.
class FsDropTest : public HeldJobs {
 protected:
  // Polls `future`, which waits for a job, so often and drops it. Then the jobs run. Gives the wakers that somebody had after the
  // drop: a File keeps one for the next operation.
  template <class F>
  int DropAfter(int polls, F future) {
    if (!held()) Hold();
    PolledTask dropped(std::move(future));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    const int held = dropped.held();
    RunJobs();
    return held;
  }
  std::string NewPath() { return absl::StrCat(dir_, "/", ++paths_); }
  File Opened(const std::string& path) {
    EXPECT_EQ(runtime_.BlockOn(Write(path, kHello)), OkStatus());
    return File::FromFd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  }
  std::string Contents(const std::string& path) { return *runtime_.BlockOn(Read(path)); }
  static bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

  const std::string dir_ = NewTestDir();
  int paths_ = 0;
  ByJobsAlone by_jobs_;
};

// check: H1
TEST_F(FsDropTest, AJobThatHasBegunIsDone) {
  const int before = OpenFds();
  for (int polls = 0; polls < 4; ++polls) {
    const std::string path = NewPath(), opened = NewPath();
    EXPECT_EQ(DropAfter(polls, Write(path, "x")), 0);
    EXPECT_EQ(Exists(path), polls > 0);
    EXPECT_EQ(DropAfter(polls, File::Create(opened)), 0);
    EXPECT_EQ(Exists(opened), polls > 0);
    EXPECT_EQ(OpenFds(), before);
  }
}

// check: H1
TEST_F(FsDropTest, AnOperationOfAFileHappensOrNot) {
  for (int polls = 0; polls < 4; ++polls) {
    const std::string path = NewPath();
    File file = Opened(path);
    const int before = OpenFds();
    DropAfter(polls, file.SetLen(5));
    EXPECT_EQ(Contents(path), polls > 0 ? "hello" : kHello);
    DropAfter(polls, file.Seek(6));
    DropAfter(polls, file.TryClone());  // whose other File goes with the next operation
    EXPECT_EQ(*runtime_.BlockOn(file.Seek(0, SEEK_CUR)), polls > 0 ? 6u : 0u);
    EXPECT_EQ(OpenFds(), before);
    DropAfter(polls, file.Close());
    EXPECT_EQ(runtime_.BlockOn(file.SyncAll()).ok(), polls == 0);
  }
}

// check: H1
TEST_F(FsDropTest, WhatAReadOfAFileHasReadIsTheNextOnes) {
  for (int polls = 0; polls < 4; ++polls) {
    File file = Opened(NewPath());
    char four[4];
    DropAfter(polls, file.Read(four));
    EXPECT_EQ(*runtime_.BlockOn(file.ReadToEnd(100)), kHello);
  }
}

// check: H1
TEST_F(FsDropTest, AWriteOfAFileThatWaitsIsNotHandedOver) {
  for (int polls = 0; polls < 4; ++polls) {
    const std::string path = NewPath();
    File file = Opened(path);
    Hold();
    EXPECT_EQ(**PolledTask(file.Write("HELLO")).Poll(), 5u);  // its job waits for the thread
    DropAfter(polls, file.Write("LOST"));
    Hold();
    EXPECT_EQ(**PolledTask(file.Write(" WORLD")).Poll(), 6u);
    DropAfter(polls, file.Flush());
    EXPECT_EQ(runtime_.BlockOn(file.Flush()), OkStatus());
    EXPECT_EQ(Contents(path), "HELLO WORLD...");
  }
}

// check: H1
TEST_F(FsDropTest, ASeekOfAFileIsNotTakenForTheNext) {
  for (int polls = 0; polls < 4; ++polls) {
    File file = Opened(NewPath());
    DropAfter(polls, io::Seek(file, io::SeekFrom::Start(1)));
    EXPECT_EQ(*runtime_.BlockOn(io::Seek(file, io::SeekFrom::Start(6))), 6u);
    EXPECT_EQ(*runtime_.BlockOn(file.ReadToEnd(100)), "world...");
  }
}

// check: H1
TEST_F(FsDropTest, AWalkLosesNoEntry) {
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(runtime_.BlockOn(Write(absl::StrCat(dir_, "/", name), "")), OkStatus());
  for (int polls = 0; polls < 4; ++polls) {
    const int before = OpenFds();
    {
      WalkDir walk(dir_);
      DropAfter(polls, walk.Next());
      int entries = 0;
      while (runtime_.BlockOn(walk.Next())->has_value()) ++entries;
      EXPECT_EQ(entries, 4);  // the directory itself, too
    }
    EXPECT_EQ(OpenFds(), before);
  }
}

// check: H1
TEST_F(FsDropTest, APersistHappensOrNot) {
  for (int polls = 0; polls < 4; ++polls) {
    for (bool fresh : {false, true}) {
      const std::string to = NewPath();
      std::optional<TempFile> temp = *runtime_.BlockOn(TempFile::CreateNamed(dir_));
      const std::string from = temp->path();
      EXPECT_EQ(DropAfter(polls, fresh ? temp->PersistNew(to) : temp->Persist(to)), 0);
      temp.reset();
      RunJobs();
      EXPECT_EQ(Exists(to), polls > 0);
      EXPECT_FALSE(Exists(from));
    }
  }
}

}  // namespace
}  // namespace kioto::fs
