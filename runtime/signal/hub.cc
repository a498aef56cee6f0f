// STATE       Slot::gate     kOpen while a listener has the slot, plus the number of handlers that are using it now
//             Slot::wanted   what it listens to; Slot::pending what came; unheard: what came while nobody listened
//             before[n]      what was installed before our handler, null if ours is not installed
//             answers[n]     who is asked first, in the handler; asking: the signals whose handler goes with StopAsking
// OWNERSHIP   Opening, closing, installing and restoring: under the lock, never in a handler. The handler only uses atomics
//             and write(2): it may interrupt any code, also code that holds the lock, and run on several threads at once.
//             The wake fd belongs to the listener; the handler may write to it only between entering and leaving the gate.
//             A Before is never freed: a handler that is late may still read it. There are few: an equal one is used again.
// CHAINS      A host may install its handler over ours, and call ours from it. A later listener finds the host's and installs ours
//             again: then the host's is what ours calls, and would call ours for ever. A signal is blocked while its handler
//             runs, so one that is entered again on its thread for the same signal was called by that chain, and goes no further.
//             (It counts the signal once more, which coalesces. A host that leaves its handler by longjmp is not called again on
//             that thread; listeners are.)
// RACES       R1 a handler against Close: both are RMWs of `gate`. The handler comes first: Close waits until it has left, and
//                then takes what it added. Close first: the handler finds the gate shut, and the signal unheard if nobody else wants it.
//             R2 a handler against a take: the handler sets pending, then writes; the listener reads the fd empty, then looks
//                at pending. So a signal that came after Recv has answered is in pending with a write behind it.
//             R3 a signal between the installation and the opening of the first slot: it is unheard, which Open takes.
//             R4 a listener comes while somebody asks by the same signal: StopAsking, under the lock too, sees it, and leaves ours.
#include "kioto/runtime/signal/hub.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/mutex.h"

namespace kioto::signal::internal {
namespace {

constexpr uint32_t kOpen = 1u << 31;

// What a signal did before us.
struct Before {
  struct sigaction action;
  Before* older;  // those of this signal that were in use earlier
};

struct Hub {
  base::Mutex mutex;
  base::Atomic<Slot*> slots{nullptr};  // grows at its front
  base::Atomic<SignalSet> unheard{0};
  base::Atomic<Before*> before[kMaxSignal + 1] = {};
  base::Atomic<Answers> answers[kMaxSignal + 1] = {};
  Before* known[kMaxSignal + 1] = {};  // under the lock
  SignalSet asking = 0;                // under the lock
  SignalSet unheard_before = 0;        // what was unheard at StartAsking; under the lock
  bool restores = false;               // Close restores the default too; under the lock
};

// Constant-initialized, never destroyed: a handler may run at any time, thread exit and static destruction included.
Hub hub;

// The signals for which the host's handler runs on this thread. (initial-exec: a handler may not be where memory for it is first asked for.)
thread_local volatile SignalSet inside __attribute__((tls_model("initial-exec"))) = 0;

// The host's handler goes on hearing of its signals.
void CallBefore(int signal, siginfo_t* info, void* context) {
  // acquire: pairs with Install's release, which published the action
  const Before* before = hub.before[signal].load(std::memory_order_acquire);
  if (before == nullptr) return;
  const struct sigaction& action = before->action;
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(signal, info, context);
  } else if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
    action.sa_handler(signal);
  }
}

void Handle(int signal, siginfo_t* info, void* context) {
  if (signal < 1 || signal > kMaxSignal) return;  // called by somebody's code, not by the kernel
  const int saved_errno = errno;
  // acquire: pairs with StartAsking's release
  const Answers answers = hub.answers[signal].load(std::memory_order_acquire);
  if (answers != nullptr && answers(context)) {
    errno = saved_errno;
    return;
  }
  const SignalSet bit = BitOf(signal);
  bool heard = false;
  // acquire: pairs with Open's release, which published the slot
  for (Slot* slot = hub.slots.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    // acq_rel: pairs with Close's fetch_and (R1) and with Open's, which published wanted and wake_fd
    if ((slot->gate.fetch_add(1, std::memory_order_acq_rel) & kOpen) != 0) {
      if ((slot->wanted.load(std::memory_order_relaxed) & bit) != 0) {  // relaxed: ordered by the gate
        heard = true;
        slot->pending.fetch_or(bit, std::memory_order_release);  // release: pairs with Take's acquire (R2)
        const uint64_t one = 1;
        // relaxed: ordered by the gate. A full pipe is as good as a write: something is there to be read.
        (void)!::write(slot->wake_fd.load(std::memory_order_relaxed), &one, sizeof(one));
      }
    }
    slot->gate.fetch_sub(1, std::memory_order_release);  // release: pairs with Close's acquire (R1)
  }
  if (!heard) hub.unheard.fetch_or(bit, std::memory_order_release);  // release: pairs with Open's acquire (R3)
  if ((inside & bit) == 0) {
    inside = inside | bit;
    CallBefore(signal, info, context);
    inside = inside & ~bit;
  }
  errno = saved_errno;
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &Handle;
}

