#include "kioto/fs/temp_dir.h"

#include <errno.h>

#include <future>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/temp_file.h"
#include "kioto/fs/testing_temp.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"

namespace kioto::fs {
namespace {

class TempDirTest : public TempTest {};
ON_EVERY_FLAVOUR(TempDirTest);

TEST_P(TempDirTest, WhatCannotBeMadeIsAnError) {
  EXPECT_EQ(ErrnoOf(Run(TempDir::Create(In("none"))).status()), ENOENT);
  EXPECT_TRUE(absl::IsInvalidArgument(Run(TempDir::Create(dir_ + std::string("\0x", 2))).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Run(TempDir::Create(dir_, std::string("a\0", 2))).status()));
}

TEST_P(TempDirTest, ADirectoryGoesWithAllThatIsInIt) {
  EXPECT_EQ(Run(Write(In("kept"), "")), OkStatus());
  {
    StatusOr<TempDir> temp = Run(TempDir::Create(dir_, "build."));
    ASSERT_TRUE(temp.ok()) << temp.status();
    EXPECT_EQ(temp->path().substr(0, dir_.size() + 7), In("build."));
    EXPECT_EQ(Run(GetMetadata(temp->path()))->permissions().mode(), 0700u);
    EXPECT_EQ(Run(CreateDirAll(temp->path() + "/a/b")), OkStatus());
    EXPECT_EQ(Run(Write(temp->path() + "/a/b/c", "")), OkStatus());
    EXPECT_EQ(Run(Symlink(In("kept"), temp->path() + "/link")), OkStatus());
  }
  EXPECT_EQ(NamesLeft(), 1);
}

TEST_P(TempDirTest, ADirectoryIsRemovedOrKept) {
  TempDir removed = *Run(TempDir::Create(dir_));
  EXPECT_EQ(Run(removed.Remove()), OkStatus());
  EXPECT_FALSE(Exists(removed.path()));
  const std::string kept = Run(TempDir::Create(dir_))->path();
  EXPECT_EQ(NamesLeft(), 0);
  EXPECT_FALSE(Exists(kept));
  const std::string stays = (*Run(TempDir::Create(dir_))).path();
  const std::string path = std::move(*Run(TempDir::Create(dir_))).Keep();
  EXPECT_EQ(NamesLeft(), 1);
  EXPECT_TRUE(Exists(path));
  EXPECT_FALSE(Exists(stays));
}

TEST_P(TempDirTest, OutsideARuntimeItGoesAtOnce) {
  std::optional<TempDir> dir = *Run(TempDir::Create(dir_));
  std::optional<TempFile> file = *Run(TempFile::CreateNamed(dir_));
  EndRuntime();
  const std::string path = dir->path(), file_path = file->path();
  EXPECT_TRUE(Exists(path) && Exists(file_path));
  dir.reset();
  file.reset();
  EXPECT_FALSE(Exists(path) || Exists(file_path));
}

// behaviour: kioto/fs/temp_dir.h#a_drop_does_not_block
TEST_P(TempDirTest, InARuntimeItIsAJobThatRemovesIt) {
  Runtime runtime = *Builder().MaxBlockingThreads(1).Build();
  const EnterGuard guard = runtime.Enter();
  std::optional<TempDir> dir = *runtime.BlockOn(TempDir::Create(dir_));
  const std::string path = dir->path();
  std::promise<void> gate;
  SpawnBlocking([open = gate.get_future().share()] { open.wait(); }).Detach();
  dir.reset();
  EXPECT_TRUE(Exists(path));  // nobody has blocked
  runtime.ShutdownBackground();
  gate.set_value();
  EXPECT_TRUE(runtime.Shutdown().clean());
  EXPECT_FALSE(Exists(path));  // though the runtime has ended
}

}  // namespace
}  // namespace kioto::fs
