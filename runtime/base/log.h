// LogFailure: the one place where Kioto prints by itself, for failures that nobody waits for (a detached task's error,
// a long poll). One line each on stderr, or into a sink of the user's; so many lines a second, the rest only counted.
#ifndef KIOTO_RUNTIME_BASE_LOG_H_
#define KIOTO_RUNTIME_BASE_LOG_H_

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/source_location.h"

namespace kioto {

// Where lines go. Write may be called on any thread, on several at once, with no lock of Kioto's held; it must not
// block.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // One line, without its end.
  virtual void Write(absl::string_view line) = 0;
};

// Sends all lines to `sink` (null: stderr again) and returns the one before. A line that another thread is writing at
// that moment may still reach the old sink: let it live until those threads are done.
LogSink* SetLogSink(LogSink* sink);

namespace base {

// "kioto: <message> (<file>:<line>)". Any thread. At most kLogBurst lines at once and kLogPerSecond in the long run;
// the line after a gap says how many were left out.
void LogFailure(absl::string_view message, SourceLocation location = SourceLocation());

inline constexpr int kLogBurst = 20;
inline constexpr int kLogPerSecond = 10;

// Forgets past lines.
void ResetLogRateForTest();

}  // namespace base
}  // namespace kioto

#endif  // KIOTO_RUNTIME_BASE_LOG_H_