bool Same(const struct sigaction& a, const struct sigaction& b) {
  return a.sa_flags == b.sa_flags && a.sa_handler == b.sa_handler && std::memcmp(&a.sa_mask, &b.sa_mask, sizeof(a.sa_mask)) == 0;
}

// With the lock held.
Before* Remember(int signal, const struct sigaction& action) {
  for (Before* known = hub.known[signal]; known != nullptr; known = known->older) {
    if (Same(known->action, action)) return known;
  }
  return hub.known[signal] = new Before{action, hub.known[signal]};
}

// With the lock held.
Status Install(int signal) {
  struct sigaction current;
  const std::string what = absl::StrCat("listening to signal ", signal);
  if (::sigaction(signal, nullptr, &current) != 0) return ErrnoStatus(errno, what);
  if (IsOurs(current)) return OkStatus();
  // release: pairs with CallBefore's acquire; before the handler, so that no signal misses it
  hub.before[signal].store(Remember(signal, current), std::memory_order_release);
  struct sigaction ours{};
  ours.sa_sigaction = &Handle;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ours.sa_mask = current.sa_mask;
  if (::sigaction(signal, &ours, nullptr) != 0) return ErrnoStatus(errno, what);
  return OkStatus();
}

// With the lock held.
SignalSet WantedByOthers(const Slot* except) {
  SignalSet wanted = 0;
  // relaxed: slots and their gates change only under the lock, which is held; handlers only count
  for (Slot* slot = hub.slots.load(std::memory_order_relaxed); slot != nullptr; slot = slot->next) {
    const bool open = (slot->gate.load(std::memory_order_relaxed) & kOpen) != 0;             // relaxed: as above
    if (slot != except && open) wanted |= slot->wanted.load(std::memory_order_relaxed);  // relaxed: as above
  }
  return wanted;
}

// With the lock held.
Slot* FreeSlot() {
  Slot* first = hub.slots.load(std::memory_order_relaxed);  // relaxed: changes only under the lock
  for (Slot* slot = first; slot != nullptr; slot = slot->next) {
    if (!slot->used.load(std::memory_order_relaxed)) return slot;  // relaxed: as above
  }
  Slot* slot = new Slot;
  slot->next = first;
  hub.slots.store(slot, std::memory_order_release);  // release: pairs with Handle's acquire
  return slot;
}

bool IsDefault(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

// Puts back what was there before us, unless somebody has replaced our handler since: what is theirs stays. With the lock
// held. A handler of ours that is late, or that somebody else calls from theirs, still finds what it needs.
void GiveBack(int signal, const Before& before) {
  struct sigaction current;
  if (::sigaction(signal, nullptr, &current) == 0 && IsOurs(current)) (void)::sigaction(signal, &before.action, nullptr);
}

// The same, but for a signal by which somebody asks: that one's goes with StopAsking.
void GiveBackOrLater(int signal, const Before& before) {
  if (hub.answers[signal].load(std::memory_order_relaxed) != nullptr) {  // relaxed: changes only under the lock
    hub.asking |= BitOf(signal);
  } else {
    GiveBack(signal, before);
  }
}

// With the lock held.
void RestoreUnusedLocked() {
  const SignalSet wanted = WantedByOthers(nullptr);
  for (int signal = 1; signal <= kMaxSignal; ++signal) {
    Before* before = hub.before[signal].load(std::memory_order_relaxed);  // relaxed: changes only under the lock
    if (before == nullptr || (wanted & BitOf(signal)) != 0) continue;
    GiveBackOrLater(signal, *before);
    hub.unheard.fetch_and(~BitOf(signal), std::memory_order_acq_rel);  // acq_rel: pairs with Handle's release
  }
}

}  // namespace

