#include "kioto/runtime/testing/watchdog.h"

#include <cstdio>
#include <cstdlib>

#include "absl/time/time.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/driver/clock.h"

namespace kioto::test {
namespace {

// Of a test with more tasks than that, the first ones say enough.
constexpr size_t kTasksInReport = 50;

}  // namespace

Watchdog::Watchdog(std::string name, std::chrono::nanoseconds time_limit, Handle runtime, std::chrono::nanoseconds grace)
    : name_(std::move(name)), time_limit_(time_limit), grace_(grace), runtime_(std::move(runtime)) {
  StatusOr<base::Thread> thread = base::Thread::Start("kioto-watchdog", [this] { Run(); });
  KIOTO_CHECK(thread.ok(), "the thread that watches over a test could not be started");
  thread_ = *std::move(thread);
}

void Watchdog::Stop() {
  if (!thread_.joinable()) return;
  stop_.Unpark();
  thread_.Join();
}

void Watchdog::Run() {
  const int64_t start = base::MonotonicNanos();
  const int64_t end = kioto::internal::SaturatingAdd(start, time_limit_.count());
  if (stop_.ParkUntil(end)) return;
  report_ = Report();
  fired_.store(true, std::memory_order_release);  // release: pairs with fired() (R1)
  waiting_.Wake();
  if (stop_.ParkUntil(kioto::internal::SaturatingAdd(end, grace_.count()))) return;
  std::fprintf(stderr,
               "%s did not end within %s, and can not be ended: its thread is stuck inside a poll, a destructor or the end of "
               "its runtime.\n%sthe thread of the test:\n%s",
               name_.c_str(), absl::FormatDuration(absl::FromChrono(time_limit_)).c_str(), Report().c_str(),
               kioto::internal::ThreadStack(test_thread_).c_str());
  std::abort();
}

std::string Watchdog::Report() const {
  DumpOptions options;
  options.at_most = kTasksInReport;
  return runtime_.Dump(options).ToString();
}

}  // namespace kioto::test
