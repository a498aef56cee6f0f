// The portable reactor: one uv_poll_t per fd, armed for one event at a time, so that it never spins on what nobody reads.
//
// libuv's handles belong to the loop's thread. Other threads leave requests (to arm, to close) and hurry it; an fd is closed
// only after its handle, because libuv aborts on an armed fd that somebody else has closed.
//
// OWNERSHIP  Fd: the loop's thread; wanted, leaving, queued and the links: under mutex_. The source knows it by
//            reactor_data, under the source's lock.
// RACES      R1 Watch or Forget against Serve: Serve takes the whole queue under mutex_; what comes later hurries again.
//            R2 Forget against an event on its way: the event carries the source's token, an old one is dropped.
//            R3 a hurry against the reactor's end: it comes after the source's lock was given back, so both hold the lock of
//               the living reactors, and a reactor that has shut down is not among them.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <uv.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::internal {
namespace {

class PortableReactor final : public Reactor {
 public:
  PortableReactor(uv_loop_t* loop, bool unref, void (*hurry)(void*), void* arg)
      : loop_(loop), unref_(unref), hurry_(hurry), hurry_arg_(arg), thread_(&CurrentThread()) {
    Living& living = TheLiving();
    base::MutexLock lock(living.mutex);
    living.reactors.push_back(this);
  }
  ~PortableReactor() override { PortableReactor::Shutdown(); }

  int fd() const override { return -1; }
  int Harvest() override { return 0; }
  void Serve() override;
  void Shutdown() override;

  uint64_t WatchBits(uint64_t wanted) const override { return wanted; }
  int Watch(IoSource* source, int fd, uint64_t watched, uint64_t wanted) override;
  bool Forget(IoSource* source, int fd, bool close, int* kept) override;

  static void Hurry(const Reactor* reactor);

 private:
  struct Living {
    base::Mutex mutex;
    std::vector<PortableReactor*> reactors;
  };
  static Living& TheLiving() {
    static Living& living = *new Living;  // sources may be closed by the destructors of whatever lives longest
    return living;
  }

  struct Fd : base::ListNode<struct AllTag>, base::ListNode<struct QueueTag> {
    uv_poll_t poll;
    PortableReactor* reactor;
    uint64_t token;
    int fd;
    bool made = false;      // `poll` is a handle of the loop
    uint64_t armed = 0;     // watch bits
    base::Atomic<int> error{0};
    // Under mutex_:
    uint64_t wanted = 0;    // watch bits to arm
    bool leaving = false;
    bool close_fd = false;
  };

  void Request(Fd* fd);      // mutex_ held
  void Arm(Fd* fd, uint64_t wanted);
  void Finish(Fd* fd);
  static void Abandon(Fd* fd);
  static uint32_t PriorityOrError(int fd);
  static void OnEvent(uv_poll_t* poll, int status, int events);

