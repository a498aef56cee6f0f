#include "kioto/runtime/base/model/mutex.h"

#include "kioto/runtime/base/model/heap.h"

namespace kioto::model {

using internal::Execution;
using internal::Fail;
using internal::HeapOff;
using internal::Site;
using internal::WaitFor;

Mutex::Mutex() {
  if (Execution* e = Execution::Current()) {
    execution_ = e->number();
    clock_ = e->clock();
  }
}

Mutex::~Mutex() {
  Execution* e = Find({__builtin_FILE(), __builtin_LINE()});
  if (e == nullptr) return;
  if (owner_ >= 0) Fail("a mutex is destroyed while it is locked");
  if (!e->clock().Covers(clock_))
    Fail("a mutex is destroyed, and nothing makes sure that its last owner has done with it");
  execution_ = internal::kDestroyed;
}

Execution* Mutex::Find(Site site) const {
  return execution_ == internal::kPlain ? nullptr : Execution::Lookup(execution_, site);
}

void Mutex::Lock(const char* file, int line) {
  const Site site{file, line};
  Execution* e = Find(site);
  if (e == nullptr) return;
  HeapOff off;
  e->Point(site);
  while (Find(site) != nullptr && owner_ >= 0) {
    if (owner_ == e->thread()) Fail("a thread locks a mutex that it holds already", site);
    e->Block(WaitFor::kMutex, this, false, site);
  }
  owner_ = e->thread();
  e->clock().Join(clock_);
  e->Tick();
  if (e->tracing()) e->Trace(site, "locks a mutex");
}

bool Mutex::TryLock(const char* file, int line) {
  const Site site{file, line};
  Execution* e = Find(site);
  if (e == nullptr) return true;
  HeapOff off;
  e->Point(site);
  if (owner_ >= 0) return false;
  owner_ = e->thread();
  e->clock().Join(clock_);
  e->Tick();
  if (e->tracing()) e->Trace(site, "locks a mutex");
  return true;
}

void Mutex::Unlock(const char* file, int line) {
  const Site site{file, line};
  Execution* e = Find(site);
  if (e == nullptr) return;
  HeapOff off;
  e->Point(site);
  if (owner_ != e->thread()) Fail("a thread unlocks a mutex that it does not hold", site);
  owner_ = -1;
  clock_ = e->clock();
  e->Tick();
  e->NoteWrite();
  if (e->tracing()) e->Trace(site, "unlocks a mutex");
  e->Unblock(WaitFor::kMutex, this, internal::kMaxThreads);
}

bool FutexWait(const Atomic<uint32_t>& word, uint32_t expected, bool may_time_out, const char* file,
               int line) {
  const Site site{file, line};
  Execution* e = Execution::Current();
  if (e == nullptr) Fail("FutexWait outside an execution would wait for ever", site);
  HeapOff off;
  e->Point(site);
  if (word.Newest() != expected) return true;
  if (e->tracing()) e->Trace(site, "parks");
  return e->Block(WaitFor::kFutex, &word, may_time_out, site);
}

int FutexWake(const Atomic<uint32_t>& word, int most, const char* file, int line) {
  const Site site{file, line};
  Execution* e = Execution::Current();
  if (e == nullptr) return 0;
  HeapOff off;
  e->Point(site);
  e->NoteWrite();
  return e->Unblock(WaitFor::kFutex, &word, most);
}

}  // namespace kioto::model
