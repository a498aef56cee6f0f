#include "kioto/net/address.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <random>
#include <string>

#include "absl/hash/hash_testing.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace kioto::net {
namespace {

TEST(SocketAddress, ParsesAndPrints) {
  for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:0", "[2001:db8::7]:443",
                           "[fe80::1%3]:80", "[::ffff:1.2.3.4]:5"}) {
    StatusOr<SocketAddress> address = SocketAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << text << address.status();
    EXPECT_EQ(address->ToString(), text);
    EXPECT_EQ(absl::StrCat(*address), text);
  }
  EXPECT_EQ(SocketAddress::Parse("[::1]:80")->ip(), IpAddress::LoopbackV6());
  EXPECT_EQ(*SocketAddress::Parse("127.0.0.1:80"), SocketAddress(IpAddress::LoopbackV4(), 80));
}

TEST(SocketAddress, KnowsInterfacesByName) {
  StatusOr<SocketAddress> address = SocketAddress::Parse("[fe80::1%lo]:80");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->scope_id(), if_nametoindex("lo"));
  EXPECT_FALSE(SocketAddress::Parse("[fe80::1%no_such_interface]:80").ok());
}

TEST(SocketAddress, RefusesWhatIsNotOne) {
  for (absl::string_view text :
       {absl::string_view(""), absl::string_view(":"), absl::string_view("127.0.0.1"), absl::string_view("127.0.0.1:"),
        absl::string_view("127.0.0.1:65536"), absl::string_view("127.0.0.1:-1"), absl::string_view("127.0.0.1:+1"),
        absl::string_view("127.0.0.1: 1"), absl::string_view("127.0.0.1:99999999999999999999"),
        absl::string_view("127.1:80"), absl::string_view("127.0.0.01:80"), absl::string_view("::1:80"),
        absl::string_view("[127.0.0.1]:80"), absl::string_view("[::1]"), absl::string_view("[::1:80"),
        absl::string_view("[]:80"), absl::string_view("[::1%]:80"), absl::string_view("localhost:80"),
        absl::string_view("127.0.0.1\0:80", 13), absl::string_view("256.0.0.1:80"), absl::string_view("1.2.3.4.5:80")}) {
    EXPECT_FALSE(SocketAddress::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(SocketAddress::Parse(std::string(100'000, '1') + ":80").ok());
  EXPECT_EQ(SocketAddress::Parse("::1:80").status().message(),
            "\"::1:80\" is not a socket address: an IPv6 address must stand in brackets");
}

SocketAddress RandomAddress(std::mt19937& random) {
  const auto port = static_cast<uint16_t>(random());
  if (random() % 2 == 0) {
    const uint32_t bits = random();
    IpAddress::V4Bytes bytes;
    std::memcpy(bytes.data(), &bits, 4);
    return SocketAddress(IpAddress(bytes), port);
  }
  IpAddress::V6Bytes bytes;
  for (uint8_t& byte : bytes) byte = random() % 3 == 0 ? 0 : static_cast<uint8_t>(random());
  return SocketAddress(IpAddress(bytes), port, random() % 2 == 0 ? 0 : static_cast<uint32_t>(random()));
}

// check: D19
TEST(SocketAddress, SurvivesTextAndKernelAndBack) {
  std::mt19937 random(17);
  for (int i = 0; i < 100'000; ++i) {
    const SocketAddress address = RandomAddress(random);
    StatusOr<SocketAddress> parsed = SocketAddress::Parse(address.ToString());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    ASSERT_EQ(*parsed, address);
    sockaddr_storage storage;
    const size_t size = address.ToSockaddr(&storage);
    // At an odd place in memory: no cast may assume its alignment.
    char bytes[sizeof(storage) + 1];
    std::memcpy(bytes + 1, &storage, size);
    StatusOr<SocketAddress> back = SocketAddress::FromSockaddr(bytes + 1, size);
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(*back, address);
  }
}

TEST(SocketAddress, RefusesKernelAddressesThatAreShortOrForeign) {
  sockaddr_storage storage;
  const size_t size = SocketAddress(IpAddress::LoopbackV6(), 80).ToSockaddr(&storage);
  for (size_t n = 0; n < size; ++n) EXPECT_FALSE(SocketAddress::FromSockaddr(&storage, n).ok()) << n;
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  EXPECT_FALSE(SocketAddress::FromSockaddr(&un, sizeof(un)).ok());
}

TEST(SocketAddress, ComparesAndHashes) {
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly({
      SocketAddress(), SocketAddress(IpAddress::LoopbackV4(), 1), SocketAddress(IpAddress::LoopbackV4(), 2),
      SocketAddress(IpAddress::LoopbackV6(), 1), SocketAddress(IpAddress::LoopbackV6(), 1, 5),
      SocketAddress(IpAddress::AnyV6(), 0),
  }));
  EXPECT_NE(IpAddress::AnyV4(), IpAddress::AnyV6());
  EXPECT_LT(SocketAddress(IpAddress::LoopbackV4(), 1), SocketAddress(IpAddress::LoopbackV4(), 2));
  EXPECT_EQ(SocketAddress(IpAddress::LoopbackV4(), 1, 9).scope_id(), 0u);  // v4 has none
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(IpAddress::Parse("127.3.2.1")->is_loopback());
  EXPECT_TRUE(IpAddress::LoopbackV6().is_loopback());
  EXPECT_FALSE(IpAddress::Parse("::2")->is_loopback());
  EXPECT_TRUE(IpAddress::Parse("0.0.0.0")->is_any());
  EXPECT_TRUE(IpAddress::Parse("::")->is_v6());
  EXPECT_FALSE(IpAddress::Parse("fe80::1%lo").ok());
}

}  // namespace
}  // namespace kioto::net
