#include "kioto/runtime/scheduler/debug.h"

#include "kioto/runtime/base/clock.h"

namespace kioto::debug {

StatusOr<RuntimeDump> Dump(const DumpOptions& options) {
  StatusOr<Handle> runtime = Handle::Current();
  if (!runtime.ok()) return runtime.status();
  return runtime->Dump(options);
}

std::string ToString(const std::vector<WaitNode>& nodes) {
  std::string text;
  for (const WaitNode& node : nodes) {
    text.append(2 * static_cast<size_t>(node.depth), ' ');
    text.append(node.what).append("\n");
  }
  return text;
}

int64_t internal::ClockHere() {
  const kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
  return drivers != nullptr ? drivers->clock.Now() : base::MonotonicNanos();
}

}  // namespace kioto::debug
