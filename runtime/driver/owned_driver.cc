// The driver on a libuv loop of our own: a handful of handles, made once. A worker out of tasks sleeps in uv_run; Unpark reaches it
// there by the async, deadlines by the alarm, readiness by one poll handle on the reactor's descriptor. A turn of a busy
// worker looks at the reactor directly and runs no loop.
//
// The alarm is a timerfd that the loop watches, set only if the deadline is another than before: a far one, as those of
// time-outs are, costs nothing. A uv_timer_t would be later by up to a millisecond, for the loop sleeps in whole ones from the
// moment it falls asleep, and costs two looks at the clock a sleep. It serves in the portable build, in a driver without time, and
// where the system refuses a timerfd.
//
// A watched reactor costs: with every event the kernel tells the loop's epoll set too (130 ns; an echo became 3 % faster
// without). So a worker that has harvested many events and not slept takes its reactor out of the loop's set, and puts it
// back before it sleeps (1 µs, and 75 ns for each source, for the kernel then looks for circles). libuv is not asked: it
// would do that in its next turn, and perhaps through io_uring. It finds the watcher by the fd in the event's data.
//
// STATE       wake_: kParked (the driving thread is in Sleep), kToken (somebody called Unpark).
// OWNERSHIP   the handles: the driving thread, but for uv_async_send. kParked: set and cleared by the driving thread. kToken:
//             set by any thread, cleared by the driving one.
//             watched_, events_, alarm_at_: the driving thread's.
// RACES       R1 Unpark against Sleep: both are RMWs of wake_. Unpark second: it sees kParked and sends. Sleep second: it
//                sees kToken and does not sleep.
//             R2 two Unparks: the second finds kToken; one send is enough.
//             R3 a send that comes after the sleeper left for another reason: the next Sleep may end early.
// COST        Unpark 1 RMW, and a system call (7 µs) only if the thread sleeps; Sleep 2 RMW, and a system call if the deadline is
//             another than before.
#include <uv.h>

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/timerfd.h>
#endif

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/driver_base.h"

namespace kioto::internal {
namespace {

// The longest sleep in one piece (a day): libuv counts milliseconds in an int.
constexpr int64_t kLongestSleepMs = 86'400'000;

class OwnedDriver final : public DriverBase {
 public:
  using DriverBase::DriverBase;
  ~OwnedDriver() override;

  Status Open(const DriverOptions& options);
  void Unpark() override;

 protected:
  void Sleep(int64_t deadline_ns) override;
  bool TakeToken() override {
    // acq_rel: pairs with Unpark's (R1)
    return (wake_.exchange(0, std::memory_order_acq_rel) & kToken) != 0;
  }

  int LookAtReactor() override;

 private:
  static constexpr uint32_t kParked = 1;
  static constexpr uint32_t kToken = 2;

  Status OpenReactor();
  Status OpenAlarm();
  // Both by base::MonotonicNanos().
  void SetAlarm(int64_t at);
  void SetTimer(int64_t at);
  void CountEvents(int events);
  bool Watch();

  base::Atomic<uint32_t> wake_{0};
  int open_ = 0;  // how far Open came
  bool portable_ = false;
#if !KIOTO_DRIVER_IS_PORTABLE
  bool watched_ = true;        // the loop's epoll set has the reactor
  uint64_t events_ = 0;        // harvested since the last sleep
  int64_t alarm_at_ = kNever;  // when it rings, by base::MonotonicNanos(); kNever: it does not; 0: it has rung
#endif
  uv_loop_t loop_;
  uv_async_t async_;
  uv_timer_t timer_;
  uv_poll_t poll_;
  uv_poll_t alarm_;
  int alarm_fd_ = -1;
};

Status OwnedDriver::Open(const DriverOptions& options) {
  if (int err = uv_loop_init(&loop_); err != 0) return ErrnoStatus(err, "can not make an event loop (uv_loop_init)");
  open_ = 1;
  // Active and referenced for as long as the loop lives: without it uv_run would return at once.
  if (int err = uv_async_init(&loop_, &async_, [](uv_async_t*) {}); err != 0) {
    return ErrnoStatus(err, "can not make the wake-up of an event loop (uv_async_init)");
  }
  open_ = 2;
  uv_timer_init(&loop_, &timer_);
  if (options.time && !options.portable) {
    Status status = OpenAlarm();
    if (!status.ok()) return status;
  }
  if (!options.io) return OkStatus();
  if (options.portable) {
    Adopt(MakePortableReactor(
        &loop_, /*unref=*/false, [](void* self) { static_cast<OwnedDriver*>(self)->Unpark(); }, this));
    portable_ = true;
    return OkStatus();
  }
  return OpenReactor();
}

Status OwnedDriver::OpenReactor() {
#if KIOTO_DRIVER_IS_PORTABLE
  return absl::InternalError("no reactor but the portable one");
#else
  StatusOr<std::unique_ptr<Reactor>> reactor = MakeEpollReactor();
  if (!reactor.ok()) return reactor.status();
  Adopt(*std::move(reactor));
  if (int err = uv_poll_init(&loop_, &poll_, this->reactor()->fd()); err != 0) {
    return ErrnoStatus(err, "can not watch a reactor (uv_poll_init)");
  }
  open_ = 3;
  // Nothing to do in the callback: whoever wakes looks at the reactor.
  uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t*, int, int) {});
  // libuv tells the kernel what to watch in its next turn, through io_uring where there is one: let that be now, so that a
  // process that forbids such calls once it has started is not ended by our first park.
  uv_run(&loop_, UV_RUN_NOWAIT);
  return OkStatus();
#endif
}

