#include "kioto/runtime/io/owned_fd.h"

#include <fcntl.h>

#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/sys.h"

namespace kioto {
namespace {

namespace sys = base::sys;

int Make() { return sys::Open("/dev/null", O_RDONLY, 0); }
bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(OwnedFdTest, ClosesWhatItOwns) {
  const int fd = Make();
  { OwnedFd owner(fd); }
  EXPECT_FALSE(IsOpen(fd));
  EXPECT_FALSE(OwnedFd().is_open());
}

TEST(OwnedFdTest, CloseIsAtOnceAndOnce) {
  OwnedFd owner(Make());
  const int fd = owner.fd();
  owner.Close();
  EXPECT_FALSE(IsOpen(fd));
  EXPECT_FALSE(owner.is_open());
  const int again = Make();  // has the same number
  owner.Close();
  EXPECT_TRUE(IsOpen(again));
  sys::Close(again);
}

TEST(OwnedFdTest, MovesAndGivesUp) {
  OwnedFd first(Make()), second(Make());
  const int one = first.fd(), two = second.fd();
  second = std::move(first);
  EXPECT_FALSE(IsOpen(two));
  EXPECT_EQ(second.fd(), one);
  OwnedFd third = std::move(second);
  const int fd = std::move(third).IntoFd();
  EXPECT_EQ(fd, one);
  EXPECT_FALSE(third.is_open());
  EXPECT_TRUE(IsOpen(fd));
  sys::Close(fd);
}

}  // namespace
}  // namespace kioto
