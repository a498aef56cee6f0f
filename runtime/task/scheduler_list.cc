#include "kioto/runtime/task/scheduler_list.h"

#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/task/scheduler.h"

namespace kioto::internal {
namespace {

base::Mutex list_lock;

}  // namespace

ListedScheduler* listed_schedulers = nullptr;

ListedScheduler::ListedScheduler(Kind kind, Scheduler* scheduler) : kind_(kind), scheduler_(scheduler) {
  base::MutexLock lock(list_lock);
  next_ = listed_schedulers;
  if (next_ != nullptr) next_->prev_ = this;
  listed_schedulers = this;
}

ListedScheduler::~ListedScheduler() {
  base::MutexLock lock(list_lock);
  (prev_ != nullptr ? prev_->next_ : listed_schedulers) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
}

std::vector<Scheduler*> LocalSetsDrivenBy(uint64_t runtime_id) {
  std::vector<Scheduler*> sets;
  base::MutexLock lock(list_lock);
  for (ListedScheduler* listed = listed_schedulers; listed != nullptr; listed = listed->next_) {
    if (listed->kind_ != ListedScheduler::Kind::kLocalSet) continue;
    if (listed->scheduler_->KeepIfDrivenBy(runtime_id)) sets.push_back(listed->scheduler_);
  }
  return sets;
}

}  // namespace kioto::internal
