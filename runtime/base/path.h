// CheckPath: whether the system would see the whole of a path. A string may have a zero byte, a path of the system ends there.
#ifndef KIOTO_RUNTIME_BASE_PATH_H_
#define KIOTO_RUNTIME_BASE_PATH_H_

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"

namespace kioto::base {

// kInvalidArgument if `path` has a zero byte: "fs::Write 'file\x00.bak': the path has a zero byte, where the kernel would think that
// it ends". `what` is the call as the user wrote it. Any thread.
Status CheckPath(absl::string_view what, absl::string_view path);

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_PATH_H_
