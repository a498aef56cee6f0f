#include "kioto/runtime/driver/io_source.h"

#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/wake_list.h"
#include "kioto/runtime/driver/reactor.h"

namespace kioto::internal {

// Chunks of sources, by index. A chunk, once there, stays for ever; the table is read without a lock.
struct IoSlab {
  static constexpr uint32_t kChunk = KIOTO_MODEL ? 1 : 512;
  static constexpr uint32_t kChunks = IoSource::kMost / kChunk;

  base::SpinLock lock;
  IoSource* free = nullptr;               // under the lock
  base::Atomic<uint32_t> chunks{0};       // under the grow lock
  base::Mutex grow;
  base::Atomic<IoSource*> table[kChunks];

  IoSource* At(uint32_t index) {
    // acquire: pairs with Grow's release; an index is known only to who has seen its source
    return table[index / kChunk].load(std::memory_order_acquire) + index % kChunk;
  }

  IoSource* Pop() {
    lock.Lock();
    IoSource* source = free;
    if (source != nullptr) free = source->next_free_;
    lock.Unlock();
    return source;
  }

  void Push(IoSource* source) {
    lock.Lock();
    source->next_free_ = free;
    free = source;
    lock.Unlock();
  }

  bool Grow() {
    base::MutexLock growing(grow);
    const uint32_t chunk = chunks.load(std::memory_order_relaxed);  // relaxed: under the lock
    if (chunk == kChunks) return false;
    IoSource* sources = new IoSource[kChunk];
    for (uint32_t i = 0; i < kChunk; ++i) {
      sources[i].index_ = chunk * kChunk + i;
      sources[i].next_free_ = i + 1 < kChunk ? &sources[i + 1] : nullptr;
    }
    table[chunk].store(sources, std::memory_order_release);  // release: pairs with At's acquire
    chunks.store(chunk + 1, std::memory_order_release);      // release: pairs with Size's acquire
    lock.Lock();
    sources[kChunk - 1].next_free_ = free;
    free = sources;
    lock.Unlock();
    return true;
  }

