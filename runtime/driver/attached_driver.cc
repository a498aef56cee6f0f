// A guest on the host's loop. Five handles: async W, check C, idle I, timer T, poll R on the reactor. All are unreferenced;
// only W is ever referenced, exactly while the runtime has something that must keep the loop alive. Never uv_run, uv_stop
// or uv_loop_close.
//
// A turn of the host: W and R only say that there is something (R's events are harvested, their tasks become ready); C,
// which comes after them in every turn, drives: stops I, runs tasks for a while, sets W's reference and T, and starts I if
// tasks are left, which makes the loop's next wait zero. T comes after C in the turn: it starts I if it woke something. I is
// stopped before the tasks run, so that a task which runs the loop itself (a nested uv_run) does not make it spin.
//
// A loop on which nothing is referenced is dead: uv_run does not even look at W. So an Unpark on the loop's own thread (a
// task spawned before uv_run, or in a host's callback) references W itself; C puts it right. From another thread that is
// not possible: a guest that waits for others has to say so (KeepAlive).
//
// STATE       wake_pending_: somebody called Unpark since C last looked; W was sent. loop_thread_: the loop's, which it may
//             not leave while we are attached. driving_: C is running. done_later_: R5.
// OWNERSHIP   the handles: the loop's thread, but for uv_async_send. Their memory (Guest) belongs to the driver and to every
//             handle that is not closed yet.
// RACES       R1 Unpark against C: both exchange wake_pending_. Unpark second: it sends. C second: it sees what was pushed.
//             R2 a nested turn swallows W's event while the outer C drives: wake_pending_ stays, and C starts I at its end.
//             R3 Unpark against close: libuv leaves a closed async pending, so that a send returns; the memory is there.
//             R4 an Arm by another thread, or by a host's callback, while the host waits: BeginPark of the wheel holds from
//                the end of C to its next start, so it calls Unpark.
//             R5 a Detach in a turn whose host has closed every handle: no close callback is to come, and who is told may
//                destroy the driver. So C tells him, as the last it does.
#include <uv.h>

#include <memory>
#include <utility>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/driver/driver_base.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"

namespace kioto::internal {
namespace {

constexpr int64_t kLongestTimerMs = 86'400'000;  // a day; then C sets it anew

class Attached;

// The memory of the handles. Freed when the driver is gone, which may be on any thread once it is detached, and the last of
// them has been called back.
struct Guest {
  uv_async_t wake;
  uv_check_t check;
  uv_idle_t idle;
  uv_timer_t timer;
  uv_poll_t poll;
  Attached* driver = nullptr;  // null once detached
  bool polls = false;          // `poll` is a handle
  bool lost = false;           // the host closed some of them: nobody tells us when they are done
  int closing = 0;             // close callbacks to come
  void (*done)(void*) = nullptr;
  void* done_arg = nullptr;

  base::Atomic<int> owners{2};  // the driver; the handles

