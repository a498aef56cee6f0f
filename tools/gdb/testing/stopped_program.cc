// A program for kioto_test.py: it stops in StoppedHere() with tasks in every state, on every kind of scheduler.
//
// It is built with symbols of its own, also of the classes of the scheduler (-femit-class-debug-always): that stands for a
// program of which everything was built so, and costs no second build of the tree.
#include <atomic>
#include <cstdio>
#include <thread>
#include <utility>

#include "kioto/runtime/blocking/pool.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/current_thread.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/work_stealing.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/scheduler_list.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/notify.h"

extern "C" {
[[gnu::noinline]] void StoppedHere() { __asm__ volatile("" ::: "memory"); }
}

namespace kioto {
namespace {

// Classes that nothing here uses by name would have no symbols.
[[maybe_unused, gnu::used]] internal::WorkStealingCore* work_stealing;
[[maybe_unused, gnu::used]] internal::CurrentThreadCore* current_thread;
[[maybe_unused, gnu::used]] internal::ListedScheduler* listed;

std::atomic<int> busy{0};
std::atomic<bool> stop{false};

// Holds its thread until the end.
void Hold() {
  busy.fetch_add(1);
  while (!stop.load()) std::this_thread::yield();
}

int Run() {
  // One worker: whoever is polled last has all others idle.
  Runtime pool = *RuntimeBuilder::MultiThread().WorkerThreads(1).WithoutMonitor().Build();
  Runtime nothing_to_do = *RuntimeBuilder::MultiThread().WorkerThreads(1).Build();
  Runtime undriven = *Runtime::CurrentThread();
  Runtime here = *Runtime::CurrentThread();
  sync::Notify never, polled;
  const auto wait = [&] {
    return Lazy([&] { polled.NotifyOne(); }).Then([&](Unit&) { return never.Notified(); });
  };
  for (const char* name : {"waits \"for\" ever", "second", "third"}) {
    pool.Spawn(wait(), {name}).Detach();
    (void)pool.BlockOn(polled.Notified());
  }
  pool.Spawn(Lazy(Hold), {"holds its worker"}).Detach();
  (void)pool.BlockOn([] { return Lazy([] { SpawnBlocking(Hold).Detach(); }); });
  undriven.Spawn(never.Notified(), {"nobody polls it"}).Detach();
  while (busy.load() < 2) std::this_thread::yield();
  LocalSet set;
  (void)set.BlockOn(here, Lazy([&] {
                      SpawnLocal(never.Notified(), {"of the set"}).Detach();
                      SpawnLocal(YieldNow().Then([](Unit&) { StoppedHere(); }), {"stopped"}).Detach();
                      return Join(YieldNow(), YieldNow()).Then([](std::tuple<Unit, Unit>&) { return YieldNow(); });
                    }));
  stop.store(true);
  std::puts("ended");
  return 0;
}

}  // namespace
}  // namespace kioto

int main() { return kioto::Run(); }
