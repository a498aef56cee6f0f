// What the driver's hot operations cost. bazel run --config=opt //runtime/driver:driver_benchmark
#include <benchmark/benchmark.h>

#include <deque>
#include <memory>
#include <vector>

#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/testing_io.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::internal {
namespace {

struct OneDriver {
  OneDriver() {
    DriverOptions options;
    options.clock = &set.clock;
    driver = *MakeOwnedDriver(options);
    set.drivers.push_back(driver.get());
    CurrentThread().drivers = &set;
    CurrentThread().driver = driver.get();
  }
  ~OneDriver() {
    CurrentThread().drivers = nullptr;
    CurrentThread().driver = nullptr;
  }
  DriverSet set;
  std::unique_ptr<Driver> driver;
};

void ArmAndCancel(benchmark::State& state) {
  OneDriver runtime;
  CountingWaker task;
  TimerWheel& wheel = *runtime.driver->wheel();
  std::deque<TimerEntry> others(static_cast<size_t>(state.range(0)));
  int64_t now = runtime.set.clock.Now();
  int64_t step = 0;
  for (TimerEntry& other : others) other.Arm(wheel, now + (1'000 + ++step % 60'000) * kTickNs, task.waker(), now);
  for (auto _ : state) {
    TimerEntry entry;
    entry.Arm(wheel, now + 30'000 * kTickNs, task.waker(), now);
    benchmark::DoNotOptimize(entry);
  }
}
BENCHMARK(ArmAndCancel)->Arg(0)->Arg(1'000'000);

void ArmAndFire(benchmark::State& state) {
  const int64_t count = state.range(0);
  CountingWaker task;
  TimerWheel* wheel = TimerWheel::Make(0);
  std::vector<std::unique_ptr<TimerEntry>> entries;
  for (int64_t i = 0; i < count; ++i) entries.push_back(std::make_unique<TimerEntry>());
  int64_t now = 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < count; ++i) entries[i]->Arm(*wheel, now + (1 + i % 100) * kTickNs, task.waker(), now);
    now += 100 * kTickNs;
    wheel->Expire(now, 1 << 30);
  }
  state.SetItemsProcessed(state.iterations() * count);
  wheel->Shutdown();
  wheel->Recycle();
}
BENCHMARK(ArmAndFire)->Arg(1'000)->Arg(200'000);

void TurnWithNothing(benchmark::State& state) {
  OneDriver runtime;
  for (auto _ : state) runtime.driver->Turn();
}
BENCHMARK(TurnWithNothing);

void TurnWithATimer(benchmark::State& state) {
  OneDriver runtime;
  CountingWaker task;
  TimerEntry far;
  far.Arm(*runtime.driver->wheel(), runtime.set.clock.Now() + 3'600'000 * kTickNs, task.waker());
  for (auto _ : state) runtime.driver->Turn();
}
BENCHMARK(TurnWithATimer);

void TurnWithASource(benchmark::State& state) {
  OneDriver runtime;
  TestPair pair;
  char byte;
  PolledTask task(TestRead{&pair.here, &byte, 1});
  (void)task.Poll();
  for (auto _ : state) runtime.driver->Turn();
}
BENCHMARK(TurnWithASource);

void UnparkAndPark(benchmark::State& state) {
  OneDriver runtime;
  for (auto _ : state) {
    runtime.driver->Unpark();
    runtime.driver->Park(kNever);
  }
}
BENCHMARK(UnparkAndPark);

// A park that sleeps in uv_run, with a deadline that is over at once.
void ParkInTheLoop(benchmark::State& state) {
  OneDriver runtime;
  for (auto _ : state) runtime.driver->Park(0);
}
BENCHMARK(ParkInTheLoop);

// One end of an exchange of 64 bytes, beside the same four system calls bare.
void Exchange(benchmark::State& state) {
  OneDriver runtime;
  TestPair pair;
  char buffer[256];
  const std::string ping(64, 'x');
  for (auto _ : state) {
    PolledTask read(TestRead{&pair.here, buffer, sizeof(buffer)});
    (void)read.Poll();
    base::sys::Write(pair.there, ping.data(), ping.size());
    runtime.driver->Turn();
    (void)read.Poll();
    PolledTask write(TestWrite{&pair.here, &ping});
    (void)write.Poll();
    base::sys::Read(pair.there, buffer, sizeof(buffer));
  }
}
BENCHMARK(Exchange);

void ExchangeBare(benchmark::State& state) {
  int fds[2];
  base::sys::Socketpair(1, 1, 0, fds);
  char buffer[256];
  const std::string ping(64, 'x');
  for (auto _ : state) {
    base::sys::Write(fds[1], ping.data(), ping.size());
    base::sys::Read(fds[0], buffer, sizeof(buffer));
    base::sys::Write(fds[0], ping.data(), ping.size());
    base::sys::Read(fds[1], buffer, sizeof(buffer));
  }
  base::sys::Close(fds[0]);
  base::sys::Close(fds[1]);
}
BENCHMARK(ExchangeBare);

// The life of a source: made, registered, closed.
void RegisterAndClose(benchmark::State& state) {
  OneDriver runtime;
  TestPair pair;
  char byte;
  for (auto _ : state) {
    IoHandle handle(pair.here.Release());
    PolledTask task(TestRead{&handle, &byte, 1});
    (void)task.Poll();
    pair.here = IoHandle(handle.Release());
  }
}
BENCHMARK(RegisterAndClose);

}  // namespace
}  // namespace kioto::internal
