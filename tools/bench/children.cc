// The row of child processes.
#include <cstddef>
#include <utility>
#include <vector>

#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/join_all.h"
#include "kioto/runtime/process/command.h"
#include "kioto/runtime/process/exit_status.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

// 500 children that do nothing, four at a time.
void SpawnChildren(Bench& bench) {
  constexpr size_t kAtOnce = 4;
  const size_t batches = bench.Times(125);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn(bench.runtime.Spawn(Loop([left = batches]() mutable {
              std::vector<process::StatusFuture> children;
              for (size_t i = 0; i < kAtOnce; ++i) children.push_back(process::Command("/bin/true").Status());
              return TryJoinAll(std::move(children)).AndThen([&left](std::vector<process::ExitStatus>& ends) -> Flow<> {
                for (const process::ExitStatus& end : ends) Check(end.success(), "how a child ended");
                return --left > 0 ? Flow<>(Continue()) : Flow<>(Break());
              });
            })))
            .ok(),
        "children");
  bench.Report(batches * kAtOnce, Clock::now() - start);
}

}  // namespace

const Row kChildRows[] = {
    {"spawn_children", SpawnChildren},
    {nullptr, nullptr},
};

}  // namespace kioto::bench
