#include "kioto/runtime/driver/driver.h"

#include <gtest/gtest.h>

#include "kioto/runtime/driver/driver_conformance.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::internal {
namespace {

template <StatusOr<std::unique_ptr<Driver>> (*kMake)(const DriverOptions&), bool kIo>
class PlainHarness : public DriverHarness {
 public:
  static std::unique_ptr<DriverHarness> Make(const DriverOptions& options) {
    return std::make_unique<PlainHarness>(options);
  }
  explicit PlainHarness(const DriverOptions& options) : driver_(*kMake(options)) {}
  Driver& driver() override { return *driver_; }
  void Park(int64_t deadline_ns) override { driver_->Park(deadline_ns); }
  bool has_io() const override { return kIo; }

 private:
  std::unique_ptr<Driver> driver_;
};

}  // namespace

std::vector<DriverFlavor> ConformingDrivers() {
  return {{"owned", PlainHarness<MakeOwnedDriver, true>::Make}, {"park", PlainHarness<MakeParkDriver, false>::Make}};
}

namespace {

TEST(Driver, WithoutTimeItStillParks) {
  RuntimeClock clock;
  DriverOptions options;
  options.time = false;
  options.clock = &clock;
  for (auto make : {MakeOwnedDriver, MakeParkDriver}) {
    auto driver = make(options);
    ASSERT_TRUE(driver.ok());
    EXPECT_EQ((*driver)->wheel(), nullptr);
    const int64_t deadline = clock.Now() + kTickNs;
    while (clock.Now() < deadline) (*driver)->Park(deadline);
    (*driver)->Unpark();
    (*driver)->Park(kNever);
    (*driver)->Turn();
    (*driver)->Shutdown();
  }
}

TEST(DriverSet, SaysWhyThereIsNoTime) {
  EXPECT_EQ(TimeUnavailable("Sleep").message(), OutsideRuntimeError("Sleep").message());
  EXPECT_EQ(IoUnavailable("Read").message(), OutsideRuntimeError("Read").message());
  DriverSet set;
  CurrentThread().drivers = &set;
  EXPECT_EQ(TimeUnavailable("Sleep").message(),
            PartIsOffError("time", "Sleep", "WithoutTime()").message());
  EXPECT_EQ(set.WheelForThisThread(), nullptr);
  CurrentThread().drivers = nullptr;
}

TEST(ThreadContext, IsOfThisThread) {
  EXPECT_EQ(CurrentThread().driver, nullptr);
  EXPECT_TRUE(CurrentThread().blocking_allowed);
  EXPECT_EQ(&CurrentThread(), &CurrentThread());
}

}  // namespace
}  // namespace kioto::internal
