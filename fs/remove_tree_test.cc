#include "kioto/fs/remove_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "kioto/fs/testing_fs.h"

namespace kioto::fs {
namespace {

void MakeFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr) << path;
  std::fclose(file);
}
bool Exists(const std::string& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0;
}

TEST(RemoveTreeTest, RemovesAllThatIsInItAndNothingElse) {
  const std::string dir = NewTestDir();
  const std::string kept = dir + "/kept", tree = dir + "/tree";
  ASSERT_EQ(::mkdir(kept.c_str(), 0700), 0);
  MakeFile(kept + "/file");
  ASSERT_EQ(::mkdir(tree.c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((tree + "/a").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((tree + "/a/b").c_str(), 0700), 0);
  MakeFile(tree + "/a/file");
  ASSERT_EQ(::symlink(kept.c_str(), (tree + "/a/b/link").c_str()), 0);
  EXPECT_EQ(internal::RemoveTree(tree.c_str()), 0);
  EXPECT_FALSE(Exists(tree));
  EXPECT_TRUE(Exists(kept + "/file"));
}

TEST(RemoveTreeTest, TakesFilesAndLinksToo) {
  const std::string dir = NewTestDir();
  MakeFile(dir + "/file");
  ASSERT_EQ(::symlink((dir + "/file").c_str(), (dir + "/link").c_str()), 0);
  EXPECT_EQ(internal::RemoveTree((dir + "/link").c_str()), 0);
  EXPECT_FALSE(Exists(dir + "/link"));
  EXPECT_TRUE(Exists(dir + "/file"));
  EXPECT_EQ(internal::RemoveTree((dir + "/file").c_str()), 0);
  EXPECT_FALSE(Exists(dir + "/file"));
}

TEST(RemoveTreeTest, HasAnEndAtADepthThatAPathCanNotHold) {
  const std::string dir = NewTestDir();
  const std::string tree = dir + "/tree", name(200, 'd');
  ASSERT_EQ(::mkdir(tree.c_str(), 0700), 0);
  int fd = ::open(tree.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int depth = 0; depth < 30; ++depth) {  // 6,000 bytes of path
    ASSERT_EQ(::mkdirat(fd, name.c_str(), 0700), 0);
    const int below = ::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::close(fd);
    fd = below;
  }
  ::close(fd);
  EXPECT_EQ(internal::RemoveTree(tree.c_str()), 0);
  EXPECT_FALSE(Exists(tree));
}

}  // namespace
}  // namespace kioto::fs
