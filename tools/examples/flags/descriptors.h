// Descriptors: how many connections the limit on open files has room for.
#ifndef KIOTO_TOOLS_EXAMPLES_FLAGS_DESCRIPTORS_H_
#define KIOTO_TOOLS_EXAMPLES_FLAGS_DESCRIPTORS_H_

#include <cstddef>
#include <cstdint>

namespace examples {

// Raises this process' limit on open files as far as it may. Gives `wanted`, or how many connections of `each` descriptors there
// is room for if that is less, at least 1; then it says so on standard error, as `program`. Some descriptors are left for the rest:
// for the runtime's `workers`, too.
int64_t RoomForConnections(const char* program, int64_t wanted, int64_t each, size_t workers);

}  // namespace examples

#endif  // KIOTO_TOOLS_EXAMPLES_FLAGS_DESCRIPTORS_H_
