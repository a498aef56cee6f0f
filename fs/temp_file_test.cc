#include "kioto/fs/temp_file.h"

#include <errno.h>

#include <future>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/temp_dir.h"
#include "kioto/fs/testing_temp.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::fs {
namespace {

namespace sys = base::sys;

// Lets others run until done().
template <class Done>
auto Until(Done done) {
  return Loop([done] { return If(done(), [] { return Break(); }, [] { return YieldNow().Then([] { return Continue(); }); }); });
}

class TempFileTest : public TempTest {
 protected:
  StatusOr<TempFile> Made(bool named) { return named ? Run(TempFile::CreateNamed(dir_)) : Run(TempFile::Create(dir_)); }
};
ON_EVERY_FLAVOUR(TempFileTest);

TEST_P(TempFileTest, AFileIsItsOwnersAndGoesWithIt) {
  for (const bool named : {false, true}) {
    StatusOr<TempFile> temp = Made(named);
    ASSERT_TRUE(temp.ok()) << temp.status();
    EXPECT_EQ(Run(temp->file().WriteAll("some bytes")), OkStatus());
    EXPECT_EQ(*Run(temp->file().Seek(0)), 0u);
    EXPECT_EQ(*Run(temp->file().ReadToEnd(100)), "some bytes");
    EXPECT_EQ(Run(temp->file().GetMetadata())->permissions().mode(), 0600u);
    EXPECT_TRUE(!named || *Run(Read(temp->path())) == "some bytes");
  }
  EXPECT_EQ(NamesLeft(), 0);
}

TEST_P(TempFileTest, WhereFilesNeedANameTheyHaveOne) {
  sys::ScopedFault no_tmpfile(sys::Call::kOpen, sys::Fault::First(1, EOPNOTSUPP));
  StatusOr<TempFile> temp = Made(false);
  ASSERT_TRUE(temp.ok()) << temp.status();
  EXPECT_TRUE(Exists(temp->path()));
  temp = absl::CancelledError();
  EXPECT_EQ(NamesLeft(), 0);
}

TEST_P(TempFileTest, ANameThatIsTakenIsNeverOpened) {
  sys::ScopedFault taken(sys::Call::kOpen, sys::Fault::First(3, EEXIST));
  StatusOr<TempFile> temp = Made(true);
  ASSERT_TRUE(temp.ok()) << temp.status();
  EXPECT_EQ(taken.hits(), 3);
  sys::ScopedFault all_taken(sys::Call::kOpen, sys::Fault::Every(EEXIST));
  EXPECT_EQ(ErrnoOf(Made(true).status()), EEXIST);
}

TEST_P(TempFileTest, WhatCannotBeMadeIsAnError) {
  EXPECT_EQ(ErrnoOf(Run(TempFile::Create(In("none"))).status()), ENOENT);
  EXPECT_EQ(ErrnoOf(Run(TempFile::CreateNamed(In("none"))).status()), ENOENT);
}

TEST_P(TempFileTest, APathWithAZeroByteIsRefused) {
  const std::string zero("\0x", 2);
  EXPECT_TRUE(absl::IsInvalidArgument(Run(TempFile::Create(dir_ + zero)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Run(TempFile::CreateNamed(dir_ + zero)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Run(TempFile::CreateNamed(dir_, "a" + zero)).status()));
  for (const bool named : {false, true}) {
    TempFile temp = *Made(named);
    const bool exists = Exists(temp.path());
    EXPECT_TRUE(absl::IsInvalidArgument(Run(temp.Persist(In("kept") + zero))));
    EXPECT_TRUE(absl::IsInvalidArgument(Run(temp.PersistNew(In("kept") + zero))));
    EXPECT_EQ(Exists(temp.path()), exists);  // as before
  }
  EXPECT_EQ(NamesLeft(), 0);
}

TEST_P(TempFileTest, APrefixLeadsNowhereElse) {
  EXPECT_EQ(Run(CreateDir(In("dir"))), OkStatus());
  const Status status = Run(TempFile::CreateNamed(In("dir"), "../escaped.")).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(),
            "fs::TempFile::CreateNamed: the prefix '../escaped.' has a '/', which would lead out of the directory");
  EXPECT_TRUE(absl::IsInvalidArgument(Run(TempDir::Create(In("dir"), "../escaped.")).status()));
  EXPECT_EQ(NamesLeft(), 1);
}

TEST_P(TempFileTest, PersistedAgainAFileHasOneMoreName) {
  for (const bool named : {false, true}) {
    TempFile temp = *Made(named);
    EXPECT_EQ(Run(temp.file().WriteAll("twice")), OkStatus());
    EXPECT_EQ(Run(temp.Persist(In("one"))), OkStatus());
    EXPECT_EQ(Run(temp.Persist(In("other"))), OkStatus());
    EXPECT_EQ(Run(temp.Persist(In("other"))), OkStatus());
    EXPECT_EQ(Run(GetMetadata(In("one")))->ino(), Run(GetMetadata(In("other")))->ino());
  }
  EXPECT_EQ(NamesLeft(), 2);
}

// behaviour: kioto/fs/temp_file.h#persist_replaces_as_a_whole
TEST_P(TempFileTest, PersistReplacesAsAWhole) {
  for (const bool named : {false, true}) {
    EXPECT_EQ(Run(Write(In("kept"), "old")), OkStatus());
    {
      TempFile temp = *Made(named);
      EXPECT_EQ(Run(temp.file().WriteAll("new")), OkStatus());  // handed over: Persist waits for it
      EXPECT_EQ(Run(temp.Persist(In("kept"))), OkStatus());
      EXPECT_EQ(temp.path(), "");
      EXPECT_EQ(*Run(Read(In("kept"))), "new");
      EXPECT_EQ(Run(temp.file().WriteAll("er")), OkStatus());
      EXPECT_EQ(Run(temp.file().Close()), OkStatus());
    }
    EXPECT_EQ(*Run(Read(In("kept"))), "newer");
    EXPECT_EQ(NamesLeft(), 1);
  }
}

TEST_P(TempFileTest, PersistNewDoesNot) {
  for (const bool named : {false, true}) {
    EXPECT_EQ(Run(Write(In("kept"), "old")), OkStatus());
    {
      TempFile temp = *Made(named);
      const bool exists = Exists(temp.path());
      EXPECT_EQ(ErrnoOf(Run(temp.PersistNew(In("kept")))), EEXIST);
      EXPECT_EQ(Exists(temp.path()), exists);  // as before
      EXPECT_EQ(Run(temp.PersistNew(In("new"))), OkStatus());
    }
    EXPECT_EQ(*Run(Read(In("kept"))), "old");
    EXPECT_EQ(NamesLeft(), 2);
    EXPECT_EQ(Run(RemoveFile(In("new"))), OkStatus());
  }
}

// behaviour: kioto/fs/temp_file.h#a_persist_that_fails_leaves_it_as_before
TEST_P(TempFileTest, PersistFailsAndTheFileIsAsBefore) {
  EXPECT_EQ(Run(CreateDir(In("dir"))), OkStatus());
  for (const bool named : {false, true}) {
    TempFile temp = *Made(named);
    const bool exists = Exists(temp.path());
    EXPECT_EQ(ErrnoOf(Run(temp.Persist(In("none/file")))), ENOENT);
    EXPECT_FALSE(Run(temp.Persist(In("dir"))).ok());
    EXPECT_EQ(Exists(temp.path()), exists);
    sys::ScopedFault full(sys::Call::kWrite, sys::Fault::First(1, ENOSPC));
    EXPECT_EQ(Run(temp.file().WriteAll("lost")), OkStatus());
    const Status lost = Run(temp.Persist(In("kept")));
    EXPECT_EQ(ErrnoOf(lost), ENOSPC);
    EXPECT_NE(lost.message().find("fs::File::Write a temporary file in " + dir_ + ":"), absl::string_view::npos) << lost;
    EXPECT_FALSE(Exists(In("kept")));
  }
  EXPECT_EQ(NamesLeft(), 1);
}

TEST_P(TempFileTest, APersistThatThePoolRefusesChangesNothing) {
  for (const bool named : {false, true}) {
    Runtime runtime = *Builder().MaxBlockingThreads(1).BlockingQueue(1).Build();
    const EnterGuard guard = runtime.Enter();
    TempFile temp = *runtime.BlockOn(named ? TempFile::CreateNamed(dir_) : TempFile::Create(dir_));
    std::promise<void> gate;
    const std::shared_future<void> open = gate.get_future().share();
    std::promise<void> inside;
    SpawnBlocking([&] {
      inside.set_value();
      open.wait();
    }).Detach();
    inside.get_future().wait();
    SpawnBlocking([] {}).Detach();  // the one that may wait
    const std::string path = temp.path();
    EXPECT_TRUE(absl::IsResourceExhausted(runtime.BlockOn(temp.Persist(In("kept")))));
    EXPECT_EQ(temp.path(), path);
    EXPECT_TRUE(!named || Exists(path));
    gate.set_value();
    EXPECT_TRUE(runtime.BlockOn(Until([&] { return runtime.metrics().blocking_queue_depth() == 0; })).ok());
    EXPECT_EQ(runtime.BlockOn(temp.Persist(In("kept"))), OkStatus());
    EXPECT_TRUE(Exists(In("kept")));
    EXPECT_EQ(runtime.BlockOn(temp.file().Close()), OkStatus());
    EXPECT_EQ(ErrnoOf(runtime.BlockOn(temp.Persist(In("again")))), EBADF);
  }
}

TEST_P(TempFileTest, APersistThatIsDroppedHappensOrNot) {
  const int before = OpenFds();
  for (const bool named : {false, true}) {
    const std::string to = In(named ? "named" : "unnamed");
    for (const bool begun : {false, true}) {
      Runtime runtime = *Builder().MaxBlockingThreads(1).Build();
      const EnterGuard guard = runtime.Enter();
      std::optional<TempFile> temp = *runtime.BlockOn(named ? TempFile::CreateNamed(dir_) : TempFile::Create(dir_));
      {
        PolledTask persist(temp->Persist(to));
        if (begun) static_cast<void>(persist.Poll());
      }
      temp.reset();
      EXPECT_TRUE(runtime.BlockOn(SpawnBlocking([] {})).ok());
      EXPECT_EQ(Exists(to), begun);  // what had begun is done
    }
  }
  EXPECT_EQ(NamesLeft(), 2);
  EndRuntime();
  EXPECT_EQ(OpenFds(), before);
}

}  // namespace
}  // namespace kioto::fs