  // How many sources there are. Whoever makes a later one sees what this thread did before (R5).
  uint32_t Size() {
    if (KIOTO_MUTANT("io_source.size_without_lock")) {
      return chunks.load(std::memory_order_acquire) * kChunk;  // acquire: pairs with Grow's release, in place of the lock
    }
    base::MutexLock growing(grow);
    return chunks.load(std::memory_order_relaxed) * kChunk;  // relaxed: under the lock
  }
};

namespace {

#if KIOTO_MODEL
IoSlab* model_slab = nullptr;  // of the present execution

IoSlab& Slab() {
  if (model_slab == nullptr) model_slab = new IoSlab;
  return *model_slab;
}
#else
// Never destroyed: sources are closed by destructors of whatever lives longest.
IoSlab& Slab() {
  static IoSlab* const slab = new IoSlab;
  return *slab;
}
#endif

}  // namespace

#if KIOTO_MODEL
void IoSource::ForgetSlab() { model_slab = nullptr; }

void IoSource::FreeSlab() {
  for (auto& chunk : model_slab->table) delete[] chunk.load(std::memory_order_relaxed);  // relaxed: nobody else is left
  delete std::exchange(model_slab, nullptr);
}
#endif

IoSource* IoSource::Allocate() {
  IoSlab& slab = Slab();
  for (;;) {
    if (IoSource* source = slab.Pop()) return source;
    if (!slab.Grow()) return nullptr;
  }
}

int IoSource::Retire(int fd, bool close) {
  lock_.Lock();
  int kept = fd;
  Reactor* asked = nullptr;
  if (reactor_ != nullptr) {
    if (reactor_->Forget(this, fd, close, &kept)) close = false;
    if (kept < 0) {
      lock_.Unlock();
      return kept;
    }
    reactor_->Count(-1);
    if (reactor_->has_requests()) asked = reactor_;
    reactor_ = nullptr;
  }
  reactor_data = nullptr;
  uint64_t word = readiness_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  uint64_t next;
  do {
    next = (((word >> kGenerationShift) + 1) << kGenerationShift) | (word & kHasWaiters);
    // acq_rel: who sees the new generation sees that the old owner is done (R3). relaxed on failure: only a guess.
  } while (!readiness_.compare_exchange_weak(word, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  lock_.Unlock();
  if (asked != nullptr) Reactor::HurryIfAlive(asked);
  WakeFor(Ready::kAll);
  if ((word & kHasWaiters) != 0) WakeWaiters(Ready::kAll);
  ForgetWakers();
  if (close) base::sys::Close(fd);
  Slab().Push(this);
  return kept;
}

bool IoSource::Dispatch(uint64_t token, uint32_t bits, uint64_t disarm) {
  IoSource* source = Slab().At(static_cast<uint32_t>(token));
  uint64_t word = source->readiness_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  uint64_t next;
  do {
    const bool gone = word >> kGenerationShift != token >> kGenerationShift;
    if (gone && !KIOTO_MUTANT("io_source.ignore_generation")) return false;  // R3
    next = (word & ~kTickMask & ~disarm) | ((word + kTickOne) & kTickMask) | bits;
    // acq_rel: pairs with Register's read (R1) and Clear's CAS (R2). relaxed on failure: only a guess for the next round.
  } while (!source->readiness_.compare_exchange_weak(word, next,
                                                     KIOTO_ORDER("io_source.dispatch_order", std::memory_order_acq_rel),
                                                     std::memory_order_relaxed));
  // What was disarmed served those too who wait for priority or an error: they arm it again.
  if ((disarm & kWatchIn) != 0) bits |= Ready::Of(Direction::kRead) | Ready::Of(Direction::kPriority);
  source->WakeFor(bits);
  if ((next & kHasWaiters) != 0) source->WakeWaiters(bits);
  return true;
}

uint64_t IoSource::Register(const Waker& waker, Direction direction, IoWaiter* waiter) {
  if (waiter == nullptr) {
    Slot(direction).Register(waker);
    return readiness();  // R1
  }
  return Register(waker, Ready::Of(direction), *waiter);
}

uint64_t IoSource::Register(const Waker& waker, uint32_t bits, IoWaiter& waiter) {
  Waker old = waker;  // dropped after the lock
  lock_.Lock();
  std::swap(waiter.waker_, old);
  waiter.mask_ = bits;
  waiter.source_ = this;
  if (!waiter.linked()) waiters_.PushBack(waiter);
  // acq_rel: pairs with Dispatch's CAS of the same word (R1)
  const uint64_t word = readiness_.fetch_or(kHasWaiters, std::memory_order_acq_rel);
  lock_.Unlock();
  return word;
}

void IoWaiter::Cancel() {
  if (source_ == nullptr) return;
  Waker dropped;  // after the lock
  source_->lock_.Lock();
  Unlink();
  std::swap(dropped, waker_);
  if (source_->waiters_.empty()) {
    // relaxed: under the lock, and whoever sets it holds the lock too
    source_->readiness_.fetch_and(~IoSource::kHasWaiters, std::memory_order_relaxed);
  }
  source_->lock_.Unlock();
}

void IoSource::Clear(uint64_t seen, uint32_t bits) {
  uint64_t word = seen;
  do {
    if (((word ^ seen) & kTickMask) != 0 && !KIOTO_MUTANT("io_source.clear_unseen")) return;  // R2
    // relaxed: takes back what this thread has seen; gives nothing. The CAS guards the tick.
  } while (!readiness_.compare_exchange_weak(word, word & ~uint64_t{bits}, std::memory_order_relaxed,
                                             std::memory_order_relaxed));
}

Status IoSource::Watch(int fd, uint64_t wanted, Reactor* reactor, const char* what) {
  lock_.Lock();
  const uint64_t word = readiness();
  if ((word & kShutdown) == 0 && (wanted & ~word) == 0) {
    lock_.Unlock();
    return OkStatus();
  }
  if (reactor_ != nullptr) reactor = reactor_;
  if ((word & kShutdown) != 0 || reactor->shut_down()) {  // R5
    lock_.Unlock();
    return ShutdownError(what);
  }
  // The bits come first: the event of a one-shot watch takes them back, and may be quicker than we are.
  const uint64_t bits = reactor->WatchBits(wanted) & ~word;
  readiness_.fetch_or(bits, std::memory_order_relaxed);  // relaxed: under the lock; tells nothing of other memory
  const int error = reactor->Watch(this, fd, word & (kWatchIn | kWatchOut), wanted);
  if (error == 0) {
    if (reactor_ == nullptr) reactor->Count(1);
    reactor_ = reactor;
  } else {
    readiness_.fetch_and(~bits, std::memory_order_relaxed);  // relaxed: as above
  }
  const bool asked = reactor->has_requests();
  lock_.Unlock();
  if (asked) Reactor::HurryIfAlive(reactor);
  if (error == 0) return OkStatus();
  // Others may rely on the bits that were taken back.
  WakeFor(Ready::kAll);
  if (!KIOTO_MUTANT("io_source.refuse_in_silence")) WakeWaiters(Ready::kAll);
  return ErrnoStatus(error, what);
}

void IoSource::ShutDownAll(Reactor* reactor) {
  IoSlab& slab = Slab();
  const uint32_t size = slab.Size();
  for (uint32_t i = 0; i < size; ++i) {
    IoSource* source = slab.At(i);
    source->lock_.Lock();
    const bool ours = source->reactor_ == reactor;
    if (ours) {
      source->reactor_ = nullptr;
      reactor->Count(-1);
      // acq_rel: as Dispatch (R1)
      source->readiness_.fetch_or(kShutdown, std::memory_order_acq_rel);
    }
    source->lock_.Unlock();
    if (!ours) continue;
    source->WakeFor(Ready::kAll);
    source->WakeWaiters(Ready::kAll);
  }
}

void IoSource::WakeFor(uint32_t bits) {
  for (Direction direction : {Direction::kRead, Direction::kWrite, Direction::kPriority}) {
    if ((bits & Ready::Of(direction)) != 0) Slot(direction).Wake();
  }
}

void IoSource::WakeWaiters(uint32_t bits) {
  for (bool more = true; more;) {
    base::WakeList<Waker> wakes;
    lock_.Lock();
    more = false;
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      IoWaiter& waiter = *it++;
      if ((waiter.mask_ & bits) == 0) continue;
      if (wakes.full()) {
        more = true;
        break;
      }
      waiter.Unlink();
      wakes.Add(std::move(waiter.waker_));
    }
    if (waiters_.empty()) {
      readiness_.fetch_and(~kHasWaiters, std::memory_order_relaxed);  // relaxed: under the lock, as in Cancel
    }
    lock_.Unlock();
    wakes.WakeAll();
  }
}

void IoSource::ForgetWakers() {
  for (WakerSlot& slot : wakers_) {
    slot.Register(Waker());  // gives the task's waker back, unless a Wake is inside: then the slot's next owner does
    slot.Disarm();
  }
}

void Reactor::Shutdown() {
  shut_down_.store(true, std::memory_order_release);  // release: pairs with shut_down's acquire (R5)
  IoSource::ShutDownAll(this);
}

}  // namespace kioto::internal
