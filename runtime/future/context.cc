#include "kioto/runtime/future/context.h"

#include <utility>

namespace kioto {

void Context::Refuse() { Yield(); }

void internal::PollScope::RunAtEnd() {
  while (PollEnd* end = at_end) {
    at_end = end->next;
    end->run(end);
  }
}

}  // namespace kioto
