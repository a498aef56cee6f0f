#include "kioto/runtime/base/model/explore.h"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/model/execution.h"
#include "kioto/runtime/base/model/heap.h"
#include "kioto/runtime/base/model/mutant.h"

namespace kioto::model {
namespace internal {
namespace {

// While it lives, a memory fault and a failed KIOTO_CHECK fail the execution and not the process.
class Faults {
 public:
  Faults() {
    stack_t stack{};
    stack.ss_sp = signal_stack_.get();
    stack.ss_size = kSignalStack;
    sigaltstack(&stack, &old_stack_);
    struct sigaction action {};
    // NODEFER: the handler is left by a switch of fibers, and the signal must not stay blocked.
    action.sa_flags = SA_NODEFER | SA_ONSTACK;
    action.sa_handler = [](int) {
      heap_on = false;
      if (Execution::Current() == nullptr) std::abort();
      Fail("a memory fault: the use of a null, wild or freed pointer");
    };
    sigaction(SIGSEGV, &action, &old_segv_);
    sigaction(SIGBUS, &action, &old_bus_);
#if KIOTO_MODEL
    base::check_failed_hook = [](const char* file, int line, const char* condition,
                                 const char* sentence) {
      if (Execution::Current() == nullptr) return;
      HeapOff off;
      Fail(std::string(sentence) + " (check `" + condition + "`)", {file, line});
    };
#endif
  }
  ~Faults() {
#if KIOTO_MODEL
    base::check_failed_hook = nullptr;
#endif
    sigaction(SIGSEGV, &old_segv_, nullptr);
    sigaction(SIGBUS, &old_bus_, nullptr);
    sigaltstack(&old_stack_, nullptr);
  }

 private:
  static constexpr size_t kSignalStack = 64 * 1024;
  std::unique_ptr<char[]> signal_stack_{new char[kSignalStack]};
  stack_t old_stack_{};
  struct sigaction old_segv_ {};
  struct sigaction old_bus_ {};
};

class Explorer {
 public:
  Explorer(const Options& options, void (*run)(void*), void* body)
      : options_(options), execution_(options), run_(run), body_(body) {}

  Report Run() {
    if (!options_.replay.empty()) {
      Replay();
    } else if (WarmUp()) {
      options_.random_iterations > 0 ? Random() : DepthFirst();
    }
    report_.mutant_met = MutantMet();
    return std::move(report_);
  }

 private:
  using Bounds = Execution::Bounds;

  // One execution; false if it failed: then the report is made.
  bool Once(const Bounds& bounds, bool check_leaks = true) {
    execution_.Run(run_, body_, bounds, check_leaks && !options_.leaks_allowed);
    ++report_.executions;
    report_.steps += execution_.steps();
    if (!execution_.failed()) return true;
    report_.ok = false;
    report_.failure = execution_.failure();
    char prefix[48];
    std::snprintf(prefix, sizeof prefix, "%d,%d,%d:", bounds.preemptions, bounds.stale_loads,
                  bounds.spurious_failures);
    report_.schedule = prefix + execution_.path().ToString();
    // Once more, with a trace.
    std::string trace;
    execution_.TraceTo(&trace);
    execution_.Run(run_, body_, bounds, check_leaks && !options_.leaks_allowed);
    execution_.TraceTo(nullptr);
    report_.trace = ShortTrace(trace);
    if (execution_.failure() != report_.failure)
      report_.trace += "  (the second run of this schedule gave: " + execution_.failure() + ")\n";
    return false;
  }

  static std::string ShortTrace(const std::string& trace) {
    constexpr size_t kShown = 8 * 1024;
    if (trace.size() <= kShown) return trace;
    const size_t from = trace.find('\n', trace.size() - kShown);
    return "  ...\n" + trace.substr(from + 1);
  }

  // The first execution makes what lives as long as the process (statics of the product), which is
  // no leak.
  bool WarmUp() { return Once({0, 0, 0}, false); }

  // Few preemptions first: what fails is found early, and with the shortest story.
  void DepthFirst() {
    const int most =
        std::max({options_.preemptions, options_.stale_loads, options_.spurious_failures});
    const bool bounded = most < Options::kUnbounded;
    for (int level = bounded ? 0 : most; level <= most; ++level) {
      const Bounds bounds{std::min(level, options_.preemptions),
                          std::min(level, options_.stale_loads),
                          std::min(level, options_.spurious_failures)};
      report_.executions = 0;
      report_.steps = 0;
      execution_.path().Clear();
      do {
        if (report_.executions >= options_.max_executions) {
          report_.complete = false;
          return;
        }
        if (!Once(bounds)) return;
      } while (execution_.path().Advance());
    }
  }

  void Random() {
    constexpr int kAny = Options::kUnbounded;
    const int steps = execution_.steps();
    for (int64_t i = 0; i < options_.random_iterations; ++i) {
      execution_.path().Clear();
      const uint64_t seed =
          options_.seed * 0x9e3779b97f4a7c15u + static_cast<uint64_t>(i) * 0x2545f4914f6cdd1du;
      execution_.Randomize(seed, steps, (i & 1) != 0);
      if (!Once({kAny, kAny, kAny})) return;
    }
  }

  void Replay() {
    Bounds bounds{};
    int length = 0;
    if (std::sscanf(options_.replay.c_str(), "%d,%d,%d:%n", &bounds.preemptions,
                    &bounds.stale_loads, &bounds.spurious_failures, &length) != 3 ||
        length == 0 ||
        !Path::Parse(options_.replay.substr(static_cast<size_t>(length)), &execution_.path())) {
      report_.ok = false;
      report_.failure = "this is no schedule: " + options_.replay;
      return;
    }
    Once(bounds);
  }

  const Options& options_;
  Execution execution_;
  void (*const run_)(void*);
  void* const body_;
  Report report_;
};

}  // namespace

Report ExploreBody(const Options& options, void (*run)(void*), void* body) {
  if (Execution::Current() != nullptr) Fail("Explore is called inside an execution");
  Faults faults;
  SwitchMutant(options.mutant);
  Report report = Explorer(options, run, body).Run();
  SwitchMutant("");
  return report;
}

}  // namespace internal

std::string Report::ToString() const {
  std::string text =
      std::to_string(executions) + " executions, " + std::to_string(steps) + " operations";
  if (!complete) text += ", not all";
  if (!ok) text += "\n  failed: " + failure + "\n  schedule: " + schedule + "\n" + trace;
  return text;
}

}  // namespace kioto::model
