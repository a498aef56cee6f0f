#include "kioto/runtime/future/wait_trace.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "kioto/runtime/base/limits.h"

namespace kioto {

WaitTrace::Below WaitTrace::Node(std::string what) {
  Leaf(std::move(what));
  return Below(this);
}

void WaitTrace::Leaf(std::string what) {
  if (nodes_.size() < at_most_) {
    nodes_.push_back({depth_, std::move(what)});
  } else {
    ++left_out_;
  }
}

std::string WaitTrace::Until(const char* what, int64_t deadline_ns) const {
  if (deadline_ns >= limits::kMaxTimerNs) return what;
  const int64_t left_ns = std::max<int64_t>(deadline_ns - now_ns_, 0);
  return absl::StrCat(what, ", ", absl::FormatDuration(absl::Trunc(absl::Nanoseconds(left_ns), absl::Milliseconds(1))), " left");
}

void WaitTrace::LeafOfType(const char* printed) { Leaf(internal::ShortTypeName(printed)); }

std::vector<WaitNode> WaitTrace::Take() {
  if (left_out_ > 0) nodes_.push_back({0, absl::StrCat("… and ", left_out_, " more")});
  left_out_ = 0;
  return std::exchange(nodes_, {});
}

namespace internal {

// gcc: "const char* kioto::internal::PrintedType() [with F = X]"; clang: "… [F = X]".
std::string ShortTypeName(const char* printed) {
  absl::string_view name = printed;
  const size_t begin = name.find("F = ");
  if (begin == name.npos) return printed;
  name.remove_prefix(begin + 4);
  if (absl::EndsWith(name, "]")) name.remove_suffix(1);
  // Up to the arguments of the innermost name; a name may lie in a lambda of a function with arguments: keep those.
  name = name.substr(0, name.find('<'));
  return absl::StrReplaceAll(name, {{"internal::", ""}, {"(anonymous namespace)::", ""}, {"{anonymous}::", ""}});
}

}  // namespace internal
}  // namespace kioto
