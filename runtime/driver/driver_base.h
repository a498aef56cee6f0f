// DriverBase: what the drivers have in common: a turn, and a park around the one thing in which they differ, the sleep.
#ifndef KIOTO_RUNTIME_DRIVER_DRIVER_BASE_H_
#define KIOTO_RUNTIME_DRIVER_DRIVER_BASE_H_

#include <algorithm>
#include <cstdint>
#include <memory>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/driver/reactor.h"

namespace kioto::internal {

class DriverBase : public Driver {
 public:
  explicit DriverBase(const DriverOptions& options);
  ~DriverBase() override;

  void Park(int64_t deadline_ns) override;
  void Turn() override;
  void Shutdown() override;
  void LimitTimers(uint32_t per_turn) override { timers_per_turn_ = static_cast<int>(std::min<uint32_t>(per_turn, INT32_MAX)); }

 protected:
  // Waits for an event of the reactor, a token or `deadline_ns` (kNever: for ever); may return early. Takes the token.
  virtual void Sleep(int64_t deadline_ns) = 0;
  // Takes the token that Unpark left; whether there was one.
  virtual bool TakeToken() = 0;

  // What is ready now; whether there was anything.
  bool Harvest();
  void FireTimers();
  // Shuts down, and gives back what was made. The last thing before the handles of a driver are closed.
  void ReleaseParts();

  // Harvest's look at the reactor: how many events.
  virtual int LookAtReactor() { return reactor_->Harvest(); }

  // Gives the driver its reactor. While it is made.
  void Adopt(std::unique_ptr<Reactor> reactor);

  RuntimeClock* const clock_;

 private:
  std::unique_ptr<Reactor> reactor_owner_;
  int timers_per_turn_ = limits::kEventInterval;
  bool due_left_ = false;  // the last turn left timers that were due

  void ParkPaused(int64_t deadline_ns);
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_DRIVER_BASE_H_
