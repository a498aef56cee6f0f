#include "kioto/runtime/io/lines.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

// What one read asks for. Short lines come many to a read; the queue's memory is reused.
constexpr size_t kRoom = 2048;

}  // namespace

StatusOr<std::string> Lines::Take(size_t length, size_t with_end) {
  absl::string_view line = queue_.view().substr(0, length);
  if (with_end != length && !line.empty() && line.back() == '\r') line.remove_suffix(1);
  StatusOr<std::string> result =
      line.size() <= max_line_ ? StatusOr<std::string>(std::string(line)) : LimitExceededError("a line", max_line_);
  queue_.Consume(with_end);
  scanned_ = 0;
  return result;
}

std::optional<StatusOr<std::string>> Lines::TakeLine() {
  while (true) {
    const absl::string_view bytes = queue_.view();
    const char* end = nullptr;
    if (scanned_ < bytes.size()) {  // memchr may not be given null
      end = static_cast<const char*>(std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_));
    }
    if (end != nullptr) {
      const size_t length = static_cast<size_t>(end - bytes.data());
      if (!skipping_) return Take(length, length + 1);
      skipping_ = false;
      queue_.Consume(length + 1);
      scanned_ = 0;
      continue;
    }
    scanned_ = bytes.size();
    if (skipping_) {
      queue_.Clear();
      scanned_ = 0;
    } else if (!bytes.empty() && bytes.size() - 1 > max_line_) {  // one more may be the "\r" of "\r\n"
      skipping_ = true;
      queue_.Clear();
      scanned_ = 0;
      return LimitExceededError("a line", max_line_);
    }
    return std::nullopt;
  }
}

StatusOr<std::string> Lines::TakeLast() {
  const size_t length = queue_.size();
  return Take(length, length);
}

Poll<std::optional<StatusOr<std::string>>> Lines::PollNext(Context& cx) {
  using Item = std::optional<StatusOr<std::string>>;
  while (true) {
    if (!queue_.empty() && !cx.ConsumePartOfBudget()) return kPending;  // lines at hand count, too
    if (Item line = TakeLine()) return line;
    if (ended_) {
      if (queue_.empty()) return Item();
      return Item(TakeLast());
    }
    Poll<StatusOr<size_t>> n = reader_.PollRead(cx, queue_.Room(kRoom));
    if (n.pending()) {
      queue_.Release();  // an idle connection keeps no memory for lines
      return kPending;
    }
    if (!n->ok()) return Item(n->status());
    queue_.Commit(**n);
    if (**n == 0) ended_ = true;
  }
}

Poll<StatusOr<std::optional<std::string>>> LinesNextFuture::PollOnce(Context& cx) {
  Poll<std::optional<StatusOr<std::string>>> line = lines_->PollNext(cx);
  if (line.pending()) return kPending;
  using Result = StatusOr<std::optional<std::string>>;
  if (!line->has_value()) return Result(std::nullopt);
  if (!(*line)->ok()) return Result((*line)->status());
  return Result(*std::move(**line));
}

}  // namespace kioto::io
