#include "kioto/fs/paths.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/read_dir.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto::fs {
namespace {

class PathsTest : public FsTest {};
ON_EVERY_FLAVOUR(PathsTest);

// behaviour: tokio/tests/fs.rs#path_read_write
TEST_P(PathsTest, WritesAndReads) {
  EXPECT_EQ(Run(Write(In("a"), "bytes")), OkStatus());
  BothWays([&] { EXPECT_EQ(*Run(Read(In("a"))), "bytes"); });
}

// behaviour: tokio/tests/fs_write.rs#write
TEST_P(PathsTest, ReadsText) {
  EXPECT_EQ(Run(Write(In("a"), "hi \xe2\x82\xac")), OkStatus());
  BothWays([&] { EXPECT_EQ(*Run(ReadToString(In("a"))), "hi \xe2\x82\xac"); });
}

TEST_P(PathsTest, TellsWhatIsNoText) {
  for (const char* bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80", "\x80"}) {
    EXPECT_EQ(Run(Write(In("a"), bad)), OkStatus());
    BothWays([&] { EXPECT_EQ(Run(ReadToString(In("a"))).status().code(), absl::StatusCode::kInvalidArgument); });
  }
}

// behaviour: tokio/tests/fs_uring_read.rs#read_small_large_files
TEST_P(PathsTest, ReadsFilesOfAnySize) {
  for (size_t size : {20, 5000, 300000}) {
    const std::string bytes(size, 'x');
    EXPECT_EQ(Run(Write(In("a"), bytes)), OkStatus());
    BothWays([&] { EXPECT_TRUE(*Run(Read(In("a"))) == bytes) << size; });
  }
  EXPECT_FALSE(Run(Read("/proc/self/stat"))->empty());  // says that it has no bytes
}

// behaviour: tokio/tests/fs_canonicalize_dir.rs#canonicalize_root_dir_unix
TEST_P(PathsTest, Canonicalizes) { EXPECT_EQ(*Run(Canonicalize("/.")), "/"); }

// behaviour: tokio/tests/fs_copy.rs#copy_permissions
TEST_P(PathsTest, CopiesWithPermissions) {
  EXPECT_EQ(Run(Write(In("a"), "12345")), OkStatus());
  Permissions permissions = Run(GetMetadata(In("a")))->permissions();
  permissions.SetReadonly(true);
  EXPECT_EQ(Run(SetPermissions(In("a"), permissions)), OkStatus());
  EXPECT_EQ(*Run(Copy(In("a"), In("b"))), 5u);
  EXPECT_EQ(*Run(Read(In("b"))), "12345");
  EXPECT_TRUE(Run(GetMetadata(In("b")))->permissions() == permissions);
}

TEST_P(PathsTest, CopiesWhatTheKernelLeavesToUs) {
  EXPECT_GT(*Run(Copy("/proc/self/stat", In("stat"))), 0u);  // has bytes, and says that it has none
  EXPECT_FALSE(Run(Read(In("stat")))->empty());
  const std::string bytes(300'000, 'x');
  EXPECT_EQ(Run(Write(In("a"), bytes)), OkStatus());
  EXPECT_EQ(Run(Write(In("b"), bytes + bytes)), OkStatus());
  EXPECT_EQ(*Run(Copy(In("a"), In("b"))), 300'000u);
  EXPECT_TRUE(*Run(Read(In("b"))) == bytes);  // nothing is left of the old one
  EXPECT_EQ(ErrnoOf(Run(Copy(dir_, In("c"))).status()), EINVAL);
  EXPECT_EQ(ErrnoOf(Run(Copy(In("a"), "/dev/full")).status()), ENOSPC);
  EXPECT_EQ(ErrnoOf(Run(Write("/dev/full", bytes))), ENOSPC);
}

TEST_P(PathsTest, DoesNotCopyAFileOntoItself) {
  EXPECT_EQ(Run(Write(In("a"), "12345")), OkStatus());
  EXPECT_EQ(ErrnoOf(Run(Copy(In("a"), In("a"))).status()), EINVAL);
  EXPECT_EQ(*Run(Read(In("a"))), "12345");
}

// behaviour: tokio/tests/fs_dir.rs#create_dir
TEST_P(PathsTest, CreatesADirectory) {
  EXPECT_EQ(Run(CreateDir(In("d"))), OkStatus());
  EXPECT_TRUE(Run(GetMetadata(In("d")))->is_dir());
  EXPECT_EQ(ErrnoOf(Run(CreateDir(In("d")))), EEXIST);
}

// behaviour: tokio/tests/fs_dir.rs#create_all
TEST_P(PathsTest, CreatesAllThatLeadsThere) {
  EXPECT_EQ(Run(CreateDirAll(In("d/e//f/"))), OkStatus());
  EXPECT_TRUE(Run(GetMetadata(In("d/e/f")))->is_dir());
  EXPECT_EQ(Run(CreateDirAll(In("d/e/f"))), OkStatus());
  EXPECT_EQ(Run(Write(In("file"), "")), OkStatus());
  EXPECT_FALSE(Run(CreateDirAll(In("file"))).ok());
  EXPECT_FALSE(Run(CreateDirAll(In("file/d"))).ok());
}

// behaviour: tokio/tests/fs_dir.rs#build_dir
TEST_P(PathsTest, BuildsDirectories) {
  EXPECT_EQ(Run(DirBuilder().Recursive(true).Create(In("d/e"))), OkStatus());
  EXPECT_TRUE(Run(GetMetadata(In("d/e")))->is_dir());
  EXPECT_EQ(ErrnoOf(Run(DirBuilder().Recursive(false).Create(In("d/e")))), EEXIST);
}

// behaviour: tokio/tests/fs_dir.rs#build_dir_mode_read_only
TEST_P(PathsTest, BuildsWithAMode) {
  EXPECT_EQ(Run(DirBuilder().Mode(0444).Create(In("d"))), OkStatus());
  EXPECT_TRUE(Run(GetMetadata(In("d")))->permissions().readonly());
}

// behaviour: tokio/tests/fs_dir.rs#remove
TEST_P(PathsTest, RemovesAnEmptyDirectory) {
  EXPECT_EQ(Run(CreateDir(In("d"))), OkStatus());
  EXPECT_EQ(Run(RemoveDir(In("d"))), OkStatus());
  EXPECT_FALSE(*Run(TryExists(In("d"))));
}

// behaviour: tokio/tests/fs_link.rs#test_hard_link
TEST_P(PathsTest, HardLinks) {
  EXPECT_EQ(Run(Write(In("a"), "old")), OkStatus());
  EXPECT_EQ(Run(HardLink(In("a"), In("b"))), OkStatus());
  EXPECT_EQ(Run(Write(In("a"), "new")), OkStatus());
  EXPECT_EQ(*Run(Read(In("b"))), "new");
  EXPECT_FALSE(Run(SymlinkMetadata(In("b")))->is_symlink());
}

// behaviour: tokio/tests/fs_link.rs#test_symlink
TEST_P(PathsTest, Symlinks) {
  EXPECT_EQ(Run(Write(In("a"), "old")), OkStatus());
  EXPECT_EQ(Run(Symlink(In("a"), In("b"))), OkStatus());
  EXPECT_EQ(Run(Write(In("a"), "new")), OkStatus());
  EXPECT_EQ(*Run(Read(In("b"))), "new");
  EXPECT_EQ(*Run(ReadLink(In("b"))), In("a"));
  EXPECT_TRUE(Run(SymlinkMetadata(In("b")))->is_symlink());
  EXPECT_FALSE(Run(GetMetadata(In("b")))->is_symlink());
}

// behaviour: tokio/tests/fs_link.rs#test_hard_link_error_source_is_directory
TEST_P(PathsTest, DoesNotHardLinkADirectory) {
  EXPECT_EQ(ErrnoOf(Run(HardLink(dir_, In("link")))), EPERM);
}

// behaviour: tokio/tests/fs_remove_dir_all.rs#remove_dir_all
TEST_P(PathsTest, RemovesATree) {
  EXPECT_EQ(Run(CreateDirAll(In("d/e"))), OkStatus());
  EXPECT_EQ(Run(Write(In("d/e/file"), "")), OkStatus());
  EXPECT_EQ(Run(Write(In("kept"), "")), OkStatus());
  EXPECT_EQ(Run(Symlink(dir_, In("d/link"))), OkStatus());
  EXPECT_EQ(Run(RemoveDirAll(In("d"))), OkStatus());
  EXPECT_FALSE(*Run(TryExists(In("d"))));
  EXPECT_TRUE(*Run(TryExists(In("kept"))));
}

// behaviour: tokio/tests/fs_remove_file.rs#remove_file
TEST_P(PathsTest, RemovesAFile) {
  EXPECT_EQ(Run(Write(In("a"), "")), OkStatus());
  EXPECT_TRUE(*Run(TryExists(In("a"))));
  EXPECT_EQ(Run(RemoveFile(In("a"))), OkStatus());
  EXPECT_FALSE(*Run(TryExists(In("a"))));
}

// behaviour: tokio/tests/fs_rename.rs#rename_file
TEST_P(PathsTest, Renames) {
  EXPECT_EQ(Run(Write(In("a"), "")), OkStatus());
  EXPECT_EQ(Run(Rename(In("a"), In("b"))), OkStatus());
  EXPECT_TRUE(*Run(TryExists(In("b"))));
  EXPECT_FALSE(*Run(TryExists(In("a"))));
}

// behaviour: tokio/tests/fs_uring_rename.rs#rename_file
TEST_P(PathsTest, ContentsMoveWithTheName) {
  EXPECT_EQ(Run(Write(In("a"), "bytes")), OkStatus());
  EXPECT_EQ(Run(Rename(In("a"), In("b"))), OkStatus());
  EXPECT_EQ(*Run(Read(In("b"))), "bytes");
}

// behaviour: tokio/tests/fs_uring_rename.rs#rename_replaces_destination
TEST_P(PathsTest, RenamingReplaces) {
  EXPECT_EQ(Run(Write(In("a"), "new")), OkStatus());
  EXPECT_EQ(Run(Write(In("b"), "old")), OkStatus());
  EXPECT_EQ(Run(Rename(In("a"), In("b"))), OkStatus());
  EXPECT_EQ(*Run(Read(In("b"))), "new");
}

// behaviour: tokio/tests/fs_uring_rename.rs#rename_directory
TEST_P(PathsTest, RenamesADirectory) {
  EXPECT_EQ(Run(CreateDir(In("d"))), OkStatus());
  EXPECT_EQ(Run(Write(In("d/file"), "bytes")), OkStatus());
  EXPECT_EQ(Run(Rename(In("d"), In("e"))), OkStatus());
  EXPECT_EQ(*Run(Read(In("e/file"))), "bytes");
}

// behaviour: tokio/tests/fs_uring_rename.rs#rename_nonexistent_source
TEST_P(PathsTest, RenamingNothingIsNamed) {
  const Status status = Run(Rename(In("none"), In("b")));
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_NE(status.message().find(absl::StrCat("fs::Rename ", In("none"), " to ")), absl::string_view::npos) << status;
}

// behaviour: tokio/tests/fs_uring_rename.rs#rename_path_name_too_long
TEST_P(PathsTest, RenamingToALongNameFails) {
  EXPECT_EQ(Run(Write(In("a"), "")), OkStatus());
  EXPECT_EQ(ErrnoOf(Run(Rename(In("a"), In(std::string(5000, 'x'))))), ENAMETOOLONG);
}

// behaviour: tokio/tests/fs_uring_statx.rs#stat_small_large_files
TEST_P(PathsTest, FilesOfAnySizeExist) {
  EXPECT_EQ(Run(Write(In("large"), std::string(5000, 'x'))), OkStatus());
  EXPECT_EQ(Run(Write(In("small"), std::string(20, 'x'))), OkStatus());
  EXPECT_TRUE(*Run(TryExists(In("large"))));
  EXPECT_TRUE(*Run(TryExists(In("small"))));
}

// behaviour: tokio/tests/fs_uring_statx.rs#stat_nonexistent_file
TEST_P(PathsTest, AMissingFileDoesNotExist) {
  EXPECT_FALSE(*Run(TryExists(In("none"))));
  EXPECT_EQ(Run(Symlink(In("none"), In("link"))), OkStatus());
  EXPECT_FALSE(*Run(TryExists(In("link"))));
}

// behaviour: tokio/tests/fs_uring_statx.rs#stat_filesystem_loop
TEST_P(PathsTest, ALoopOfLinksIsAnError) {
  EXPECT_EQ(Run(Symlink(In("a"), In("b"))), OkStatus());
  EXPECT_EQ(Run(Symlink(In("b"), In("a"))), OkStatus());
  EXPECT_EQ(ErrnoOf(Run(TryExists(In("a"))).status()), ELOOP);
  EXPECT_EQ(ErrnoOf(Run(TryExists(In("b"))).status()), ELOOP);
}

// behaviour: tokio/tests/fs_uring_statx.rs#stat_path_name_too_long
TEST_P(PathsTest, ALongNameIsAnError) {
  EXPECT_EQ(ErrnoOf(Run(TryExists(In(std::string(5000, 'x')))).status()), ENAMETOOLONG);
}

// To the kernel `path` ends at the zero byte, where a file and a tree are that must not be touched.
TEST_P(PathsTest, APathWithAZeroByteIsRefused) {
  const auto zero = [](std::string path) { return path += std::string("\0/x", 3); };
  const auto refused = [](const Status& status) {
    return absl::IsInvalidArgument(status) && status.message().find("\\x00/x': the path has a zero byte") != absl::string_view::npos;
  };
  const std::string file = In("file"), dir = In("dir"), none = In("none");
  EXPECT_EQ(Run(Write(file, "kept")), OkStatus());
  EXPECT_EQ(Run(CreateDir(dir)), OkStatus());
  EXPECT_EQ(Run(Symlink(file, In("link"))), OkStatus());
  EXPECT_TRUE(refused(Run(Read(zero(file))).status()));
  EXPECT_TRUE(refused(Run(ReadToString(zero(file))).status()));
  EXPECT_TRUE(refused(Run(Write(zero(file), "lost"))));
  EXPECT_TRUE(refused(Run(Copy(zero(file), none)).status()));
  EXPECT_TRUE(refused(Run(Copy(file, zero(none))).status()));
  EXPECT_TRUE(refused(Run(Rename(zero(file), none))));
  EXPECT_TRUE(refused(Run(Rename(file, zero(none)))));
  EXPECT_TRUE(refused(Run(HardLink(zero(file), none))));
  EXPECT_TRUE(refused(Run(HardLink(file, zero(none)))));
  EXPECT_TRUE(refused(Run(Symlink(zero(file), none))));
  EXPECT_TRUE(refused(Run(Symlink(file, zero(none)))));
  EXPECT_TRUE(refused(Run(ReadLink(zero(In("link")))).status()));
  EXPECT_TRUE(refused(Run(Canonicalize(zero(file))).status()));
  EXPECT_TRUE(refused(Run(CreateDir(zero(none)))));
  EXPECT_TRUE(refused(Run(CreateDirAll(zero(none)))));
  EXPECT_TRUE(refused(Run(RemoveFile(zero(file)))));
  EXPECT_TRUE(refused(Run(RemoveDir(zero(dir)))));
  EXPECT_TRUE(refused(Run(RemoveDirAll(zero(dir)))));
  EXPECT_TRUE(refused(Run(GetMetadata(zero(file))).status()));
  EXPECT_TRUE(refused(Run(SymlinkMetadata(zero(file))).status()));
  EXPECT_TRUE(refused(Run(SetPermissions(zero(file), Permissions(0)))));
  EXPECT_TRUE(refused(Run(TryExists(zero(file))).status()));
  EXPECT_TRUE(refused(Run(OpenDir(zero(dir))).status()));
  EXPECT_FALSE(*Run(TryExists(none)));
  EXPECT_TRUE(*Run(TryExists(dir)));
  EXPECT_EQ(*Run(Read(file)), "kept");
  EXPECT_EQ(Run(Write(file, std::string("\0", 1))), OkStatus());  // bytes are no path
  EXPECT_EQ(Run(Write(zero(file), "")).message(),
            absl::StrCat("fs::Write '", file, "\\x00/x': the path has a zero byte, where the kernel would think that it ends"));
}

// Who tries it again for ever blocks nobody.
TEST_P(PathsTest, ARefusalTakesFromTheBudget) {
  int refusals = 0;
  const EnterGuard guard = runtime().Enter();
  PolledTask loop(Loop([&refusals] {
    return RemoveFile(std::string("a\0", 2)).Then([&refusals](Status&) {
      ++refusals;
      return Continue();
    });
  }));
  EXPECT_TRUE(loop.Poll().pending());
  EXPECT_LE(refusals, limits::kPollBudget);
}

}  // namespace
}  // namespace kioto::fs
