// Runtimes for tests: made from Options; and BlockOn, for a test that needs one only for a line.
//
//   EXPECT_THAT(test::BlockOn(Compute()), IsOkAndHolds(42));
#ifndef KIOTO_RUNTIME_TESTING_RUNTIME_H_
#define KIOTO_RUNTIME_TESTING_RUNTIME_H_

#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/testing/options.h"

namespace kioto::test {

// Errors: what RuntimeBuilder::Build refuses.
StatusOr<Runtime> MakeRuntime(const Options& options);

// Runs a future, or a function that makes one inside the runtime, to its end, in a runtime of its own; gives what
// Runtime::BlockOn does.
template <class F>
auto BlockOn(F&& f, const Options& options = Options(), base::SourceLocation place = base::SourceLocation::Current()) {
  StatusOr<Runtime> runtime = MakeRuntime(options);
  KIOTO_CHECK(runtime.ok(), "the runtime of a test could not be built");
  return runtime->BlockOn(std::forward<F>(f), place);
}

}  // namespace kioto::test

#endif  // KIOTO_RUNTIME_TESTING_RUNTIME_H_
