#include "kioto/runtime/base/may_block.h"

namespace kioto::base {

__thread bool thread_may_block = true;

}  // namespace kioto::base
