// Meter: what this thread takes from the heap while it is on: operator new and base::CacheAllocate alike.
//
//   Meter meter;
//   echo.Poll();
//   EXPECT_EQ(meter.Stop().count, 0);
//
// The binary must be linked with METER_LINKOPTS, which put the meter before the slow path of the memory cache; while it is on, this
// thread's cache is out of use, so that every allocation takes that path. One at a time.
#ifndef KIOTO_TOOLS_EXAMPLES_TESTING_METER_H_
#define KIOTO_TOOLS_EXAMPLES_TESTING_METER_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/memory_cache.h"
#include "kioto/runtime/base/testing/allocation_counter.h"

namespace kioto {

class Meter {
 public:
  struct Taken {
    int64_t count = 0;         // blocks
    size_t largest_block = 0;  // of the memory cache: tasks, boxed futures, channels
  };

  Meter();
  ~Meter() { Stop(); }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  // What was taken since the meter was made. It is off from now on.
  Taken Stop();

 private:
  const int64_t news_before_;
};

}  // namespace kioto

#endif  // KIOTO_TOOLS_EXAMPLES_TESTING_METER_H_
