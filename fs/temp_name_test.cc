#include "kioto/fs/temp_name.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "kioto/fs/testing_fs.h"

namespace kioto::fs::internal {
namespace {

bool IsThere(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Outside a runtime: what goes is removed at once.
class TempNameTest : public testing::Test {
 protected:
  TempName Made() {
    return *TempName::Make("test", dir_, "tmp.", [](const char* path) { return ::mkdir(path, 0700) == 0 ? 0 : -errno; });
  }

  const std::string dir_ = NewTestDir();
};

TEST_F(TempNameTest, AsksForAnotherNameWhileTheyAreTaken) {
  std::set<std::string> asked;
  const StatusOr<TempName> name = TempName::Make("test", dir_, "tmp.", [&](const char* path) {
    EXPECT_TRUE(absl::StartsWith(path, dir_ + "/tmp."));
    asked.insert(path);
    return asked.size() < 5 ? -EEXIST : 0;
  });
  ASSERT_TRUE(name.ok()) << name.status();
  EXPECT_EQ(asked.size(), 5u);
  EXPECT_EQ(asked.count(name->path()), 1u);
}

TEST_F(TempNameTest, GivesUpAfterAHundredTakenOnes) {
  int asked = 0;
  const Status status = TempName::Make("test", dir_, "", [&](const char*) { return ++asked, -EEXIST; }).status();
  EXPECT_EQ(ErrnoOf(status), EEXIST);
  EXPECT_EQ(asked, 100);
}

TEST_F(TempNameTest, OtherErrorsAreNotTriedAgain) {
  int asked = 0;
  const Status status = TempName::Make("fs::Temp", dir_, "", [&](const char*) { return ++asked, -EACCES; }).status();
  EXPECT_EQ(ErrnoOf(status), EACCES);
  EXPECT_TRUE(absl::StartsWith(status.message(), "fs::Temp " + dir_)) << status;
  EXPECT_EQ(asked, 1);
}

TEST_F(TempNameTest, IsRemovedOnceWithItsLastOwner) {
  std::optional<TempName> first = Made();
  const std::string path = first->path();
  TempName second = std::move(*first);
  EXPECT_EQ(first->path(), "");
  first.reset();
  EXPECT_TRUE(IsThere(path));
  second = Made();
  EXPECT_FALSE(IsThere(path));
  const std::string other = second.path();
  EXPECT_TRUE(IsThere(other));
  second = TempName();
  EXPECT_FALSE(IsThere(other));
}

TEST_F(TempNameTest, KeptItStays) {
  std::string path;
  {
    TempName name = Made();
    path = name.Keep();
    EXPECT_EQ(name.path(), "");
  }
  EXPECT_TRUE(IsThere(path));
}

TEST_F(TempNameTest, LiesWhereTheEnvironmentSays) {
  const char* const set = ::getenv("TMPDIR");
  const std::string before = set != nullptr ? set : "";
  EXPECT_EQ(TempName::DirOr("given"), "given");
  ASSERT_EQ(::setenv("TMPDIR", "/said", 1), 0);
  EXPECT_EQ(TempName::DirOr("given"), "given");
  EXPECT_EQ(TempName::DirOr(""), "/said");
  ASSERT_EQ(::setenv("TMPDIR", "", 1), 0);
  EXPECT_EQ(TempName::DirOr(""), "/tmp");
  ASSERT_EQ(::unsetenv("TMPDIR"), 0);
  EXPECT_EQ(TempName::DirOr(""), "/tmp");
  if (set != nullptr) {
    ASSERT_EQ(::setenv("TMPDIR", before.c_str(), 1), 0);
  }
}

}  // namespace
}  // namespace kioto::fs::internal