  uv_loop_t* const loop_;
  const bool unref_;
  void (*const hurry_)(void*);
  void* const hurry_arg_;
  base::Atomic<const void*> thread_;  // the loop's, by its ThreadContext
  base::Mutex mutex_;
  base::IntrusiveList<Fd, AllTag> all_;
  base::IntrusiveList<Fd, QueueTag> queue_;
};

int PortableReactor::Watch(IoSource* source, int fd, uint64_t, uint64_t wanted) {
  auto* entry = static_cast<Fd*>(source->reactor_data);
  {
    base::MutexLock lock(mutex_);
    if (entry == nullptr) {
      entry = new Fd;
      entry->reactor = this;
      entry->token = source->token();
      entry->fd = fd;
      source->reactor_data = entry;
      all_.PushBack(*entry);
    }
    // relaxed: written by the loop's thread before the event that let the caller try again
    if (const int error = entry->error.load(std::memory_order_relaxed); error != 0) return error;
    entry->wanted |= wanted;
    Request(entry);
  }
  CountControl();
  return 0;
}

bool PortableReactor::Forget(IoSource* source, int fd, bool close, int* kept) {
  auto* entry = static_cast<Fd*>(source->reactor_data);
  if (entry == nullptr) return false;
  // relaxed: equal only on the loop's own thread, which wrote it
  if (thread_.load(std::memory_order_relaxed) == &CurrentThread()) {
    {
      base::MutexLock lock(mutex_);
      entry->base::ListNode<QueueTag>::Unlink();
    }
    Finish(entry);
    return false;
  }
  if (!close) {
    // The caller goes on with a duplicate: the loop still has the number.
    *kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (*kept < 0) {
      *kept = -errno;
      return false;
    }
  }
  {
    base::MutexLock lock(mutex_);
    entry->leaving = true;
    entry->close_fd = true;
    Request(entry);
  }
  return true;
}

void PortableReactor::Hurry(const Reactor* reactor) {
  Living& living = TheLiving();
  base::MutexLock lock(living.mutex);
  for (PortableReactor* alive : living.reactors) {
    if (alive == reactor) alive->hurry_(alive->hurry_arg_);
  }
}

void PortableReactor::Request(Fd* fd) {
  if (!fd->base::ListNode<QueueTag>::linked()) queue_.PushBack(*fd);
  has_requests_.store(true, std::memory_order_relaxed);  // relaxed: a hint; the hurry that follows is what counts
}

void PortableReactor::Serve() {
  thread_.store(&CurrentThread(), std::memory_order_relaxed);  // relaxed: read for equality alone
  for (;;) {
    mutex_.Lock();
    has_requests_.store(false, std::memory_order_relaxed);  // relaxed: under the lock
    Fd* fd = queue_.PopFront();
    if (fd == nullptr) {
      mutex_.Unlock();
      return;
    }
    const uint64_t wanted = std::exchange(fd->wanted, 0);
    const bool leaving = fd->leaving;
    mutex_.Unlock();
    if (leaving) {
      Finish(fd);
    } else {
      Arm(fd, wanted);
    }
  }
}

void PortableReactor::Arm(Fd* fd, uint64_t wanted) {
  int error = 0;
  if (!fd->made) {
    error = uv_poll_init(loop_, &fd->poll, fd->fd);
    fd->made = error == 0;
    if (fd->made) {
      fd->poll.data = fd;
      if (unref_) uv_unref(reinterpret_cast<uv_handle_t*>(&fd->poll));
    }
  }
  // A host that closes every handle of its loop closes ours too.
  if (error == 0 && uv_is_closing(reinterpret_cast<uv_handle_t*>(&fd->poll)) != 0) error = UV_ECANCELED;
  if (error == 0) {
    fd->armed |= wanted;
    int events = 0;
    if ((fd->armed & IoSource::kWatchIn) != 0) events |= UV_READABLE | UV_DISCONNECT | UV_PRIORITIZED;
    if ((fd->armed & IoSource::kWatchOut) != 0) events |= UV_WRITABLE;
    error = uv_poll_start(&fd->poll, events, OnEvent);
  }
  if (error == 0) return;
  fd->error.store(error, std::memory_order_relaxed);  // relaxed: published by the event
  IoSource::Dispatch(fd->token, Ready::kReadable | Ready::kWritable, IoSource::kWatchIn | IoSource::kWatchOut);
}

// libuv says "all that was asked for" of an fd that has an error alone, which is news of urgent data then.
uint32_t PortableReactor::PriorityOrError(int fd) {
  pollfd asked = {fd, POLLPRI, 0};
  if (::poll(&asked, 1, 0) < 0) return Ready::kPriority;
  const uint32_t priority = (asked.revents & POLLPRI) != 0 ? Ready::kPriority : 0;
  return (asked.revents & POLLERR) != 0 ? priority | Ready::kError : priority;
}

void PortableReactor::OnEvent(uv_poll_t* poll, int status, int events) {
  Fd* const fd = static_cast<Fd*>(poll->data);
  uint32_t bits = 0;
  if (status < 0) bits = Ready::kReadable | Ready::kWritable | Ready::kError;
  if ((events & UV_READABLE) != 0) bits |= Ready::kReadable;
  if ((events & UV_WRITABLE) != 0) bits |= Ready::kWritable;
  if ((events & UV_PRIORITIZED) != 0) bits |= PriorityOrError(fd->fd);
  if ((events & UV_DISCONNECT) != 0) bits |= Ready::kReadable | Ready::kReadClosed;
  uint64_t fired = 0;
  if ((bits & (Ready::Of(Direction::kRead) | Ready::Of(Direction::kPriority))) != 0) fired |= IoSource::kWatchIn;
  if ((bits & Ready::Of(Direction::kWrite)) != 0) fired |= IoSource::kWatchOut;
  // One shot: what has fired is armed again by the next wait.
  fd->armed &= ~fired;
  uv_poll_stop(poll);
  if (fd->armed != 0) {
    fd->reactor->Arm(fd, 0);
    // libuv tells the kernel when it turns next, to which a hosted driver must see.
    // relaxed: pairs with nothing: this thread reads it, at the end of its turn
    fd->reactor->has_requests_.store(true, std::memory_order_relaxed);
  }
  fd->reactor->CountEvents(1);
  IoSource::Dispatch(fd->token, bits, fired);
}

// Kept for ever, where leak checkers find it.
void PortableReactor::Abandon(Fd* fd) {
  static base::Mutex* const mutex = new base::Mutex;
  static auto* const abandoned = new std::vector<Fd*>;
  base::MutexLock lock(*mutex);
  abandoned->push_back(fd);
}

// Ends `fd`, which is in no queue and known to no source any more.
void PortableReactor::Finish(Fd* fd) {
  mutex_.Lock();
  fd->base::ListNode<AllTag>::Unlink();
  mutex_.Unlock();
  const bool close_fd = fd->close_fd;
  const int number = fd->fd;
  if (!fd->made) {
    delete fd;
  } else if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&fd->poll)) == 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&fd->poll),
             [](uv_handle_t* handle) { delete static_cast<Fd*>(handle->data); });
  } else {
    Abandon(fd);  // the host closes it, and nobody tells us when: the memory is left to it
  }
  if (close_fd) base::sys::Close(number);
}

void PortableReactor::Shutdown() {
  Reactor::Shutdown();  // from here on no source knows its Fd
  {
    Living& living = TheLiving();
    base::MutexLock lock(living.mutex);
    living.reactors.erase(std::remove(living.reactors.begin(), living.reactors.end(), this), living.reactors.end());
  }
  // What asks to be armed is not: its source may close the fd now, at any moment.
  for (;;) {
    mutex_.Lock();
    if (all_.empty()) break;
    Fd* const fd = &all_.front();
    fd->base::ListNode<QueueTag>::Unlink();
    mutex_.Unlock();
    Finish(fd);
  }
  mutex_.Unlock();
}

}  // namespace

void Reactor::HurryIfAlive(const Reactor* reactor) { PortableReactor::Hurry(reactor); }

std::unique_ptr<Reactor> MakePortableReactor(uv_loop_t* loop, bool unref, void (*hurry)(void*), void* arg) {
  return std::make_unique<PortableReactor>(loop, unref, hurry, arg);
}

}  // namespace kioto::internal
