#include "kioto/runtime/testing/mock_stream.h"

#include <exception>

#include "gtest/gtest.h"

namespace kioto::test::internal {

void ReportUntakenItems(size_t items, base::SourceLocation place) {
  if (std::uncaught_exceptions() > 0) return;
  ADD_FAILURE_AT(place.file(), place.line()) << "this MockStream went away before its script was done: " << items
                                             << " items were not taken";
}

}  // namespace kioto::test::internal
