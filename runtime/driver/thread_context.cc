#include "kioto/runtime/driver/thread_context.h"

#include <type_traits>

namespace kioto::internal {

static_assert(std::is_trivially_destructible_v<ThreadContext>);

__thread ThreadContext thread_context;

}  // namespace kioto::internal
