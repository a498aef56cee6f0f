// What every driver promises, as one suite. A harness makes a driver and parks in it; the suite is instantiated for the
// owned, park, attached and hosted drivers, and for the portable twins by --config=portable.
#ifndef KIOTO_RUNTIME_DRIVER_DRIVER_CONFORMANCE_H_
#define KIOTO_RUNTIME_DRIVER_DRIVER_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <vector>

#include "kioto/runtime/driver/clock.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/driver/driver_set.h"

namespace kioto::internal {

class DriverHarness {
 public:
  virtual ~DriverHarness() = default;
  virtual Driver& driver() = 0;
  // Driver::Park, or what stands for it where the host's loop waits. May return early.
  virtual void Park(int64_t deadline_ns) = 0;
  // Whether Park is the driver's own: then, under a paused clock, its deadline is one more timer.
  virtual bool parks_itself() const { return true; }
};

struct DriverFlavor {
  const char* name;
  std::unique_ptr<DriverHarness> (*make)(const DriverOptions& options);
};
inline void PrintTo(const DriverFlavor& flavor, std::ostream* out) { *out << flavor.name; }

// The drivers that the suite is run on, and those of them that have I/O; in driver_test.cc.
std::vector<DriverFlavor> ConformingDrivers();
std::vector<DriverFlavor> ConformingIoDrivers();

// A runtime of one driver, entered on the test's thread.
class DriverConformance : public ::testing::TestWithParam<DriverFlavor> {
 protected:
  DriverConformance();
  ~DriverConformance() override;

  void Park(int64_t deadline_ns) { harness_->Park(deadline_ns); }
  Driver& driver() { return harness_->driver(); }
  int64_t Now() { return set_.clock.Now(); }

  DriverSet set_;
  std::unique_ptr<DriverHarness> harness_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_DRIVER_CONFORMANCE_H_
