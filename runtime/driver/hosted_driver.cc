// A loop of our own that nobody runs for longer than a look: its backend's fd is what the host polls. Three kinds of things
// make it readable: the reactor's fd, watched by one uv_poll_t (the portable reactor: a uv_poll_t per fd), and the async.
// There is no timer: the host waits until NextDeadline.
//
// STATE       wake_pending_: somebody called Unpark since Drive last looked; the async was sent. driving_: Drive is running.
//             more_, deadline_: what the last Drive left. detached_: the handles are closed.
// OWNERSHIP   everything but wake_pending_ and uv_async_send: the host's thread. After a Detach the memory of the async
//             stays until the driver goes.
// RACES       R1 Unpark against Drive: both exchange wake_pending_. Drive looks at the fd first: an Unpark before its exchange
//                leaves at worst a readable fd, and one more Drive; one after it sends again.
//             R2 Unpark while Drive runs: wake_pending_ is set at its end, and NextDeadline says: now.
//             R3 Unpark against Detach: libuv leaves a closed async pending, so that a send returns.
//             R4 an Arm by another thread, or by the host, while the host waits: BeginPark of the wheel holds from the end of
//                Drive to its next start, so it calls Unpark.
#include "kioto/runtime/driver/hosted_driver.h"

#include <uv.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/driver_base.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"

