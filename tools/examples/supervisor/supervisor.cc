// Keeps a program running: starts it again when it fails, later each time; hands HUP, USR1 and USR2 on to it; on Ctrl-C or
// SIGTERM asks it to end, makes it after ten seconds, and exits with 0. A program that ends well is not started again.
//
//   bazel run //tools/examples/supervisor -- /bin/sh -c 'date; sleep 1; exit 1'
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "kioto/runtime/future/future.h"
#include "kioto/runtime/process/command.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/time/backoff.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

using namespace kioto;  // NOLINT: a program of one page
using namespace std::chrono_literals;

// [region supervise]
// How one run of the program ended.
enum class End { kWell, kBadly, kToldTo };

struct Signals {
  signal::Listener end;     // made before the first start: no signal finds us unprepared
  signal::Listener passed;  // those that are the program's business
};

// Asks it to end; after ten seconds, makes it.
Future<Status> Stop(process::Child& child) {
  (void)child.SendSignal(SIGTERM);  // it may have ended by itself
  return Timeout(10s, child.Wait()).Then([&child](StatusOr<process::ExitStatus>& status) {
    return If(
        IsElapsed(status.status()), [&child] { return child.Kill(); }, [] { return OkStatus(); });
  });
}

Future<StatusOr<End>> Watch(process::Child& child, Signals& signals) {
  return Loop([&] {
    return Select(Case(child.Wait(),
                       [](StatusOr<process::ExitStatus>& status) -> StatusOr<Flow<End>> {
                         if (!status.ok()) return status.status();
                         std::fprintf(stderr, "supervisor: it ended: %s\n", status->ToString().c_str());
                         return Break(status->success() ? End::kWell : End::kBadly);
                       }),
                  Case(signals.end.Recv(),
                       [&child](StatusOr<int>&) {
                         return Stop(child).AndThen([] { return StatusOr<Flow<End>>(Break(End::kToldTo)); });
                       }),
                  Case(signals.passed.Recv(), [&child](StatusOr<int>& signal) -> StatusOr<Flow<End>> {
                    if (signal.ok()) (void)child.SendSignal(*signal);
                    return Continue();
                  }));
  });
}

// One run, and the wait before the next.
Future<StatusOr<Flow<>>> Round(const process::Command& command, Signals& signals, time::Backoff& backoff) {
  StatusOr<process::Child> started = command.Spawn();
  if (!started.ok()) return StatusOr<Flow<>>(started.status());
  return With(*std::move(started), [&](process::Child& child) {
    return Watch(child, signals).AndThen([&](End& end) {
      return If(
          end != End::kBadly, [] { return StatusOr<Flow<>>(Break()); },
          [&] {
            return Select(Case(time::Sleep(backoff.Next()), [](Unit&) { return StatusOr<Flow<>>(Continue()); }),
                          Case(signals.end.Recv(), [](StatusOr<int>&) { return StatusOr<Flow<>>(Break()); }),
                          // There is nobody to hand them to; kept, they would hit the next one before it is ready for them.
                          Case(ForEach(ByRef(signals.passed), [](StatusOr<int>&) {}),
                               [](Status& status) { return StatusOr<Flow<>>(status); }));
          });
    });
  });
}

Future<Status> Supervise(process::Command command) {
  StatusOr<signal::Listener> end = signal::Listener::Make({SIGINT, SIGTERM});
  if (!end.ok()) return end.status();
  StatusOr<signal::Listener> passed = signal::Listener::Make({SIGHUP, SIGUSR1, SIGUSR2});
  if (!passed.ok()) return passed.status();
  return With(std::move(command), Signals{*std::move(end), *std::move(passed)}, time::Backoff::Forever(100ms, 10s),
              [](process::Command& command, Signals& signals, time::Backoff& backoff) {
                return Loop([&] { return Round(command, signals, backoff); });
              });
}

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: supervisor PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  process::Command command(argv[1]);
  command.Args(std::vector<std::string>(argv + 2, argv + argc)).ProcessGroup(0).KillOnDrop();
  return Main([&] { return Supervise(std::move(command)); });
}
// [end supervise]
