// TempName: a file or directory with a name of its own by chance, removed with its last owner. For temp_file.cc and temp_dir.cc.
#ifndef KIOTO_FS_TEMP_NAME_H_
#define KIOTO_FS_TEMP_NAME_H_

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"

namespace kioto::fs::internal {

class TempName {
 public:
  // Makes it: create(path) gives what it made (0 or more), or -errno; asked again, with another name, after EEXIST. In `dir`, or if
  // that is empty in $TMPDIR or /tmp. Errors: what create said last; kInvalidArgument for a prefix with a '/'. Blocks.
  static StatusOr<TempName> Make(const char* what, std::string dir, absl::string_view prefix, absl::FunctionRef<int(const char*)> create);
  static std::string DirOr(std::string dir);

  TempName() = default;  // none
  TempName(TempName&& other) noexcept : path_(std::exchange(other.path_, std::string())) {}
  TempName& operator=(TempName&& other) noexcept {
    TempName old(std::move(other));
    std::swap(path_, old.path_);
    return *this;
  }
  // A job of the pool removes it, which runs also if the runtime ends; where there is no pool it is removed at once.
  ~TempName();

  const std::string& path() const { return path_; }
  std::string Keep() { return std::exchange(path_, std::string()); }

 private:
  std::string path_;
};

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_TEMP_NAME_H_
