// The line of a row that is plain blocking code.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>

// Does the work and reports how long it took; false if the work was not done.
template <class Work>
bool Report(const char* row, int threads, size_t ops, Work work) {
  const auto start = std::chrono::steady_clock::now();
  if (!work()) return false;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s %d %zu %.4f %.1f\n", row, threads, ops, seconds, seconds * 1e9 / static_cast<double>(ops));
  return true;
}
