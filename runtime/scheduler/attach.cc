// Attaching to a host's loop, in a file of its own: a program that never attaches does not link it.
#include <utility>

#include "kioto/runtime/scheduler/current_thread.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace internal {

StatusOr<std::shared_ptr<CurrentThreadCore>> CurrentThreadCore::Attach(uv_loop_t* loop, const RuntimeOptions& options) {
  std::shared_ptr<CurrentThreadCore> core(new CurrentThreadCore(options));
  auto driver = MakeAttachedDriver(loop, core->DriverOptionsFor(options), core.get());
  if (!driver.ok()) return driver.status();
  core->attached_ = driver->get();
  core->loop_thread_ = &kioto::internal::CurrentThread();
  core->driving_ = true;  // for good
  core->AddDriver(*std::move(driver));
  return core;
}

}  // namespace internal

StatusOr<Runtime> Runtime::Attach(uv_loop_t* loop) { return RuntimeBuilder::CurrentThread().Attach(loop); }

StatusOr<Runtime> RuntimeBuilder::Attach(uv_loop_t* loop) {
  if (Status status = Check(); !status.ok()) return status;
  auto made = internal::CurrentThreadCore::Attach(loop, options_);
  if (!made.ok()) return made.status();
  std::shared_ptr<internal::RuntimeCore> core = *std::move(made);
  core->AddBlockingPool(options_);
  return Runtime(std::move(core));
}

}  // namespace kioto
