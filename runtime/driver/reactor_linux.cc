// The reactor on Linux: an edge-triggered epoll set. The set is watched by its worker's loop, but it belongs to no thread:
// the kernel's own lock orders adding, removing and harvesting, so any thread may do each of them.
//
// An fd is added for reading, peer's hang-up and priority at once; writing joins when a write first finds no room, because
// Unix sockets report every own write as an edge.
#include "kioto/runtime/base/config.h"

#if defined(__linux__) && !KIOTO_PORTABLE

#include <errno.h>
#include <sys/epoll.h>

#include <memory>
#include <vector>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/harvest_fault.h"
#include "kioto/runtime/driver/reactor.h"

namespace kioto::internal {
namespace {

constexpr uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET;

uint32_t BitsOf(uint32_t events) {
  uint32_t bits = 0;
  if ((events & EPOLLIN) != 0) bits |= Ready::kReadable;
  if ((events & EPOLLOUT) != 0) bits |= Ready::kWritable;
  if ((events & EPOLLPRI) != 0) bits |= Ready::kPriority;
  if ((events & EPOLLRDHUP) != 0) bits |= Ready::kReadable | Ready::kReadClosed;
  if ((events & EPOLLERR) != 0) bits |= Ready::kReadable | Ready::kWritable | Ready::kError;
  if ((events & EPOLLHUP) != 0) {
    bits |= Ready::kReadable | Ready::kWritable | Ready::kReadClosed | Ready::kWriteClosed;
  }
  return bits;
}

class EpollReactor final : public Reactor {
 public:
  explicit EpollReactor(int epoll) : epoll_(epoll) {}
  ~EpollReactor() override {
    Shutdown();
    base::sys::Close(epoll_);
  }

  int fd() const override { return epoll_; }
  int Harvest() override;

  uint64_t WatchBits(uint64_t wanted) const override { return IoSource::kWatchIn | wanted; }

  int Watch(IoSource* source, int fd, uint64_t watched, uint64_t wanted) override {
    epoll_event event;
    event.events = kReadEvents;
    if (((watched | wanted) & IoSource::kWatchOut) != 0) event.events |= EPOLLOUT;
    event.data.u64 = source->token();
    CountControl();
    return base::sys::EpollCtl(epoll_, watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
  }

  bool Forget(IoSource*, int fd, bool, int*) override {
    // The close that follows would do it, if nobody had duplicated the fd.
    epoll_event none = {};
    CountControl();
    base::sys::EpollCtl(epoll_, EPOLL_CTL_DEL, fd, &none);
    return false;
  }

 private:
  int Disturbed(ScopedHarvestFault& fault, const epoll_event* events, int count);

  const int epoll_;
};

int EpollReactor::Harvest() {
  epoll_event events[limits::kEventsPerHarvest];
  const int count = base::sys::EpollWait(epoll_, events, limits::kEventsPerHarvest, 0);
  ScopedHarvestFault* const fault = ScopedHarvestFault::Installed();
  if (__builtin_expect(fault != nullptr, 0)) return Disturbed(*fault, events, count < 0 ? 0 : count);
  if (count <= 0) return 0;  // only EINTR can happen: the next look finds the same
  CountEvents(count);
  for (int i = 0; i < count; ++i) IoSource::Dispatch(events[i].data.u64, BitsOf(events[i].events));
  return count;
}

int EpollReactor::Disturbed(ScopedHarvestFault& fault, const epoll_event* events, int count) {
  std::vector<HarvestEvent> wanted;
  for (int i = 0; i < count; ++i) wanted.push_back({this, events[i].data.u64, BitsOf(events[i].events)});
  wanted = fault.Apply(this, std::move(wanted));
  for (const HarvestEvent& event : wanted) IoSource::Dispatch(event.token, event.bits);
  CountEvents(static_cast<int>(wanted.size()));
  return static_cast<int>(wanted.size());
}

}  // namespace

StatusOr<std::unique_ptr<Reactor>> MakeEpollReactor() {
  const int epoll = base::sys::EpollCreate();
  if (epoll < 0) return ErrnoStatus(epoll, "can not make a reactor (epoll_create1)");
  return std::unique_ptr<Reactor>(new EpollReactor(epoll));
}

}  // namespace kioto::internal

#endif
