// kioto_bench WORKLOAD THREADS [ADDRESS]: the bench's workloads on Kioto. THREADS 0 is the current-thread runtime.
// Prints: workload threads ops seconds ns_per_op; idle rows: workload threads count bytes unit.
#include <cstring>

#include "tools/bench/bench.h"

namespace kioto::bench {

size_t ResidentBytes() {
  size_t pages = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%*u %zu", &pages) != 1) pages = 0;
  std::fclose(file);
  return pages * 4096;
}

namespace {

Workload Find(const char* name) {
  for (const Row* rows : {kTaskRows, kChannelRows}) {
    for (; rows->name != nullptr; ++rows) {
      if (std::strcmp(rows->name, name) == 0) return rows->run;
    }
  }
  return nullptr;
}

int Run(int argc, char** argv) {
  const Workload run = argc >= 3 ? Find(argv[1]) : nullptr;
  if (run == nullptr) {
    std::fprintf(stderr, "usage: kioto_bench WORKLOAD THREADS [ADDRESS]%s%s\n", argc >= 3 ? "; no workload " : "",
                 argc >= 3 ? argv[1] : "");
    return 2;
  }
  const int threads = std::atoi(argv[2]);
  RuntimeBuilder builder = threads == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
  if (threads > 0) builder.WorkerThreads(threads);
  StatusOr<Runtime> runtime = builder.Build();
  if (!runtime.ok()) {
    std::fprintf(stderr, "kioto_bench: %s\n", runtime.status().ToString().c_str());
    return 1;
  }
  Bench bench{argv[1], threads, argc > 3 ? argv[3] : "", *std::move(runtime)};
  run(bench);
  return 0;
}

}  // namespace
}  // namespace kioto::bench

int main(int argc, char** argv) { return kioto::bench::Run(argc, argv); }
