// The driver without a loop: a thread that sleeps on a futex.
#include <memory>

#include "kioto/runtime/base/park.h"
#include "kioto/runtime/driver/driver_base.h"

namespace kioto::internal {
namespace {

class ParkDriver final : public DriverBase {
 public:
  using DriverBase::DriverBase;
  ~ParkDriver() override { ReleaseParts(); }

  void Unpark() override { parker_.Unpark(); }

 protected:
  void Sleep(int64_t deadline_ns) override {
    if (deadline_ns == kNever) {
      parker_.Park();
    } else {
      (void)parker_.ParkUntil(clock_->ToMonotonic(deadline_ns));  // both answers mean: look again
    }
  }
  bool TakeToken() override { return parker_.ParkUntil(0); }

 private:
  base::Parker parker_;
};

}  // namespace

StatusOr<std::unique_ptr<Driver>> MakeParkDriver(const DriverOptions& options) {
  return std::unique_ptr<Driver>(new ParkDriver(options));
}

}  // namespace kioto::internal