  void Release();
};

// Kept for ever, where leak checkers find it.
void Abandon(Guest* guest) {
  static base::Mutex* const mutex = new base::Mutex;
  static auto* const abandoned = new std::vector<Guest*>;
  base::MutexLock lock(*mutex);
  abandoned->push_back(guest);
}

void Guest::Release() {
  if (owners.fetch_sub(1, std::memory_order_acq_rel) > 1) return;  // acq_rel: pairs with the other owner's
  if (lost) {
    Abandon(this);
  } else {
    delete this;
  }
}

template <class Handle>
uv_handle_t* AsHandle(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

// DriverBase is a Driver, and AttachedDriver is one too: this one stands between, and forwards.
class Attached final : public AttachedDriver {
 public:
  Attached(const DriverOptions& options, DriveHook* hook) : parts_(*this, options), hook_(hook), clock_(options.clock) {
    wheel_ = parts_.wheel();
  }
  ~Attached() override;

  Status Open(uv_loop_t* loop, const DriverOptions& options);

  void Park(int64_t) override { KIOTO_CHECK(false, "an attached runtime does not block: the host's loop waits for it"); }
  void Turn() override { parts_.Turn(); }
  void LimitTimers(uint32_t per_turn) override { parts_.LimitTimers(per_turn); }
  void Shutdown() override { parts_.Shutdown(); }
  void Unpark() override;
  void Detach(void (*done)(void*), void* arg) override;

 private:
  // The reactor and the wheel, and the turn they share with the drivers that sleep.
  class Parts final : public DriverBase {
   public:
    Parts(Attached& attached, const DriverOptions& options) : DriverBase(options), attached_(attached) {}
    ~Parts() override { ReleaseParts(); }
    void Unpark() override { attached_.Unpark(); }
    using DriverBase::Adopt;
    using DriverBase::FireTimers;
    using DriverBase::Harvest;
    using DriverBase::ReleaseParts;

   protected:
    void Sleep(int64_t) override {}
    bool TakeToken() override { return false; }
    int LookAtReactor() override {
      const uint64_t before = reactor()->events();
      reactor()->Serve();
      reactor()->Harvest();
      return static_cast<int>(reactor()->events() - before);
    }

   private:
    Attached& attached_;
  };

  static Attached* Of(uv_handle_t* handle) { return static_cast<Guest*>(handle->data)->driver; }

  void Drive();
  void AdvancePausedClock(bool& more);
  void SetAlive(bool alive);
  void SetTimer();
  void OnTimer();
  static void Done(Guest* guest);
  void CloseHandle(uv_handle_t* handle);
  void StartIdle() { uv_idle_start(&guest_->idle, [](uv_idle_t*) {}); }
  bool detached() const { return guest_->driver == nullptr; }

  Parts parts_;
  DriveHook* const hook_;
  RuntimeClock* const clock_;
  Guest* guest_ = nullptr;
  bool driving_ = false;
  bool done_later_ = false;
  bool alive_ = false;  // W is referenced
  int64_t timer_deadline_ = kNever;
  base::Atomic<bool> wake_pending_{false};
  const void* const loop_thread_ = &CurrentThread();
};

Status Attached::Open(uv_loop_t* loop, const DriverOptions& options) {
  if (options.io) {
    if (options.portable) {
      parts_.Adopt(MakePortableReactor(loop, /*unref=*/true, [](void* self) { static_cast<Attached*>(self)->Unpark(); }, this));
    } else {
#if !KIOTO_DRIVER_IS_PORTABLE
      StatusOr<std::unique_ptr<Reactor>> reactor = MakeEpollReactor();
      if (!reactor.ok()) return reactor.status();
      parts_.Adopt(*std::move(reactor));
#endif
    }
    reactor_ = parts_.reactor();
    if (reactor_ != nullptr) io_counts_ = reactor_->counts();
  }
  auto guest = std::make_unique<Guest>();
  if (int err = uv_async_init(loop, &guest->wake, [](uv_async_t*) {}); err != 0) {
    return ErrnoStatus(err, "can not attach to the loop (uv_async_init)");
  }
  guest_ = guest.release();
  guest_->driver = this;
  guest_->wake.data = guest_->check.data = guest_->idle.data = guest_->timer.data = guest_->poll.data = guest_;
  uv_check_init(loop, &guest_->check);
  uv_idle_init(loop, &guest_->idle);
  uv_timer_init(loop, &guest_->timer);
  uv_check_start(&guest_->check, [](uv_check_t* check) {
    if (Attached* self = Of(AsHandle(check))) self->Drive();
  });
  for (uv_handle_t* handle : {AsHandle(&guest_->wake), AsHandle(&guest_->check), AsHandle(&guest_->idle),
                              AsHandle(&guest_->timer)}) {
    uv_unref(handle);
  }
  if (reactor_ != nullptr && reactor_->fd() >= 0) {
    if (int err = uv_poll_init(loop, &guest_->poll, reactor_->fd()); err != 0) {
      return ErrnoStatus(err, "can not watch the reactor from the loop (uv_poll_init)");
    }
    guest_->polls = true;
    uv_poll_start(&guest_->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
      if (Attached* self = Of(AsHandle(poll))) self->parts_.Harvest();
    });
    uv_unref(AsHandle(&guest_->poll));
  }
  if (wheel_ != nullptr) wheel_->BeginPark(kNever);  // R4
  return OkStatus();
}

Attached::~Attached() {
  if (guest_ != nullptr) {
    if (!detached()) Detach([](void*) {}, nullptr);
    guest_->Release();
  }
  wheel_ = nullptr;
  reactor_ = nullptr;
}

void Attached::SetAlive(bool alive) {
  if (alive == alive_ || uv_is_closing(AsHandle(&guest_->wake)) != 0) return;
  (alive ? uv_ref : uv_unref)(AsHandle(&guest_->wake));
  alive_ = alive;
}

void Attached::Unpark() {
  if (loop_thread_ == &CurrentThread() && !detached()) {
    if (driving_) return;  // C sees what was pushed
    SetAlive(true);
  }
  // acq_rel: pairs with C's exchange (R1)
  if (!wake_pending_.exchange(true, std::memory_order_acq_rel)) uv_async_send(&guest_->wake);
}

void Attached::Drive() {
  if (driving_) return;  // a task runs the loop
  driving_ = true;
  if (uv_is_closing(AsHandle(&guest_->idle)) == 0) uv_idle_stop(&guest_->idle);
  wake_pending_.exchange(false, std::memory_order_acq_rel);  // acq_rel: pairs with Unpark's (R1)
  if (wheel_ != nullptr) wheel_->EndPark();
  if (reactor_ != nullptr && reactor_->has_requests()) parts_.Harvest();
  bool more = hook_->RunReady(limits::kAttachedTasksPerTurn, limits::kAttachedTurnNs);
  driving_ = false;                      // before the harvest: a task that it wakes is not in `more`, but in wake_pending_
  if (done_later_) return Done(guest_);  // R5: nothing of this is touched after it
  if (reactor_ != nullptr && reactor_->has_requests()) parts_.Harvest();
  if (detached() || uv_is_closing(AsHandle(&guest_->wake)) != 0) return;
  SetAlive(hook_->KeepAlive());
  if (clock_->paused()) AdvancePausedClock(more);
  SetTimer();
  // acquire: a guess that errs on the safe side; what comes after it sends W (R2)
  if (!more && wake_pending_.load(std::memory_order_acquire)) more = true;
  if (more && uv_is_closing(AsHandle(&guest_->idle)) == 0) StartIdle();
}

// Nothing is ready and the clock stands still: jump to the next timer.
void Attached::AdvancePausedClock(bool& more) {
  // acquire: as in Drive
  if (more || wheel_ == nullptr || wake_pending_.load(std::memory_order_acquire)) return;
  if (parts_.Harvest()) {
    more = true;
    return;
  }
  const int64_t next = wheel_->next_deadline();
  if (next == kNever) return;
  if (next > clock_->Now()) {  // else a turn has left some that were due
    if (!clock_->auto_advance()) return;
    clock_->Advance(next - clock_->Now());
  }
  parts_.FireTimers();
  more = true;
}

void Attached::SetTimer() {
  if (wheel_ == nullptr || uv_is_closing(AsHandle(&guest_->timer)) != 0) return;
  const int64_t deadline = wheel_->BeginPark(kNever);  // R4
  if (deadline == kNever || clock_->paused()) {
    uv_timer_stop(&guest_->timer);
    return;
  }
  if (deadline == timer_deadline_ && uv_is_active(AsHandle(&guest_->timer)) != 0) return;
  timer_deadline_ = deadline;
  const int64_t now = clock_->Now();
  int64_t wait_ms = deadline > now ? (deadline - now - 1) / kTickNs + 1 : 0;
  if (wait_ms > kLongestTimerMs) wait_ms = kLongestTimerMs;
  // libuv counts from the time it read at the start of the turn. Too long a wait is mended by that age; too short a one by
  // OnTimer, which looks at the real clock. The host's own view of the time is not touched (uv_update_time).
  const int64_t age_ms = static_cast<int64_t>(uv_hrtime() / kTickNs) - static_cast<int64_t>(uv_now(guest_->timer.loop));
  uv_timer_start(
      &guest_->timer,
      [](uv_timer_t* timer) {
        if (Attached* self = Of(AsHandle(timer))) self->OnTimer();
      },
      static_cast<uint64_t>(wait_ms + (age_ms > 0 ? age_ms : 0)), 0);
}

void Attached::OnTimer() {
  if (driving_) return;  // a nested turn: C sets it anew
  const size_t before = wheel_->size();
  parts_.FireTimers();
  if (wheel_->size() != before) {
    if (uv_is_closing(AsHandle(&guest_->idle)) == 0) StartIdle();
  } else {
    SetTimer();
  }
}

void Attached::Detach(void (*done)(void*), void* arg) {
  KIOTO_CHECK(!detached(), "an attached driver is detached once");
  Guest* const guest = guest_;
  guest->driver = nullptr;
  guest->done = done;
  guest->done_arg = arg;
  CloseHandle(AsHandle(&guest->wake));
  CloseHandle(AsHandle(&guest->check));
  CloseHandle(AsHandle(&guest->idle));
  CloseHandle(AsHandle(&guest->timer));
  if (guest->polls) CloseHandle(AsHandle(&guest->poll));
  // After ours, so that the handles of a portable reactor are called back before them: libuv goes from young to old.
  parts_.Shutdown();
  if (guest->closing > 0) return;
  if (driving_) {
    done_later_ = true;  // R5
  } else {
    Done(guest);
  }
}

// Tells who detached us, who may destroy the driver.
void Attached::Done(Guest* guest) {
  guest->done(guest->done_arg);
  guest->Release();
}

void Attached::CloseHandle(uv_handle_t* handle) {
  if (uv_is_closing(handle) != 0) {
    guest_->lost = true;
    return;
  }
  ++guest_->closing;
  uv_close(handle, [](uv_handle_t* closed) {
    Guest* const guest = static_cast<Guest*>(closed->data);
    if (guest->closing > 1) {
      --guest->closing;
      return;
    }
    guest->closing = 0;
    Done(guest);
  });
}

}  // namespace

StatusOr<std::unique_ptr<AttachedDriver>> MakeAttachedDriver(uv_loop_t* loop, const DriverOptions& options,
                                                             DriveHook* hook) {
  auto driver = std::make_unique<Attached>(options, hook);
  Status status = driver->Open(loop, options);
  if (!status.ok()) return status;
  return std::unique_ptr<AttachedDriver>(std::move(driver));
}

}  // namespace kioto::internal
