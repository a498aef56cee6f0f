// The process-wide part of signals: one handler, and a list of those who listen. For signal.cc; users want signal.h. And for who
// asks threads of this process by a signal that others may use too.
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
// With true the same, and so as soon as the last listener of a signal goes, until it is called with false.
void RestoreUnusedAlways(bool always);

// From now on until StopAsking the handler gives each `signal` to `answers` first, which says whether it was meant for that;
// `context` is what the handler got from the system. All others go their usual way: to listeners, and to the program's handler.
// `answers` runs in the handler, and may do so a little after StopAsking. One asker for a signal at a time.
using Answers = bool (*)(void* context);
Status StartAsking(int signal, Answers answers);
// Puts back what StartAsking replaced, unless somebody listens by now, or has replaced ours.
void StopAsking(int signal);

}  // namespace kioto::signal::internal

#endif  // KIOTO_RUNTIME_SIGNAL_HUB_H_
