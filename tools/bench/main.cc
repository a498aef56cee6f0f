// kioto_bench WORKLOAD THREADS [ADDRESS] [--size=N] [--times=N] [--unwatched]: the bench's workloads on Kioto. THREADS 0 is the
// current-thread runtime. --size: how many tasks, timers, connections, or places in a channel; --times: how often.
// --unwatched: without the monitor of a multi-thread runtime.
// ADDRESS: where serve_echo and serve_http listen, and the server that echo_among is the client of.
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
  for (const Row* rows : {kTaskRows, kChannelRows, kBroadcastRows, kLockRows, kTimerRows, kSocketRows, kDatagramRows,
                          kTransferRows, kCodecRows, kHttpRows, kFileRows, kChildRows, kWaiterRows, kMixedRows}) {
    for (; rows->name != nullptr; ++rows) {
      if (std::strcmp(rows->name, name) == 0) return rows->run;
    }
  }
  return nullptr;
}

// Whether `argument` begins with `flag`; what follows it is the number.
bool Number(const char* argument, const char* flag, size_t& number) {
  const size_t length = std::strlen(flag);
  if (std::strncmp(argument, flag, length) != 0) return false;
  number = std::strtoull(argument + length, nullptr, 10);
  return true;
}

int Usage(const char* what, const char* which) {
  std::fprintf(stderr, "usage: kioto_bench WORKLOAD THREADS [ADDRESS] [--size=N] [--times=N] [--unwatched]%s%s\n", what, which);
  return 2;
}

int Run(int argc, char** argv) {
  if (argc < 3) return Usage("", "");
  const Workload run = Find(argv[1]);
  if (run == nullptr) return Usage("; no workload ", argv[1]);
  std::string address;
  size_t size = 0, times = 0;
  bool watched = true;
  for (int i = 3; i < argc; ++i) {
    if (std::strcmp(argv[i], "--unwatched") == 0) {
      watched = false;
    } else if (!Number(argv[i], "--size=", size) && !Number(argv[i], "--times=", times)) {
      address = argv[i];
    }
  }
  const int threads = std::atoi(argv[2]);
  RuntimeBuilder builder = threads == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
  if (threads > 0) builder.WorkerThreads(threads);
  if (threads > 0 && !watched) builder.WithoutMonitor();
  StatusOr<Runtime> runtime = builder.Build();
  if (!runtime.ok()) {
    std::fprintf(stderr, "kioto_bench: %s\n", runtime.status().ToString().c_str());
    return 1;
  }
  Bench bench{argv[1], threads, address, *std::move(runtime), size, times};
  run(bench);
  return 0;
}

}  // namespace
}  // namespace kioto::bench

int main(int argc, char** argv) { return kioto::bench::Run(argc, argv); }
