#include "kioto/runtime/trace/span.h"

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/task/header.h"

namespace kioto::internal {
namespace {

base::Atomic<uint64_t> last_span{0};

}  // namespace

void SpanState::Enter() {
  if (sink_ == nullptr) {
    const ThreadContext& thread = CurrentThread();
    sink_ = thread.trace->shared_from_this();
    span_.id = last_span.fetch_add(1, std::memory_order_relaxed) + 1;  // relaxed: only uniqueness is asked
    span_.task_id = thread.task != nullptr ? thread.task->id : 0;
    sink_->SpanOpened(span_);
  }
  sink_->SpanEntered(span_);
}

void SpanState::Close() {
  if (sink_ == nullptr) return;
  sink_->SpanClosed(span_);
  sink_ = nullptr;
}

}  // namespace kioto::internal
