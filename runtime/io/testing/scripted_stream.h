// ScriptedReader and ScriptedWriter: byte streams for tests that do what a list says: give or take so many bytes, be
// pending once (and wake at once), fail, end.
#ifndef KIOTO_RUNTIME_IO_TESTING_SCRIPTED_STREAM_H_
#define KIOTO_RUNTIME_IO_TESTING_SCRIPTED_STREAM_H_

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <variant>

#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

struct PendingOnce {};  // pending for one poll, and woken at once
struct PendingForever {};

class ScriptedReader {
 public:
  using Step = std::variant<std::string, Status, PendingOnce, PendingForever>;
  explicit ScriptedReader(std::deque<Step> steps) : steps_(std::move(steps)) {}
  void Add(Step step) { steps_.push_back(std::move(step)); }

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    ++polls_;
    if (into.empty()) {
      ++empty_polls_;
      return StatusOr<size_t>(0);
    }
    if (steps_.empty()) return StatusOr<size_t>(0);
    Step& step = steps_.front();
    if (std::holds_alternative<PendingForever>(step)) return kPending;
    if (std::holds_alternative<PendingOnce>(step)) {
      steps_.pop_front();
      cx.waker().Wake();
      return kPending;
    }
    if (!cx.ConsumeBudget()) return kPending;
    if (auto* status = std::get_if<Status>(&step)) {
      StatusOr<size_t> result = *status;
      steps_.pop_front();
      return result;
    }
    std::string& bytes = std::get<std::string>(step);
    const size_t n = std::min(bytes.size(), into.size());
    std::memcpy(into.data(), bytes.data(), n);
    bytes.erase(0, n);
    if (bytes.empty()) steps_.pop_front();
    return StatusOr<size_t>(n);
  }

  int polls() const { return polls_; }
  int empty_polls() const { return empty_polls_; }

 private:
  std::deque<Step> steps_;
  int polls_ = 0;
  int empty_polls_ = 0;
};

class ScriptedWriter {
 public:
  // A number: take so many bytes. When the list is at its end, takes everything.
  using Step = std::variant<size_t, Status, PendingOnce, PendingForever>;
  explicit ScriptedWriter(std::deque<Step> steps = {}) : steps_(std::move(steps)) {}

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    ++writes_;
    return Take(cx, Pieces(&bytes, 1));
  }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) {
    ++vectored_writes_;
    return Take(cx, pieces);
  }
  Poll<Status> PollFlush(Context&) {
    flushed_ = data_.size();
    return OkStatus();
  }
  Poll<Status> PollShutdown(Context& cx) {
    shut_ = true;
    return PollFlush(cx);
  }

  const std::string& data() const { return data_; }
  size_t flushed() const { return flushed_; }
  int writes() const { return writes_; }
  int vectored_writes() const { return vectored_writes_; }
  bool shut() const { return shut_; }

 private:
  Poll<StatusOr<size_t>> Take(Context& cx, Pieces pieces) {
    size_t most = SIZE_MAX;
    if (!steps_.empty()) {
      Step step = steps_.front();
      if (std::holds_alternative<PendingForever>(step)) return kPending;
      steps_.pop_front();
      if (std::holds_alternative<PendingOnce>(step)) {
        cx.waker().Wake();
        return kPending;
      }
      if (auto* status = std::get_if<Status>(&step)) return StatusOr<size_t>(*status);
      most = std::get<size_t>(step);
    }
    if (!cx.ConsumeBudget()) return kPending;
    size_t taken = 0;
    for (absl::string_view piece : pieces) {
      piece = piece.substr(0, most - taken);
      data_.append(piece.data(), piece.size());
      taken += piece.size();
    }
    return StatusOr<size_t>(taken);
  }

  std::deque<Step> steps_;
  std::string data_;
  size_t flushed_ = 0;
  int writes_ = 0;
  int vectored_writes_ = 0;
  bool shut_ = false;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_TESTING_SCRIPTED_STREAM_H_
