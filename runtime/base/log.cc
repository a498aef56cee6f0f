#include "kioto/runtime/base/log.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/clock.h"

// RATE        one word, `credit_time`: a line costs one interval; it may be written if credit_time + interval is not
//             later than now, where credit_time never lies more than a burst behind now. (The whole state is one word,
//             so that no lock is held by a thread that fails.)
namespace kioto {
namespace {

// Not base::Atomic: what is logged is no part of an exploration.
std::atomic<LogSink*> the_sink{nullptr};  // null: stderr

constexpr int64_t kInterval = 1'000'000'000 / base::kLogPerSecond;
constexpr int64_t kBurst = kInterval * base::kLogBurst;

std::atomic<int64_t> credit_time{0};
std::atomic<uint64_t> left_out{0};

bool MayWrite() {
  const int64_t now = base::MonotonicNanos();
  int64_t credit = credit_time.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the exchange below
  int64_t next;
  do {
    next = (credit < now - kBurst ? now - kBurst : credit) + kInterval;
    if (next > now) return false;
    // relaxed: only the number itself matters.
  } while (!credit_time.compare_exchange_weak(credit, next, std::memory_order_relaxed, std::memory_order_relaxed));
  return true;
}

}  // namespace

LogSink* SetLogSink(LogSink* sink) {
  return the_sink.exchange(sink, std::memory_order_acq_rel);  // acq_rel: hands the sinks over, with LogFailure's load
}

namespace base {

void LogFailure(absl::string_view message, SourceLocation location) {
  if (!MayWrite()) {
    left_out.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
    return;
  }
  std::string line = absl::StrCat("kioto: ", message);
  if (location.line() != 0) absl::StrAppend(&line, " (", location.file(), ":", location.line(), ")");
  if (const uint64_t missing = left_out.exchange(0, std::memory_order_relaxed); missing != 0) {  // relaxed: a count
    absl::StrAppend(&line, " [", missing, " lines before this one were left out]");
  }
  LogSink* sink = the_sink.load(std::memory_order_acquire);  // acquire: pairs with SetLogSink
  if (sink != nullptr) {
    sink->Write(line);
    return;
  }
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: lines of two threads do not mix
}

void ResetLogRateForTest() {
  credit_time.store(0, std::memory_order_relaxed);  // relaxed: tests, between threads
  left_out.store(0, std::memory_order_relaxed);     // relaxed: the same
}

}  // namespace base
}  // namespace kioto
