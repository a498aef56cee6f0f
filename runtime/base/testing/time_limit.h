// TimeLimit: a test that hangs ends the program with a sentence, not with the patience of whoever runs it. For deadlocks and lost
// wakes of threads; of a runtime's futures runtime/testing/watchdog.h tells more.
//
//   const TimeLimit limit;  // for all that follows in its scope
#ifndef KIOTO_RUNTIME_BASE_TESTING_TIME_LIMIT_H_
#define KIOTO_RUNTIME_BASE_TESTING_TIME_LIMIT_H_

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/park.h"

namespace kioto::base {

// A thread that waits for the end of the scope, on the real clock, and aborts when the time is over.
class TimeLimit {
 public:
  // The default is for what takes milliseconds: no busy machine and no sanitizer makes ten seconds of them.
  explicit TimeLimit(std::chrono::seconds limit = std::chrono::seconds(10)) : thread_([this, limit] { Wait(limit); }) {}
  ~TimeLimit() {
    left_.Unpark();
    thread_.join();
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  void Wait(std::chrono::seconds limit) {
    if (left_.ParkUntil(MonotonicNanos() + std::chrono::nanoseconds(limit).count())) return;
    std::fprintf(stderr, "The test did not end within %lld s: a deadlock, or a wake that was lost.\n",
                 static_cast<long long>(limit.count()));
    std::abort();
  }

  Parker left_;  // its token: the scope was left
  std::thread thread_;
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_TESTING_TIME_LIMIT_H_
