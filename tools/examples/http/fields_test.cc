#include "kioto/tools/examples/http/fields.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace http {
namespace {

std::string Path(absl::string_view target) {
  const auto path = ParsePath(target);
  if (path.ok()) return *path;
  return absl::IsNotFound(path.status()) ? "<outside>" : "<bad>";
}

TEST(PathTest, IsBelowTheRoot) {
  EXPECT_EQ(Path("/"), "");
  EXPECT_EQ(Path("/a/b.txt"), "a/b.txt");
  EXPECT_EQ(Path("/a/"), "a/");
  EXPECT_EQ(Path("//a///./b/."), "a/b/");
  EXPECT_EQ(Path("/a%20b%2fc?x=/../y#z"), "a b/c");
  EXPECT_EQ(Path("/a..b/...x"), "a..b/...x");
  EXPECT_EQ(Path("http://host:80/a"), "a");
  EXPECT_EQ(Path("http://host"), "");
}

TEST(PathTest, DoesNotLeaveTheRoot) {
  for (const char* target : {"/..", "/../x", "/a/../../x", "/a/../b", "/%2e%2e/x", "/.%2E/x", "/a%2f..%2f..%2fx", "/a/.."}) {
    EXPECT_EQ(Path(target), "<outside>") << target;
  }
}

TEST(PathTest, MustBeOne) {
  for (const char* target : {"", "*", "a", "?", "/%", "/%2", "/%zz", "/%00", "/a%00b", "https://host/"}) {
    EXPECT_EQ(Path(target), "<bad>") << target;
  }
}

TEST(PathTest, IsEncodedAgain) {
  EXPECT_EQ(EncodePath("a b/c%/\n\xff~"), "/a%20b/c%25/%0a%ff~");
  EXPECT_EQ(Path(EncodePath("a b/c%/\n\xff~")), "a b/c%/\n\xff~");
}

std::string Range(absl::string_view field, uint64_t size = 10) {
  const auto range = ParseRange(field, size);
  return range.has_value() ? std::to_string(range->first) + "+" + std::to_string(range->size) : "all";
}

TEST(RangeTest, OfOnePart) {
  EXPECT_EQ(Range("bytes=0-0"), "0+1");
  EXPECT_EQ(Range("bytes=2-4"), "2+3");
  EXPECT_EQ(Range("bytes=2-"), "2+8");
  EXPECT_EQ(Range("bytes=9-100"), "9+1");
  EXPECT_EQ(Range("bytes=-3"), "7+3");
  EXPECT_EQ(Range("bytes=-100"), "0+10");
}

TEST(RangeTest, ThatTheFileDoesNotHave) {
  EXPECT_EQ(Range("bytes=10-"), "0+0");
  EXPECT_EQ(Range("bytes=99-100"), "0+0");
  EXPECT_EQ(Range("bytes=-0"), "10+0");
  EXPECT_EQ(Range("bytes=0-", 0), "0+0");
}

TEST(RangeTest, ThatIsNone) {
  for (const char* field : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=4-2", "bytes=0-1,3-4", "lines=0-1", "bytes=+1-2",
                            "bytes= 1-2", "bytes=1-99999999999999999999"}) {
    EXPECT_EQ(Range(field), "all") << field;
  }
}

TEST(FieldsTest, Dates) {
  EXPECT_EQ(HttpDate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(ParseHttpDate("yesterday"), std::nullopt);
}

TEST(FieldsTest, Types) {
  EXPECT_EQ(ContentType("a/b.HTML"), "text/html; charset=utf-8");
  EXPECT_EQ(ContentType("README"), "application/octet-stream");
}

TEST(FieldsTest, Reasons) {
  EXPECT_EQ(Reason(404), "Not Found");
  EXPECT_EQ(Reason(505), "HTTP Version Not Supported");
  EXPECT_EQ(Reason(418), "Unknown");
}

}  // namespace
}  // namespace http
