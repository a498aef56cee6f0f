// Clock: a vector clock, what the schedule explorer knows about "happens before".
//
// Every model thread counts its own events. clock.at[u] is the last event of thread u that happens
// before the owner's next one. Time 0 is before every event.
#ifndef KIOTO_RUNTIME_BASE_MODEL_CLOCK_H_
#define KIOTO_RUNTIME_BASE_MODEL_CLOCK_H_

#include <cstdint>

namespace kioto::model::internal {

// Threads of one model, its body included. Small: clocks are copied at every operation, and a model
// that needs more threads than this can not be explored anyway.
inline constexpr int kMaxThreads = 6;

struct Clock {
  uint32_t at[kMaxThreads] = {};

  bool Covers(int thread, uint32_t time) const { return time <= at[thread]; }
  bool Covers(const Clock& other) const { return Uncovered(other) < 0; }
  // The first thread of which `other` has seen more than this, or -1.
  int Uncovered(const Clock& other) const {
    for (int i = 0; i < kMaxThreads; ++i) {
      if (other.at[i] > at[i]) return i;
    }
    return -1;
  }
  void Join(const Clock& other) {
    for (int i = 0; i < kMaxThreads; ++i) at[i] = at[i] < other.at[i] ? other.at[i] : at[i];
  }
};

}  // namespace kioto::model::internal

#endif  // KIOTO_RUNTIME_BASE_MODEL_CLOCK_H_
