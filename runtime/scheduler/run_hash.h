// RunHash: a hash of what a scheduler did, in order. Two runs with the same one made the same choices.
//
// Tasks are numbered as they first appear, so neither addresses nor ids, which depend on what else the process does, get in.
#ifndef KIOTO_RUNTIME_SCHEDULER_RUN_HASH_H_
#define KIOTO_RUNTIME_SCHEDULER_RUN_HASH_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/task/header.h"

namespace kioto::internal {

// One thread at a time; hash() any.
class RunHash {
 public:
  enum class Event : uint64_t { kWoken, kFromOutside, kPolled, kGone, kYielded, kWokenInPoll };

  // Something happened to a live task, at this time of the runtime's clock.
  void Record(Event event, const TaskHeader* task, int64_t now_ns);
  // How the poll that was recorded last has ended; its task may be gone.
  void Record(Event event) { Add(static_cast<uint64_t>(event)); }

  uint64_t hash() const {
    return hash_.load(std::memory_order_relaxed);  // relaxed: a number alone
  }

 private:
  struct Numbered {
    uint64_t id = 0;  // of the task at this address: another one may follow it there
    uint64_t number = 0;
  };

  void Add(uint64_t word);

  absl::flat_hash_map<const TaskHeader*, Numbered> tasks_;  // only looked up: its own order is chance
  uint64_t numbers_ = 0;
  base::Atomic<uint64_t> hash_{1};
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_RUN_HASH_H_
