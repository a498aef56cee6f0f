#include "kioto/runtime/scheduler/run_hash.h"

namespace kioto::internal {

void RunHash::Add(uint64_t word) {
  // A step of multiply and fold: every bit of the words so far reaches the lower half, which the next product spreads again.
  uint64_t hash = (hash_.load(std::memory_order_relaxed) ^ word) * 0x9e3779b97f4a7c15u;  // relaxed: as in hash()
  hash ^= hash >> 32;
  hash_.store(hash, std::memory_order_relaxed);  // relaxed: as in hash()
}

void RunHash::Record(Event event, const TaskHeader* task, int64_t now_ns) {
  Numbered& known = tasks_[task];
  if (known.id != task->id) known = {task->id, ++numbers_};
  Add(static_cast<uint64_t>(event));
  Add(known.number);
  Add(static_cast<uint64_t>(now_ns));
}

}  // namespace kioto::internal
