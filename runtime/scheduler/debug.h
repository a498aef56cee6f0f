// debug: looking inside, in one place: what tasks wait for, and what a future that you hold would say.
//
//   StatusOr<debug::RuntimeDump> dump = debug::Dump();            // of the runtime that this thread has entered
//   std::string text = debug::ToString(debug::Trace(future));     // of one future, between two polls of yours
//
// The types are those of task_dump.h and wait_trace.h; Runtime, Handle and LocalSet have Dump() as a member. Any thread.
#ifndef KIOTO_RUNTIME_SCHEDULER_DEBUG_H_
#define KIOTO_RUNTIME_SCHEDULER_DEBUG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/task_dump.h"

namespace kioto::debug {

using kioto::BlockOnDump;
using kioto::DumpOptions;
using kioto::RuntimeDump;
using kioto::TaskDump;
using kioto::WaitNode;
using kioto::WaitTrace;

namespace internal {
int64_t ClockHere();
}  // namespace internal

// Every task and every BlockOn of the runtime entered on this thread. Errors: outside a runtime, the status that says so.
StatusOr<RuntimeDump> Dump(const DumpOptions& options = {});

// What `future` waits for. Nobody polls it meanwhile. A time left is counted from the clock of the runtime that this thread has
// entered, else from the real one.
template <class F>
std::vector<WaitNode> Trace(const F& future, size_t at_most = limits::kDumpedNodes) {
  WaitTrace trace(at_most, internal::ClockHere());
  trace.Child(future);
  return trace.Take();
}

// A line for each node, indented by its depth.
std::string ToString(const std::vector<WaitNode>& nodes);

}  // namespace kioto::debug

#endif  // KIOTO_RUNTIME_SCHEDULER_DEBUG_H_
