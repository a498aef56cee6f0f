// The process-wide part of signals: one handler, and a list of those who listen. For signal.cc; users want signal.h.
#ifndef KIOTO_RUNTIME_SIGNAL_HUB_H_
#define KIOTO_RUNTIME_SIGNAL_HUB_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/status.h"

namespace kioto::signal::internal {

// One bit per signal: bit n-1 for signal n.
using SignalSet = uint64_t;
inline constexpr int kMaxSignal = 64;
constexpr SignalSet BitOf(int signal) { return SignalSet{1} << (signal - 1); }

// Where the handler leaves signals for one listener. Never freed, used again.
struct Slot {
  // The next signal that came, the lowest first; 0 if there is none.
  int Take();

  base::Atomic<uint32_t> gate{0};      // kOpen | handlers inside; see hub.cc
  base::Atomic<SignalSet> wanted{0};
  base::Atomic<SignalSet> pending{0};  // came and were not taken
  base::Atomic<int> wake_fd{-1};       // gets eight bytes whenever something is added to pending
  base::Atomic<bool> used{false};
  Slot* next = nullptr;  // constant once it is in the list
};

// Installs the handler where it is not yet, and gives a slot that hears of `wanted` from now on, and of what came to no
// listener before. `wake_fd` must be non-blocking; it stays open until Close has returned.
StatusOr<Slot*> Open(SignalSet wanted, int wake_fd);
// After it no handler touches the slot or its fd. What was not taken goes to the next listener if there is no other now. Of
// signals that nobody listens to any more the program's own handler, or its SIG_IGN, is put back.
void Close(Slot* slot);

// Puts back what was installed before us for each signal that nobody listens to.
void RestoreUnused();

}  // namespace kioto::signal::internal

#endif  // KIOTO_RUNTIME_SIGNAL_HUB_H_
