#include "kioto/net/unix_address.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/status.h"

namespace kioto::net {
namespace {

TEST(UnixAddressTest, IsAPathANameOrNowhere) {
  EXPECT_EQ(UnixAddress::Path("/a")->ToString(), "/a");
  EXPECT_EQ(*UnixAddress::Path("/a")->path(), "/a");
  EXPECT_EQ(UnixAddress::Abstract(absl::string_view("a\0b", 3))->ToString(), "@a\\000b");
  EXPECT_EQ(*UnixAddress::Abstract("n")->abstract_name(), "n");
  EXPECT_TRUE(UnixAddress().is_unnamed());
  EXPECT_EQ(UnixAddress().path(), nullptr);
  EXPECT_NE(*UnixAddress::Path("n"), *UnixAddress::Abstract("n"));
  EXPECT_FALSE(UnixAddress::Path("").ok());
  EXPECT_FALSE(UnixAddress::Path(absl::string_view("a\0b", 3)).ok());
  EXPECT_TRUE(UnixAddress::Path(std::string(107, 'x')).ok());
  EXPECT_FALSE(UnixAddress::Path(std::string(108, 'x')).ok());
  EXPECT_TRUE(UnixAddress::Abstract(std::string(107, 'x')).ok());
  EXPECT_FALSE(UnixAddress::Abstract(std::string(108, 'x')).ok());
  for (const UnixAddress& address : {UnixAddress(), *UnixAddress::Path("/a"), *UnixAddress::Abstract("n"),
                                     *UnixAddress::Path(std::string(107, 'x')), *UnixAddress::Abstract(std::string(107, 'x'))}) {
    sockaddr_storage storage;
    EXPECT_EQ(*UnixAddress::FromSockaddr(&storage, address.ToSockaddr(&storage)), address);
  }
}

// The kernel takes a path of 108 bytes without a NUL, and may say that it has 111 bytes with its family.
TEST(UnixAddressTest, APathWithoutANulStaysWithinItsRoom) {
  sockaddr_un native{};
  native.sun_family = AF_UNIX;
  std::memset(native.sun_path, 'p', sizeof(native.sun_path));
  const StatusOr<UnixAddress> address = UnixAddress::FromSockaddr(&native, sizeof(native) + 1);
  ASSERT_TRUE(address.ok()) << address.status();
  sockaddr_storage storage{};
  EXPECT_EQ(address->ToSockaddr(&storage), sizeof(native));
  EXPECT_EQ(std::memcmp(&storage, &native, sizeof(native)), 0);
}

}  // namespace
}  // namespace kioto::net
