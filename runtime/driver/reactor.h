// Reactor: the set of fds that one worker's loop watches. Watching, forgetting and harvesting are legal on any thread.
//
// reactor_linux.cc   an edge-triggered epoll set, itself watched by the loop through one uv_poll_t. An fd is added once, and
//                    no system call is made for it until it closes, but one that adds writing.
// reactor_portable.cc  a one-shot uv_poll_t per fd, for what has neither epoll nor kqueue. Slower: requests from other
//                    threads travel to the loop's thread.
#ifndef KIOTO_RUNTIME_DRIVER_REACTOR_H_
#define KIOTO_RUNTIME_DRIVER_REACTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_source.h"

typedef struct uv_loop_s uv_loop_t;

namespace kioto::internal {

// Since the reactor was made. They outlive it: for who looks at it from another thread. RMW: any thread may count.
struct IoCounts {
  base::Atomic<uint64_t> registered{0};    // sources that it began to watch
  base::Atomic<uint64_t> deregistered{0};  // that it watches no more
  base::Atomic<uint64_t> events{0};        // taken
};

class Reactor {
 public:
  Reactor() = default;
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  virtual ~Reactor() = default;

  // What the loop has to watch for reading; -1 if the reactor uses the loop itself.
  virtual int fd() const = 0;

  // Takes the events that are there, without waiting, and wakes. Returns how many. Any thread (the portable reactor has
  // none to give to a foreign one).
  virtual int Harvest() = 0;
  // Does what other threads asked for. The driving thread, before it runs its loop.
  virtual void Serve() {}
  // Whether Serve has something to do.
  bool has_requests() const {
    return has_requests_.load(std::memory_order_relaxed);  // relaxed: a hint; who sets it hurries the driver afterwards
  }

  // Hurries the driver of `reactor`, to which a Watch or a Forget has left requests: without the source's lock, which is a
  // spin lock, and therefore perhaps when the reactor is gone; then it does nothing.
  static void HurryIfAlive(const Reactor* reactor);

  // The watch bits that a Watch for `wanted`, which are such bits, sets.
  virtual uint64_t WatchBits(uint64_t wanted) const = 0;
  // Makes `fd` watched for `wanted`: for all of them or, with an error, for no more than before. 0 or -errno. With the source's
  // lock held; `watched` are its watch bits so far.
  virtual int Watch(IoSource* source, int fd, uint64_t watched, uint64_t wanted) = 0;
  // Ends it. With the source's lock held. True if the reactor closes the fd itself, later, because it still needs it; then
  // the caller keeps `*kept`, a duplicate, unless it meant to close. With -errno in `*kept` nothing has ended.
  virtual bool Forget(IoSource* source, int fd, bool close, int* kept) = 0;

  // Ends every source with an error; later ones too. The driving thread.
  virtual void Shutdown();

  // Sources watched now; events taken so far. Any thread.
  size_t sources() const { return sources_.load(std::memory_order_relaxed); }  // relaxed: a count alone
  uint64_t events() const { return counts_->events.load(std::memory_order_relaxed); }  // relaxed: a count alone
  const std::shared_ptr<IoCounts>& counts() const { return counts_; }
  // System calls (or their like) made to add, change and remove.
  uint64_t controls() const { return controls_.load(std::memory_order_relaxed); }  // relaxed: a count alone
  bool shut_down() const {
    return shut_down_.load(std::memory_order_acquire);  // acquire: pairs with Shutdown's release (IoSource R5)
  }

 protected:
  friend class IoSource;

  // One source more, or one less (-1).
  void Count(int by) {
    sources_.fetch_add(by, std::memory_order_relaxed);  // relaxed: a count alone
    (by > 0 ? counts_->registered : counts_->deregistered).fetch_add(1, std::memory_order_relaxed);  // relaxed: a count alone
  }
  void CountControl() { controls_.fetch_add(1, std::memory_order_relaxed); }    // relaxed: a count alone
  void CountEvents(int n) { counts_->events.fetch_add(n, std::memory_order_relaxed); }  // relaxed: a count alone

  base::Atomic<bool> has_requests_{false};

 private:
  const std::shared_ptr<IoCounts> counts_ = std::make_shared<IoCounts>();
  base::Atomic<size_t> sources_{0};
  base::Atomic<uint64_t> controls_{0};
  base::Atomic<bool> shut_down_{false};
};

#if defined(__linux__) && !KIOTO_PORTABLE
StatusOr<std::unique_ptr<Reactor>> MakeEpollReactor();
#endif

// On `loop`, which it needs for as long as it lives. Shutdown, Serve and the destructor: on the loop's thread; the handles
// are closed by Shutdown, and their memory lives until their close callbacks. `hurry` is called, on any thread, when Serve
// is wanted soon. `unref`: its handles shall not keep the loop alive.
std::unique_ptr<Reactor> MakePortableReactor(uv_loop_t* loop, bool unref, void (*hurry)(void*), void* arg);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_REACTOR_H_
