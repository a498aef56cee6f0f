#include "kioto/time/backoff.h"

#include "kioto/runtime/base/random.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::time {
namespace {

uint64_t NextRandom() {
  uint64_t& state = kioto::internal::CurrentThread().random;
  base::FastRandom random(state != 0 ? 0 : base::NextSeed());
  if (state != 0) *random.state() = state;
  const uint64_t value = random.Next();
  state = *random.state();
  return value;
}

}  // namespace

std::chrono::nanoseconds Backoff::Next() {
  const int64_t whole = next_;
  if (attempts_ > 0 && attempts_ != kForever) --attempts_;
  next_ = next_ > max_ / 2 ? max_ : 2 * next_;
  const int64_t half = whole / 2;
  const uint64_t chance = NextRandom() % (static_cast<uint64_t>(whole - half) + 1);
  return std::chrono::nanoseconds(half + static_cast<int64_t>(chance));
}

}  // namespace kioto::time
