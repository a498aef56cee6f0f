// The clock in the hand of a test: of the runtime entered on this thread, which must be a current-thread one; inside it.
//
//   StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().StartPaused().Build();
//   runtime->BlockOn([] { return Sleep(24h); });                    // at once: with nothing else to do, the clock jumps
//   runtime->BlockOn([] { return time::Advance(10ms).Then(...); });
//
// While the clock stands still, time passes only by Advance, and when the runtime has nothing else to do: then the clock
// jumps to the next timer (not while a blocking job runs). Nothing of this changes the system's clock, or that of another
// runtime. Misuse ends the program with a sentence.
#ifndef KIOTO_TIME_PAUSE_H_
#define KIOTO_TIME_PAUSE_H_

#include <chrono>
#include <cstdint>

#include "kioto/runtime/future/future_base.h"
#include "kioto/time/internal/nanos.h"

namespace kioto::time {

// The clock stands still from now on, at the next whole millisecond. It must be running.
void Pause();
// It goes on, from where it stands. It must be paused.
void Resume();
// Whether it stands still. False outside a runtime. Any thread.
bool IsPaused();

// Made by Advance.
class [[nodiscard]] AdvanceFuture : public FutureBase<AdvanceFuture, Unit> {
 public:
  explicit AdvanceFuture(int64_t nanos) : nanos_(nanos) {}
  Poll<Unit> PollOnce(Context& cx);

 private:
  const int64_t nanos_;
  bool advanced_ = false;
};

// At the first poll the paused clock jumps by so much, exactly, at once, before tasks that are ready have run (Sleep lets them
// run first); what is then due fires in one turn. Ready after the timers have fired; the tasks that they woke may still have to
// run. CANCEL SAFE: yes; but the clock has jumped.
template <class Rep, class Period>
AdvanceFuture Advance(std::chrono::duration<Rep, Period> by) {
  return AdvanceFuture(kioto::internal::ToNanos(by));
}

}  // namespace kioto::time

#endif  // KIOTO_TIME_PAUSE_H_
