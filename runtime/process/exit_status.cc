#include "kioto/runtime/process/exit_status.h"

#include <string.h>

#include "absl/strings/str_cat.h"

namespace kioto::process {

std::string ExitStatus::ToString() const {
  if (signal_ == 0) return absl::StrCat("exit code ", code_);
  return absl::StrCat("signal ", signal_, " (", ::strsignal(signal_), ")", core_dumped_ ? ", core dumped" : "");
}

}  // namespace kioto::process
