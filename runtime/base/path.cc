#include "kioto/runtime/base/path.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace kioto::base {

Status CheckPath(absl::string_view what, absl::string_view path) {
  constexpr absl::string_view kZero("\0", 1);
  if (path.find(kZero) == absl::string_view::npos) return OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " '", absl::StrReplaceAll(path, {{kZero, "\\x00"}}),
                                                 "': the path has a zero byte, where the kernel would think that it ends"));
}

}  // namespace kioto::base