int Slot::Take() {
  const SignalSet came = pending.load(std::memory_order_acquire);  // acquire: pairs with Handle's release (R2)
  if (came == 0) return 0;
  const int signal = __builtin_ctzll(came) + 1;
  pending.fetch_and(~BitOf(signal), std::memory_order_acq_rel);  // acq_rel: as above; only the listener takes bits out
  return signal;
}

StatusOr<Slot*> Open(SignalSet wanted, int wake_fd) {
  base::MutexLock lock(hub.mutex);
  for (int signal = 1; signal <= kMaxSignal; ++signal) {
    if ((wanted & BitOf(signal)) == 0) continue;
    Status status = Install(signal);
    if (!status.ok()) return status;
  }
  Slot* slot = FreeSlot();
  slot->used.store(true, std::memory_order_relaxed);        // relaxed: under the lock
  slot->wanted.store(wanted, std::memory_order_relaxed);    // relaxed: published by the gate
  slot->wake_fd.store(wake_fd, std::memory_order_relaxed);  // relaxed: published by the gate
  slot->pending.store(0, std::memory_order_relaxed);        // relaxed: published by the gate
  slot->gate.fetch_or(kOpen, std::memory_order_acq_rel);    // acq_rel: pairs with Handle's
  // acq_rel: pairs with Handle's release (R3). After the gate: what comes from now on is heard.
  const SignalSet unheard = hub.unheard.fetch_and(~wanted, std::memory_order_acq_rel) & wanted;
  slot->pending.fetch_or(unheard, std::memory_order_acq_rel);  // acq_rel: pairs with Take's acquire
  return slot;
}

void Close(Slot* slot) {
  base::MutexLock lock(hub.mutex);
  slot->gate.fetch_and(~kOpen, std::memory_order_acq_rel);  // acq_rel: pairs with Handle's (R1)
  // acquire: pairs with the release of the last handler inside. They only write eight bytes: the wait is short.
  while (slot->gate.load(std::memory_order_acquire) != 0) sched_yield();
  const SignalSet left = slot->pending.exchange(0, std::memory_order_acq_rel);  // acq_rel: pairs with Handle's release
  const SignalSet others = WantedByOthers(slot);
  hub.unheard.fetch_or(left & ~others, std::memory_order_release);  // release: pairs with Open's acquire
  const SignalSet mine = slot->wanted.load(std::memory_order_relaxed) & ~others;  // relaxed: changes under the lock
  slot->used.store(false, std::memory_order_relaxed);                             // relaxed: under the lock
  for (int signal = 1; signal <= kMaxSignal; ++signal) {
    if ((mine & BitOf(signal)) == 0) continue;
    const Before* before = hub.before[signal].load(std::memory_order_relaxed);  // relaxed: changes only under the lock
    // The default would end the process by a signal that comes now: only who asks for that gets it.
    if (before != nullptr && !IsDefault(before->action)) GiveBackOrLater(signal, *before);
  }
  if (hub.restores) RestoreUnusedLocked();
}

void RestoreUnused() {
  base::MutexLock lock(hub.mutex);
  RestoreUnusedLocked();
}

void RestoreUnusedAlways(bool always) {
  base::MutexLock lock(hub.mutex);
  hub.restores = always;
  if (always) RestoreUnusedLocked();
}

Status StartAsking(int signal, Answers answers) {
  base::MutexLock lock(hub.mutex);
  struct sigaction current;
  const bool installed = ::sigaction(signal, nullptr, &current) == 0 && IsOurs(current);
  if (Status status = Install(signal); !status.ok()) return status;
  if (!installed) hub.asking |= BitOf(signal);
  hub.unheard_before = hub.unheard.load(std::memory_order_relaxed);  // relaxed: what comes later counts as such
  hub.answers[signal].store(answers, std::memory_order_release);  // release: pairs with Handle's acquire
  return OkStatus();
}

void StopAsking(int signal) {
  base::MutexLock lock(hub.mutex);
  const SignalSet bit = BitOf(signal);
  hub.answers[signal].store(nullptr, std::memory_order_relaxed);  // relaxed: publishes nothing
  const bool stays = (hub.asking & bit) == 0;
  hub.asking &= ~bit;
  if (stays || (WantedByOthers(nullptr) & bit) != 0) return;  // R4
  GiveBack(signal, *hub.before[signal].load(std::memory_order_relaxed));  // relaxed: changes only under the lock
  // acq_rel: pairs with Handle's release. What a listener left to the next one stays.
  hub.unheard.fetch_and(~(bit & ~hub.unheard_before), std::memory_order_acq_rel);
}

}  // namespace kioto::signal::internal
