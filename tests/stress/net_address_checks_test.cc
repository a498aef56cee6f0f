// Addresses there and back, names of hosts that are none, and garbage for whatever reads them: D19, D20 and K4 (README.md).
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/net/address.h"
#include "kioto/net/endpoint.h"
#include "kioto/net/unix_address.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/tests/stress/stress.h"

namespace kioto::net {
namespace {

using base::FastRandom;

std::string RandomBytes(FastRandom& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

// A v4 address, or a v6 one with many zeros, half of the time with a scope.
SocketAddress RandomSocketAddress(FastRandom& random) {
  const auto port = static_cast<uint16_t>(random.Next());
  if (random.Below(2) == 0) {
    IpAddress::V4Bytes bytes;
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    return SocketAddress(IpAddress(bytes), port);
  }
  IpAddress::V6Bytes bytes;
  for (uint8_t& byte : bytes) byte = random.Below(3) == 0 ? 0 : static_cast<uint8_t>(random.Next());
  return SocketAddress(IpAddress(bytes), port, random.Below(2) == 0 ? 0 : static_cast<uint32_t>(random.Next()));
}

// To the kernel's form and back, at an odd place in memory: no cast may assume its alignment.
template <class Address>
void ExpectComesBack(const Address& address) {
  sockaddr_storage storage;
  const size_t size = address.ToSockaddr(&storage);
  ASSERT_LE(size, sizeof(storage));
  char bytes[sizeof(storage) + 1];
  std::memcpy(bytes + 1, &storage, size);
  const StatusOr<Address> back = Address::FromSockaddr(bytes + 1, size);
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(*back, address);
}

// check: D19
TEST(NetAddressChecks, AMillionAddressesComeBackFromTextAndKernel) {
  const int addresses = Scaled(1'000'000);
  FastRandom random(19);
  for (int i = 0; i < addresses && !testing::Test::HasFatalFailure(); ++i) {
    const SocketAddress address = RandomSocketAddress(random);
    ExpectComesBack(address);
    const StatusOr<SocketAddress> parsed = SocketAddress::Parse(address.ToString());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    ASSERT_EQ(*parsed, address);
  }
}

// Paths and abstract names of each length that an address has room for; of one byte more they are refused, not cut.
// check: D19
TEST(NetAddressChecks, UnixAddressesOfEveryLengthComeBack) {
  constexpr size_t kRoom = sizeof(sockaddr_un::sun_path);
  ASSERT_EQ(kRoom, 108u);
  const int rounds = Scaled(1'000);
  FastRandom random(20);
  ExpectComesBack(UnixAddress());
  int good = 0;
  for (int round = 0; round < rounds && !testing::Test::HasFatalFailure(); ++round) {
    for (size_t size = 0; size <= kRoom + 2; ++size) {
      std::string bytes = RandomBytes(random, size);
      const StatusOr<UnixAddress> name = UnixAddress::Abstract(bytes);
      ASSERT_EQ(name.ok(), size > 0 && size < kRoom) << name.status();
      std::replace(bytes.begin(), bytes.end(), '\0', '0');
      const StatusOr<UnixAddress> path = UnixAddress::Path(bytes);
      ASSERT_EQ(path.ok(), size > 0 && size < kRoom) << path.status();
      if (name.ok()) ExpectComesBack(*name);
      if (!path.ok()) continue;
      ExpectComesBack(*path);
      ++good;
      bytes[random.Below(static_cast<uint32_t>(size))] = '\0';
      ASSERT_FALSE(UnixAddress::Path(bytes).ok()) << "cut at its NUL";
    }
  }
  EXPECT_EQ(good, rounds * static_cast<int>(kRoom - 1));
}

// What the kernel never gave: whatever the bytes are, an address is read from no more of them than there are, or refused.
// check: K4
TEST(NetAddressChecks, KernelAddressesOfGarbageAreReadInTheirBounds) {
  const int inputs = Scaled(1'000'000);
  FastRandom random(4);
  int good = 0;
  for (int i = 0; i < inputs && !testing::Test::HasFatalFailure(); ++i) {
    const size_t size = random.Below(sizeof(sockaddr_storage) + 1);
    const std::unique_ptr<char[]> bytes(new char[size]);  // so that a sanitizer sees where it ends
    for (size_t at = 0; at < size; ++at) bytes[at] = static_cast<char>(random.Below(3) == 0 ? random.Next() : 0);
    constexpr sa_family_t kFamilies[] = {AF_INET, AF_INET6, AF_UNIX};
    const sa_family_t family = kFamilies[random.Below(3)];
    if (size >= sizeof(family)) std::memcpy(bytes.get(), &family, sizeof(family));
    const StatusOr<SocketAddress> ip = SocketAddress::FromSockaddr(bytes.get(), size);
    const StatusOr<UnixAddress> local = UnixAddress::FromSockaddr(bytes.get(), size);
    if (ip.ok()) ExpectComesBack(*ip);
    if (local.ok()) ExpectComesBack(*local);
    good += ip.ok() || local.ok();
  }
  std::printf("%d inputs, %d of them addresses\n", inputs, good);
  EXPECT_GT(good, inputs / 10);
}

// What is nearly an address, as text: what is taken is what it prints as, or another spelling of it.
// check: K4
TEST(NetAddressChecks, TextsThatAreNearlyAddressesAreReadOrRefused) {
  const int inputs = Scaled(1'000'000);
  constexpr absl::string_view kAlphabet = "0123456789abcdefF:::...[]%- x";
  FastRandom random(5);
  int good = 0;
  for (int i = 0; i < inputs; ++i) {
    std::string text = RandomSocketAddress(random).ToString();
    for (uint32_t changes = random.Below(3); changes > 0; --changes) {
      const size_t at = random.Below(static_cast<uint32_t>(text.size()));
      text.replace(at, random.Below(2), 1, kAlphabet[random.Below(static_cast<uint32_t>(kAlphabet.size()))]);
    }
    const StatusOr<SocketAddress> address = SocketAddress::Parse(text);
    if (!address.ok()) continue;
    ASSERT_EQ(*SocketAddress::Parse(address->ToString()), *address) << text;
    ++good;
  }
  std::printf("%d texts, %d of them addresses\n", inputs, good);
  EXPECT_GT(good, inputs / 4);
}

// A piece of `pool`, of up to 1,024 bytes.
std::string RandomHost(FastRandom& random, absl::string_view pool) {
  const size_t size = random.Below(random.Below(4) == 0 ? 1'025 : 64);
  return std::string(pool.substr(random.Below(static_cast<uint32_t>(pool.size() - size)), size));
}

// A name that is taken is the whole of what was given, in printable ASCII; nothing above 253 bytes is.
// check: D20
// check: K4
TEST(NetAddressChecks, NamesOfHostsAreTakenWholeOrRefused) {
  const int inputs = Scaled(1'000'000);
  FastRandom random(20);
  std::string letters, international, garbage = RandomBytes(random, 1 << 16);
  while (letters.size() < (1 << 16)) {
    letters.push_back("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_..."[random.Below(47)]);
    constexpr const char* kPieces[] = {"h\xc3\xb6st", "xn--", "\xe4\xbe\x8b", "\xc3", "\xff",
                                       "\xf0\x9f\x98\x80", "\xe2\x80\xae", ".", "a"};
    international += kPieces[random.Below(9)];
  }
  int names = 0, addresses = 0;
  for (int i = 0; i < inputs; ++i) {
    const std::string& pool = i % 4 < 2 ? letters : i % 4 == 2 ? international : garbage;
    const std::string host = RandomHost(random, pool);
    const bool split = random.Below(2) == 0;
    const Endpoint endpoint = split ? Endpoint(host, 80) : Endpoint(host + ":80");
    if (!endpoint.addresses().empty()) {
      ++addresses;
      continue;
    }
    if (!endpoint.status().ok()) {
      ASSERT_TRUE(endpoint.host().empty());
      continue;
    }
    ++names;
    ASSERT_EQ(endpoint.host(), host);
    ASSERT_EQ(endpoint.port(), 80);
    ASSERT_LE(host.size(), 253u);
    for (const char c : host) ASSERT_TRUE(absl::ascii_isgraph(static_cast<unsigned char>(c))) << host;
  }
  std::printf("%d inputs, %d names and %d addresses\n", inputs, names, addresses);
  EXPECT_GT(names, inputs / 10);
  for (size_t size = 0; size <= 1'024; ++size) {
    const std::string host(size, 'a');
    EXPECT_EQ(Endpoint(host, 80).status().ok(), size > 0 && size <= 253) << size;
    EXPECT_EQ(Endpoint(host + ":80").status().ok(), size > 0 && size <= 253) << size;
  }
}

}  // namespace
}  // namespace kioto::net