Status OwnedDriver::OpenAlarm() {
#if KIOTO_DRIVER_IS_PORTABLE
  return absl::InternalError("no alarm but libuv's");
#else
  const int fd = base::sys::TimerfdCreate(CLOCK_MONOTONIC, TFD_NONBLOCK);
  if (fd == -ENOSYS || fd == -EPERM) return OkStatus();  // the timer serves
  if (fd < 0) return ErrnoStatus(fd, "can not make the alarm of an event loop (timerfd_create)");
  if (int err = uv_poll_init(&loop_, &alarm_, fd); err != 0) {
    base::sys::Close(fd);
    return ErrnoStatus(err, "can not watch the alarm of an event loop (uv_poll_init)");
  }
  alarm_fd_ = fd;
  alarm_.data = this;
  // It stays readable until it is set again. No deadline is 0, so the next Sleep does that.
  uv_poll_start(&alarm_, UV_READABLE, [](uv_poll_t* alarm, int, int) { static_cast<OwnedDriver*>(alarm->data)->alarm_at_ = 0; });
  return OkStatus();
#endif
}

#if KIOTO_DRIVER_IS_PORTABLE

void OwnedDriver::SetAlarm(int64_t at) { SetTimer(at); }
void OwnedDriver::CountEvents(int) {}
bool OwnedDriver::Watch() { return true; }

#else

void OwnedDriver::SetAlarm(int64_t at) {
  if (alarm_fd_ < 0) return SetTimer(at);
  at = std::max<int64_t>(at, 1);
  if (at == alarm_at_) return;
  alarm_at_ = at;
  itimerspec value = {};  // zero: no alarm
  if (at != kNever) {
    value.it_value.tv_sec = at / 1'000'000'000;
    value.it_value.tv_nsec = at % 1'000'000'000;
  }
  const int error = base::sys::TimerfdSettime(alarm_fd_, TFD_TIMER_ABSTIME, &value);
  KIOTO_CHECK(error == 0, "the alarm of an event loop can not be set (timerfd_settime)");
}

void OwnedDriver::CountEvents(int events) {
  events_ += static_cast<uint64_t>(events);
  if (!watched_ || events == 0) return;
  // So many that putting it back costs less than a seventh of what was spent by then on telling the loop.
  const size_t sources = reactor()->sources();
  if (sources > size_t{limits::kUnwatchedSources} || events_ < 256 + 4 * sources) return;
  epoll_event none = {};
  watched_ = base::sys::EpollCtl(uv_backend_fd(&loop_), EPOLL_CTL_DEL, reactor()->fd(), &none) != 0;
}

// Whether the reactor is watched now.
bool OwnedDriver::Watch() {
  events_ = 0;
  if (watched_ || reactor() == nullptr) return true;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = reactor()->fd();
  watched_ = base::sys::EpollCtl(uv_backend_fd(&loop_), EPOLL_CTL_ADD, reactor()->fd(), &event) == 0;
  return watched_;
}

#endif

int OwnedDriver::LookAtReactor() {
  if (!portable_) {
    const int events = reactor()->Harvest();
    CountEvents(events);
    return events;
  }
  const uint64_t before = reactor()->events();
  reactor()->Serve();
  uv_run(&loop_, UV_RUN_NOWAIT);
  return static_cast<int>(reactor()->events() - before);
}

OwnedDriver::~OwnedDriver() {
  if (open_ > 2) uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr);  // before its fd is closed
  ReleaseParts();
  if (alarm_fd_ >= 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&alarm_), nullptr);
    base::sys::Close(alarm_fd_);
  }
  if (open_ == 0) return;
  if (open_ > 1) {
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
    while (uv_run(&loop_, UV_RUN_NOWAIT) != 0) {
    }
  }
  KIOTO_CHECK(uv_loop_close(&loop_) == 0, "a handle was left on an event loop of Kioto's own");
}

void OwnedDriver::Unpark() {
  // acq_rel: pairs with Sleep's (R1)
  if (wake_.fetch_or(kToken, std::memory_order_acq_rel) == kParked) uv_async_send(&async_);
}

void OwnedDriver::Sleep(int64_t deadline_ns) {
  // acq_rel: pairs with Unpark's (R1)
  if ((wake_.fetch_or(kParked, std::memory_order_acq_rel) & kToken) == 0) {
    int64_t at = clock_->ToMonotonic(deadline_ns);
    // The kernel may have no memory to watch it again: then we look at it once a tick, though the runtime's clock be paused.
    if (!Watch()) at = std::min(at, base::MonotonicNanos() + kTickNs);
    SetAlarm(at);
    uv_run(&loop_, UV_RUN_ONCE);
  }
  TakeToken();
}

void OwnedDriver::SetTimer(int64_t at) {
  if (at == kNever) {
    uv_timer_stop(&timer_);
    return;
  }
  // libuv counts from its cached, truncated time: freshen it, and round up. Park is left early at worst, never a timer fired.
  uv_update_time(&loop_);
  const int64_t now = base::MonotonicNanos();
  int64_t wait_ms = 0;
  if (at > now) wait_ms = (at - now - 1) / kTickNs + 1;
  if (wait_ms > kLongestSleepMs) wait_ms = kLongestSleepMs;
  uv_timer_start(&timer_, [](uv_timer_t*) {}, static_cast<uint64_t>(wait_ms), 0);
}

}  // namespace

StatusOr<std::unique_ptr<Driver>> MakeOwnedDriver(const DriverOptions& options) {
  auto driver = std::make_unique<OwnedDriver>(options);
  Status status = driver->Open(options);
  if (!status.ok()) return status;
  return std::unique_ptr<Driver>(std::move(driver));
}

}  // namespace kioto::internal
