#include "kioto/runtime/future/context.h"

namespace kioto {

void Context::Refuse() { Yield(); }

}  // namespace kioto
