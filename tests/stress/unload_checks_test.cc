// A library with Kioto in it, loaded and closed over and over: I6 of the checks (README.md). In a program of its own that has no
// other Kioto: of what both have, the vague symbols of gcc would be one (tools/guide/embedding.md).
#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "gtest/gtest.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

// Opens the library, has it run a runtime and shut it down, closes it. Whether all went well.
bool RunsOnce() {
  void* const library = ::dlopen("tests/stress/libguest.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    ADD_FAILURE() << ::dlerror();
    return false;
  }
  auto* const run = reinterpret_cast<bool (*)()>(::dlsym(library, "RunGuest"));
  bool good = false;
  if (run != nullptr) std::thread([&] { good = run(); }).join();  // what is local to a thread goes with it
  return ::dlclose(library) == 0 && good;
}

// Pieces of memory that this process has mapped.
int Maps() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<int>(std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n'));
}

ptrdiff_t Threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

// Of its memory what stays is that of the first times: stacks that libc keeps for the next threads, and what a process has once.
// check: I6
TEST(UnloadChecks, NothingGrowsWithTheTimesThatALibraryIsLoaded) {
  constexpr int kFirst = 20, kSlack = kSanitized ? 200 : 20;  // a sanitizer's own memory is in more and more pieces, for a while
  const int times = std::max(Scaled(1'000), kFirst + 2 * kSlack);
  const ptrdiff_t threads = Threads();
  for (int i = 0; i < kFirst; ++i) ASSERT_TRUE(RunsOnce()) << i;
  const int before = Maps();
  for (int i = kFirst; i < times; ++i) ASSERT_TRUE(RunsOnce()) << i;
  const int after = Maps();
  std::printf("%d maps after %d times, %d after %d\n", before, kFirst, after, times);
  EXPECT_LE(after, before + kSlack);
  while (Threads() > threads) std::this_thread::yield();  // the last of a blocking pool may still be on its way out
}

}  // namespace
}  // namespace kioto
