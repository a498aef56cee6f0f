#include "kioto/runtime/scheduler/block_in_place.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/may_block.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/scheduler/core.h"

namespace kioto::internal {

InPlace::InPlace() : before_(CurrentThread()), may_block_(base::thread_may_block) {
  if (may_block_) return;  // nobody depends on this thread, or no longer
  status_ = HandOver();
  if (status_.ok()) base::thread_may_block = true;
}

Status InPlace::HandOver() {
  if (before_.local_set != nullptr) {
    return absl::FailedPreconditionError(
        "BlockInPlace: the tasks of a LocalSet can not leave this thread, and would all stand still; use SpawnBlocking");
  }
  PollScope::RunAllAtEnd();  // before anybody else is waited for, as at the end of the poll
  if (before_.driving == nullptr) return OkStatus();  // the future of BlockOn: nothing but itself
  StatusOr<uint64_t> pass = before_.driving->HandOver();
  if (pass.ok()) pass_ = *pass;
  return pass.status();
}

InPlace::~InPlace() {
  if (may_block_ || !status_.ok()) return;
  ThreadContext& thread = CurrentThread();
  KIOTO_CHECK(thread.scheduler == before_.scheduler, "an EnterGuard was made inside BlockInPlace and is left behind there");
  base::thread_may_block = false;
  thread.task = before_.task;
  if (pass_ == 0 || !before_.driving->TakeBack(pass_)) return;
  thread.driver = before_.driver;
  thread.worker = before_.worker;
  thread.driving = before_.driving;
}

}  // namespace kioto::internal
