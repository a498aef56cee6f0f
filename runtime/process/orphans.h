// Orphans: children whose Child was dropped while they ran. They are reaped all the same, so that none stays a zombie: by the
// runtime in which they were dropped, as soon as they end. Those whose runtime has gone, or that never had one, are in a list,
// which every spawn looks through, and gives to its own runtime. For child.cc and command.cc.
#ifndef KIOTO_RUNTIME_PROCESS_ORPHANS_H_
#define KIOTO_RUNTIME_PROCESS_ORPHANS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/process/exit_watch.h"

namespace kioto::process::internal {

class Orphan {
 public:
  virtual ~Orphan() = default;
  // One look: reaps it if it has ended, else leaves it to the runtime entered on this thread. False: it runs, and there is no
  // runtime that could watch it.
  virtual bool Settle() = 0;
};

class OrphanList {
 public:
  void Add(std::unique_ptr<Orphan> orphan);
  // Tries to settle each of them once. While another thread does it: nothing, at once.
  void Drain();
  size_t size() const;

  // The one of this program. Never destroyed.
  static OrphanList& OfProcess();

 private:
  base::Mutex draining_;
  mutable base::Mutex mutex_;
  std::vector<std::unique_ptr<Orphan>> orphans_;  // under mutex_
};

// Has the child reaped when it ends, now or later.
void LeaveToReaper(ExitWatch watch);

}  // namespace kioto::process::internal

#endif  // KIOTO_RUNTIME_PROCESS_ORPHANS_H_
