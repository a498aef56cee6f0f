// A user's first program: two tasks on a current-thread runtime, one of which waits for the other.
#include <cstdio>

#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"

namespace {

// 1 + 2 + … + n, a step at a time.
auto Sum(int n) {
  return kioto::With(0, 1, [n](int& sum, int& next) {
    return kioto::Loop([&sum, &next, n] {
      sum += next;
      return kioto::If(next++ == n, [&sum] { return kioto::Break(sum); }, [] { return kioto::YieldNow(); });
    });
  });
}

}  // namespace

int main() {
  kioto::StatusOr<kioto::Runtime> runtime = kioto::Runtime::CurrentThread();
  if (!runtime.ok()) return 1;
  kioto::StatusOr<int> output =
      runtime->BlockOn([] { return kioto::Spawn(Sum(10)).AndThen([](int& sum) { return sum - 50; }); });
  std::printf("sum: %d\n", output.value_or(-1));
  return output.ok() && *output == 5 ? 0 : 1;
}
