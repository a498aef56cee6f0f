#include "kioto/net/endpoint.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace kioto::net {
namespace {

using Addresses = std::vector<SocketAddress>;

TEST(Endpoint, TakesLiteralsWithoutALookUp) {
  EXPECT_EQ(Endpoint("127.0.0.1:80").addresses(), Addresses{SocketAddress(IpAddress::LoopbackV4(), 80)});
  EXPECT_EQ(Endpoint("[::1]:80").addresses(), Addresses{SocketAddress(IpAddress::LoopbackV6(), 80)});
  EXPECT_EQ(Endpoint("::1", 80).addresses(), Addresses{SocketAddress(IpAddress::LoopbackV6(), 80)});
  EXPECT_EQ(Endpoint(std::string("127.0.0.1"), 80).addresses(), Addresses{SocketAddress(IpAddress::LoopbackV4(), 80)});
  EXPECT_EQ(Endpoint(IpAddress::AnyV4(), 7).addresses(), Addresses{SocketAddress(IpAddress::AnyV4(), 7)});
}

TEST(Endpoint, TakesSeveralAddresses) {
  const Addresses both{SocketAddress(IpAddress::LoopbackV6(), 80), SocketAddress(IpAddress::LoopbackV4(), 81)};
  EXPECT_EQ(Endpoint(both).addresses(), both);
  EXPECT_EQ(Endpoint(both).ToString(), "[::1]:80, 127.0.0.1:81");
  EXPECT_EQ(Endpoint(Addresses()).status().message(), "there is no address in the list");
}

TEST(Endpoint, TakesNames) {
  Endpoint endpoint("localhost:8080");
  EXPECT_TRUE(endpoint.status().ok());
  EXPECT_TRUE(endpoint.addresses().empty());
  EXPECT_EQ(endpoint.host(), "localhost");
  EXPECT_EQ(endpoint.port(), 8080);
  EXPECT_EQ(endpoint.ToString(), "localhost:8080");
  EXPECT_EQ(Endpoint("localhost", 1).host(), "localhost");
  EXPECT_EQ(Endpoint("_service-1.example.org.:1").host(), "_service-1.example.org.");
}

TEST(Endpoint, RefusesWithASentence) {
  for (absl::string_view text :
       {absl::string_view(""), absl::string_view(":80"), absl::string_view("host"), absl::string_view("host:"),
        absl::string_view("host:65536"), absl::string_view("host:80 "), absl::string_view("ho st:80"),
        absl::string_view("host\0.evil:80", 13), absl::string_view("::1:80"), absl::string_view("[host]:80"),
        absl::string_view("h\xc3\xb6st:80"), absl::string_view("user@host:80"), absl::string_view("http://host:80"),
        absl::string_view("host:-1"), absl::string_view("host:000080")}) {
    Endpoint endpoint(text);
    EXPECT_FALSE(endpoint.status().ok()) << text;
    EXPECT_TRUE(endpoint.addresses().empty()) << text;
    EXPECT_TRUE(endpoint.host().empty()) << text;
  }
  EXPECT_EQ(Endpoint(":80").status().message(),
            "\":80\" is not HOST:PORT: it has no host; write 0.0.0.0 or [::] for every address of this machine");
  for (const char* text : {"[::1]", "host"}) {
    EXPECT_EQ(Endpoint(text).status().message(), absl::StrCat("\"", text, "\" is not HOST:PORT: it has no port"));
  }
}

// check: D20
TEST(Endpoint, NeverCutsALongName) {
  const std::string longest(253, 'a');
  EXPECT_EQ(Endpoint(longest, 80).host(), longest);
  for (size_t size = 254; size <= 1024; ++size) {
    Endpoint endpoint(std::string(size, 'a'), 80);
    ASSERT_FALSE(endpoint.status().ok()) << size;
    ASSERT_TRUE(endpoint.host().empty()) << size;
    ASSERT_FALSE(Endpoint(std::string(size, 'a') + ":80").status().ok()) << size;
  }
}

TEST(Endpoint, SurvivesGarbage) {
  std::mt19937 random(3);
  for (int i = 0; i < 100'000; ++i) {
    std::string text(random() % 64, '\0');
    for (char& c : text) c = static_cast<char>(random());
    if (i % 2 == 0) text += ":80";
    Endpoint endpoint(text);
    if (endpoint.status().ok() && endpoint.addresses().empty()) {
      ASSERT_EQ(endpoint.ToString(), text);
    }
  }
}

}  // namespace
}  // namespace kioto::net
