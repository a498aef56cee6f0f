#include "kioto/runtime/base/path.h"

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace kioto::base {
namespace {

TEST(PathTest, AZeroByteIsRefusedAndShown) {
  for (absl::string_view path : {"", "/", "a/\x01\xff"}) EXPECT_EQ(CheckPath("fs::Read", path), OkStatus());
  const Status status = CheckPath("fs::Write", absl::string_view("file\0.b\0", 8));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "fs::Write 'file\\x00.b\\x00': the path has a zero byte, where the kernel would think that it ends");
}

}  // namespace
}  // namespace kioto::base
