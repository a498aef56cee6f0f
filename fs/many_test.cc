// Many files at once, and files that one may not see.
#include <errno.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/testing_fs.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"

namespace kioto::fs {
namespace {

constexpr int kFiles = 512;

class ManyFilesTest : public FsTest {
 protected:
  std::string Name(int i) const { return In(absl::StrCat("file", i % kFiles)); }
  static std::string Contents(int i) {
    std::string bytes = absl::StrCat(i % kFiles, " ");
    bytes.resize(1023, static_cast<char>('a' + i % 26));
    return bytes;
  }
  static std::vector<int> UpTo(int n) {
    std::vector<int> numbers;
    for (int i = 0; i < n; ++i) numbers.push_back(i);
    return numbers;
  }
  void MakeFiles() {
    EXPECT_EQ(Run(ForEachConcurrent(UpTo(kFiles), 64, [&](int& i) { return Write(Name(i), Contents(i % kFiles)); })), OkStatus());
  }
};
INSTANTIATE_TEST_SUITE_P(Flavours, ManyFilesTest, testing::Values(4), FlavourName);  // they take a while

// behaviour: tokio/tests/fs_uring_read.rs#read_many_files
TEST_P(ManyFilesTest, AreRead) {
  MakeFiles();
  BothWays([&] {
    int right = 0;
    const Status status = Run(ForEachConcurrent(UpTo(10'000), 256, [&](int& i) {
      return Read(Name(i)).AndThen([&](std::string& bytes) { right += bytes == Contents(i % kFiles); });
    }));
    EXPECT_EQ(status, OkStatus());
    EXPECT_EQ(right, 10'000);
  });
}

// behaviour: tokio/tests/fs_uring_rename.rs#rename_many_files
TEST_P(ManyFilesTest, AreRenamed) {
  MakeFiles();
  const Status status =
      Run(ForEachConcurrent(UpTo(kFiles), kFiles, [&](int& i) { return Rename(Name(i), absl::StrCat(Name(i), ".new")); }));
  EXPECT_EQ(status, OkStatus());
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_FALSE(*Run(TryExists(Name(i))));
    EXPECT_TRUE(*Run(TryExists(absl::StrCat(Name(i), ".new"))));
  }
}

// behaviour: tokio/tests/fs_uring_statx.rs#stat_many_files
TEST_P(ManyFilesTest, Exist) {
  MakeFiles();
  int there = 0;
  const Status status = Run(ForEachConcurrent(
      UpTo(10'000), 256, [&](int& i) { return TryExists(Name(i)).AndThen([&](bool& exists) { there += exists; }); }));
  EXPECT_EQ(status, OkStatus());
  EXPECT_EQ(there, 10'000);
}

// A pool whose one thread is bound by permissions.
class BoundByPermissionsTest : public FsTest {
 protected:
  template <class F>
  auto Bound(F future) {
    return runtime_.BlockOn(std::move(future));
  }
  BoundByPermissionsTest() {
    EXPECT_EQ(Bound(Write(In("file"), "")), OkStatus());
    EXPECT_EQ(Bound(CreateDir(In("closed"))), OkStatus());
    EXPECT_EQ(Bound(Write(In("closed/file"), "")), OkStatus());
    EXPECT_TRUE(runtime_.BlockOn([] { return SpawnBlocking(&GiveUpPrivileges); }).ok());
  }
  ~BoundByPermissionsTest() override { EXPECT_EQ(Bound(SetPermissions(In("closed"), Permissions(0755))), OkStatus()); }

  Runtime runtime_ = *Builder().MaxBlockingThreads(1).Build();
};
ON_EVERY_FLAVOUR(BoundByPermissionsTest);

// behaviour: tokio/tests/fs_try_exists.rs#try_exists
TEST_P(BoundByPermissionsTest, WhetherAFileExistsMayBeUnknown) {
  EXPECT_TRUE(*Bound(TryExists(In("file"))));
  EXPECT_TRUE(*Bound(TryExists(In("closed/file"))));
  EXPECT_FALSE(*Bound(TryExists(In("none"))));
  EXPECT_EQ(Bound(SetPermissions(In("closed"), Permissions(0600))), OkStatus());
  const Status status = Bound(TryExists(In("closed/file"))).status();
  EXPECT_EQ(ErrnoOf(status), EACCES) << status;
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
}

// behaviour: tokio/tests/fs_uring_statx.rs#stat_permission_denied
TEST_P(BoundByPermissionsTest, NothingIsKnownOfADirectoryWithoutSearch) {
  EXPECT_EQ(Bound(SetPermissions(In("closed"), Permissions(0244))), OkStatus());
  EXPECT_EQ(ErrnoOf(Bound(TryExists(In("closed/file"))).status()), EACCES);
  EXPECT_EQ(ErrnoOf(Bound(TryExists(In("closed/none"))).status()), EACCES);
  EXPECT_EQ(ErrnoOf(Bound(GetMetadata(In("closed/file"))).status()), EACCES);
}

}  // namespace
}  // namespace kioto::fs