namespace kioto::internal {
namespace {

template <class Handle>
uv_handle_t* AsHandle(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

// DriverBase is a Driver, and HostedDriver is one too: this one stands between, and forwards.
class Hosted final : public HostedDriver {
 public:
  Hosted(const DriverOptions& options, DriveHook* hook) : parts_(*this, options), hook_(hook), clock_(options.clock) {
    wheel_ = parts_.wheel();
  }
  ~Hosted() override;

  Status Open(const DriverOptions& options);

  void Park(int64_t) override { KIOTO_CHECK(false, "a hosted runtime does not block: its host waits for it"); }
  void Turn() override { parts_.Turn(); }
  void LimitTimers(uint32_t per_turn) override { parts_.LimitTimers(per_turn); }  // until Drive says how many tasks it polls
  void Shutdown() override { parts_.Shutdown(); }
  void Unpark() override;
  void Detach(void (*done)(void*), void* arg) override;

  int PollFd() const override { return detached_ ? -1 : uv_backend_fd(&loop_); }
  int64_t NextDeadline() const override {
    // acquire: a guess; what comes after it makes the fd readable (R2)
    return more_ || wake_pending_.load(std::memory_order_acquire) ? 0 : deadline_;
  }
  bool Drive(int max_tasks, int64_t max_nanos) override;

 private:
  // The reactor and the wheel, and the turn they share with the drivers that sleep.
  class Parts final : public DriverBase {
   public:
    Parts(Hosted& hosted, const DriverOptions& options) : DriverBase(options), hosted_(hosted) {}
    ~Parts() override { ReleaseParts(); }
    void Unpark() override { hosted_.Unpark(); }
    using DriverBase::Adopt;
    using DriverBase::FireTimers;
    using DriverBase::Harvest;
    using DriverBase::ReleaseParts;

   protected:
    void Sleep(int64_t) override {}
    bool TakeToken() override { return false; }
    int LookAtReactor() override {
      if (!hosted_.portable_) return reactor()->Harvest();
      const uint64_t before = reactor()->events();
      reactor()->Serve();
      hosted_.LookAtLoop();  // tells the kernel what was armed
      return static_cast<int>(reactor()->events() - before);
    }

   private:
    Hosted& hosted_;
  };

  void LookAtLoop() { uv_run(&loop_, UV_RUN_NOWAIT); }
  void LookAhead();
  void CloseAll();

  Parts parts_;
  DriveHook* const hook_;
  RuntimeClock* const clock_;
  int open_ = 0;  // how far Open came
  bool portable_ = false;
  bool driving_ = false;
  bool detached_ = false;
  bool more_ = false;
  int64_t deadline_ = kNever;
  void (*done_)(void*) = nullptr;  // of a Detach inside Drive
  void* done_arg_ = nullptr;
  base::Atomic<bool> wake_pending_{false};
  const void* const thread_ = &CurrentThread();  // the host's
  uv_loop_t loop_;
  uv_async_t async_;
  uv_poll_t poll_;
};

Status Hosted::Open(const DriverOptions& options) {
  if (int err = uv_loop_init(&loop_); err != 0) return ErrnoStatus(err, "can not make an event loop (uv_loop_init)");
  open_ = 1;
  if (int err = uv_async_init(&loop_, &async_, [](uv_async_t*) {}); err != 0) {
    return ErrnoStatus(err, "can not make the wake-up of an event loop (uv_async_init)");
  }
  open_ = 2;
  if (options.io && options.portable) {
    portable_ = true;
    parts_.Adopt(MakePortableReactor(
        &loop_, /*unref=*/false, [](void* self) { static_cast<Hosted*>(self)->Unpark(); }, this));
  } else if (options.io) {
#if !KIOTO_DRIVER_IS_PORTABLE
    StatusOr<std::unique_ptr<Reactor>> reactor = MakeEpollReactor();
    if (!reactor.ok()) return reactor.status();
    parts_.Adopt(*std::move(reactor));
    if (int err = uv_poll_init(&loop_, &poll_, parts_.reactor()->fd()); err != 0) {
      return ErrnoStatus(err, "can not watch a reactor (uv_poll_init)");
    }
    open_ = 3;
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t*, int, int) {});
#endif
  }
  reactor_ = parts_.reactor();
  if (reactor_ != nullptr) io_counts_ = reactor_->counts();
  LookAtLoop();  // libuv tells the kernel what to watch in its turn
  if (wheel_ != nullptr) wheel_->BeginPark(kNever);  // R4
  return OkStatus();
}

Hosted::~Hosted() {
  if (!detached_) Detach([](void*) {}, nullptr);
  wheel_ = nullptr;
  reactor_ = nullptr;
}

void Hosted::Unpark() {
  if (thread_ == &CurrentThread() && driving_) return;  // Drive sees what was pushed
  // acq_rel: pairs with Drive's exchange (R1)
  if (!wake_pending_.exchange(true, std::memory_order_acq_rel)) uv_async_send(&async_);
}

bool Hosted::Drive(int max_tasks, int64_t max_nanos) {
  if (driving_ || detached_) return false;
  driving_ = true;
  parts_.LimitTimers(static_cast<uint32_t>(std::max(max_tasks, 1)));
  LookAtLoop();
  wake_pending_.exchange(false, std::memory_order_acq_rel);  // acq_rel: pairs with Unpark's (R1)
  if (wheel_ != nullptr) wheel_->EndPark();
  parts_.Harvest();
  parts_.FireTimers();
  more_ = hook_->RunReady(max_tasks, max_nanos);
  driving_ = false;
  if (detached_) {
    if (done_ != nullptr) done_(done_arg_);  // may destroy us
    return false;
  }
  while (reactor_ != nullptr && reactor_->has_requests()) parts_.Harvest();  // before the host waits on what the kernel knows
  LookAhead();
  return more_;
}

// What the host shall wait for.
void Hosted::LookAhead() {
  if (wheel_ == nullptr) return;
  deadline_ = wheel_->BeginPark(kNever);  // R4
  if (!clock_->paused()) return;
  if (deadline_ <= clock_->Now()) more_ = true;  // a turn has left some that were due
  // Nothing is ready and the clock stands still: jump to the next timer, which the next Drive fires.
  // acquire: as in NextDeadline
  if (!more_ && deadline_ != kNever && !wake_pending_.load(std::memory_order_acquire) && clock_->auto_advance()) {
    if (!parts_.Harvest() && deadline_ > clock_->Now()) clock_->Advance(deadline_ - clock_->Now());
    more_ = true;
  }
  if (!more_) deadline_ = kNever;  // time stands still
}

void Hosted::Detach(void (*done)(void*), void* arg) {
  KIOTO_CHECK(!detached_, "a hosted driver is detached once");
  detached_ = true;
  more_ = false;
  CloseAll();
  if (driving_) {
    done_ = done;
    done_arg_ = arg;
  } else {
    done(arg);
  }
}

void Hosted::CloseAll() {
  if (open_ > 2) uv_close(AsHandle(&poll_), nullptr);  // before its fd is closed
  parts_.Shutdown();
  if (open_ > 1) uv_close(AsHandle(&async_), nullptr);
  if (open_ == 0) return;
  while (uv_run(&loop_, UV_RUN_NOWAIT) != 0) {
  }
  KIOTO_CHECK(uv_loop_close(&loop_) == 0, "a handle was left on an event loop of Kioto's own");
}

}  // namespace

StatusOr<std::unique_ptr<HostedDriver>> MakeHostedDriver(const DriverOptions& options, DriveHook* hook) {
  auto driver = std::make_unique<Hosted>(options, hook);
  Status status = driver->Open(options);
  if (!status.ok()) return status;
  return std::unique_ptr<HostedDriver>(std::move(driver));
}

}  // namespace kioto::internal
