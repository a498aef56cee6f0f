#include "kioto/runtime/scheduler/hosted.h"

#include <algorithm>
#include <memory>

#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/hosted_driver.h"
#include "kioto/runtime/scheduler/current_thread.h"

namespace kioto {
namespace internal {

StatusOr<std::shared_ptr<CurrentThreadCore>> CurrentThreadCore::Host(const RuntimeOptions& options, HostedDriver** made) {
  std::shared_ptr<CurrentThreadCore> core(new CurrentThreadCore(options));
  auto driver = MakeHostedDriver(core->DriverOptionsFor(options), core.get());
  if (!driver.ok()) return driver.status();
  *made = driver->get();
  core->attached_ = driver->get();
  core->loop_thread_ = &kioto::internal::CurrentThread();
  core->driving_ = true;  // for good
  core->AddDriver(*std::move(driver));
  return core;
}

}  // namespace internal

StatusOr<HostedRuntime> HostedRuntime::Make(RuntimeBuilder builder) {
  if (Status status = builder.Check(); !status.ok()) return status;
  if (builder.make_multi_thread_ != nullptr) {
    return absl::InvalidArgumentError("HostedRuntime::Make needs RuntimeBuilder::CurrentThread(): all its tasks run on the host's thread");
  }
  internal::HostedDriver* driver = nullptr;
  auto made = internal::CurrentThreadCore::Host(builder.options_, &driver);
  if (!made.ok()) return made.status();
  std::shared_ptr<internal::RuntimeCore> core = *std::move(made);
  core->AddBlockingPool(builder.options_);
  return HostedRuntime(Runtime(std::move(core)), driver);
}

int HostedRuntime::PollFd() const { return driver_->PollFd(); }

std::optional<std::chrono::steady_clock::time_point> HostedRuntime::NextDeadline() const {
  const int64_t deadline = driver_->NextDeadline();
  if (deadline == internal::kNever) return std::nullopt;
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline));
}

int HostedRuntime::PollTimeoutMs() const {
  const auto deadline = NextDeadline();
  if (!deadline.has_value()) return -1;
  constexpr int64_t kLongest = 86'400'000;  // a day
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(wait, 0, kLongest));
}

bool HostedRuntime::Drive(int max_tasks, std::chrono::nanoseconds at_most) {
  return driver_->Drive(max_tasks, at_most.count());
}

}  // namespace kioto
