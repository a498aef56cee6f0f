#include "kioto/runtime/future/context.h"

#include <utility>

namespace kioto {

void Context::Refuse() {
  scope_->budget = internal::PollScope::kRefused;
  Yield();
}

__thread internal::PollScope* internal::putting_off = nullptr;

void internal::PollScope::RunAtEnd() {
  while (PollEnd* end = at_end) {
    at_end = end->next;
    if (at_end == nullptr) putting_off = outer;
    end->run(end);
  }
}

}  // namespace kioto
