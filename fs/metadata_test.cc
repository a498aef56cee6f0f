#include "kioto/fs/metadata.h"

#include <string>

#include "gtest/gtest.h"

namespace kioto::fs {
namespace {

TEST(PermissionsTest, KeepTheTwelveBits) {
  EXPECT_EQ(Permissions(0100644).mode(), 0644u);
  EXPECT_EQ(Permissions(04755).mode(), 04755u);
  EXPECT_EQ(Permissions(0644), Permissions(S_IFREG | 0644));
  EXPECT_NE(Permissions(0644), Permissions(0600));
}

TEST(PermissionsTest, ReadonlyIsForEverybody) {
  Permissions some(0464);  // the group may write
  EXPECT_FALSE(some.readonly());
  some.SetReadonly(true);
  EXPECT_TRUE(some.readonly());
  EXPECT_EQ(some.mode(), 0444u);
  some.SetReadonly(false);
  EXPECT_EQ(some.mode(), 0666u);
}

TEST(MetadataTest, TellsWhatItIs) {
  struct stat st = {};
  st.st_mode = S_IFLNK | 0777;
  st.st_size = 12;
  st.st_ino = 34;
  const Metadata link(st);
  EXPECT_TRUE(link.is_symlink() && !link.is_file() && !link.is_dir());
  EXPECT_EQ(link.size(), 12u);
  EXPECT_EQ(link.ino(), 34u);
  EXPECT_EQ(link.permissions().mode(), 0777u);
  st.st_mode = S_IFDIR;
  EXPECT_TRUE(Metadata(st).is_dir());
  st.st_mode = S_IFREG;
  EXPECT_TRUE(Metadata(st).is_file());
}

}  // namespace
}  // namespace kioto::fs
