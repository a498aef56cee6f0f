#include "kioto/runtime/driver/harvest_fault.h"

#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/io_source.h"

namespace kioto::internal {

base::Atomic<ScopedHarvestFault*> ScopedHarvestFault::installed_{nullptr};

ScopedHarvestFault::ScopedHarvestFault(Options options, uint64_t seed) : options_(options), random_(seed) {
  ScopedHarvestFault* none = nullptr;
  // relaxed: tests install it before the threads that look start
  KIOTO_CHECK(installed_.compare_exchange_strong(none, this, std::memory_order_relaxed, std::memory_order_relaxed),
              "one harvest fault at a time");
}

ScopedHarvestFault::~ScopedHarvestFault() {
  installed_.store(nullptr, std::memory_order_relaxed);  // relaxed: the threads that look have ended
  for (const HarvestEvent& event : held_) IoSource::Dispatch(event.token, event.bits);
}

std::vector<HarvestEvent> ScopedHarvestFault::Apply(const Reactor* reactor, std::vector<HarvestEvent> events) {
  base::MutexLock lock(mutex_);
  auto chance = [this](double probability) { return random_.Below(1'000'000) < probability * 1e6; };
  std::vector<HarvestEvent> result, kept;
  for (const HarvestEvent& event : held_) (event.reactor == reactor ? result : kept).push_back(event);
  held_ = std::move(kept);
  for (const HarvestEvent& event : events) {
    if (chance(options_.delay)) {
      held_.push_back(event);
      continue;
    }
    result.push_back(event);
    if (chance(options_.redeliver)) held_.push_back(event);
    // Not the closed bits: those are promises, and the kernel keeps them.
    if (chance(options_.spurious)) {
      result.push_back({reactor, event.token, Ready::kReadable | Ready::kWritable | Ready::kPriority});
    }
  }
  if (options_.reorder) {
    for (size_t i = result.size(); i > 1; --i) std::swap(result[i - 1], result[random_.Below(static_cast<uint32_t>(i))]);
  }
  return result;
}

bool ScopedHarvestFault::Holds(const Reactor* reactor) {
  base::MutexLock lock(mutex_);
  for (const HarvestEvent& event : held_) {
    if (event.reactor == reactor) return true;
  }
  return false;
}

}  // namespace kioto::internal
