// The one table from errno to status code. The guide's table is made from it.
#ifndef KIOTO_RUNTIME_BASE_ERRNO_TABLE_H_
#define KIOTO_RUNTIME_BASE_ERRNO_TABLE_H_

#include <cstddef>

#include "absl/status/status.h"

namespace kioto::base {

struct ErrnoEntry {
  int number;
  const char* name;  // "ECONNREFUSED"
  absl::StatusCode code;
};

struct ErrnoEntries {
  const ErrnoEntry* first;
  size_t count;
  const ErrnoEntry* begin() const { return first; }
  const ErrnoEntry* end() const { return first + count; }
};

// Every errno of this platform, once, POSIX first, then what only Linux has, each by rising number.
ErrnoEntries ErrnoTable();

// The entry of `number` (positive); null if the platform has no such errno.
const ErrnoEntry* FindErrno(int number);

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_ERRNO_TABLE_H_
