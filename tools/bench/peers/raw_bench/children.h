// Children in plain blocking code: posix_spawn and waitpid. Numbers are kioto_bench's.
#pragma once

#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "report.h"

namespace children {

// Starts so many children that do nothing, then waits for each.
template <size_t kAtOnce>
bool Batch() {
  static char name[] = "/bin/true";
  char* const arguments[] = {name, nullptr};
  pid_t pids[kAtOnce];
  for (pid_t& pid : pids) {
    if (posix_spawn(&pid, name, nullptr, nullptr, arguments, environ) != 0) return false;
  }
  for (const pid_t pid : pids) {
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return false;
  }
  return true;
}

// Whether the row is the one of children; it ends the program if its work was not done.
inline bool Run(const std::string& row, int threads) {
  constexpr size_t kAtOnce = 4, kBatches = 125;
  if (row != "spawn_children") return false;
  const bool good = Report("spawn_children", threads, kBatches * kAtOnce, [] {
    for (size_t i = 0; i < kBatches; ++i) {
      if (!Batch<kAtOnce>()) return false;
    }
    return true;
  });
  if (!good) {
    std::fprintf(stderr, "raw_bench: %s: wrong result\n", row.c_str());
    std::_Exit(1);
  }
  return true;
}

}  // namespace children
