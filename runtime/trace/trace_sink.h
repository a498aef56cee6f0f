// TraceSink: what a runtime tells, as it happens, of its tasks, its workers and the spans of futures.
//
//   StatusOr<std::shared_ptr<ChromeTraceFile>> file = ChromeTraceFile::Create("/tmp/served.json");  // chrome_trace_file.h
//   StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().Trace(*file).Build();
//
// Derive from it for another destination, and override what you want to hear. A runtime without one pays for it with one branch
// a poll, a spawn and a wake.
//
// ORDER     Of one task: TaskSpawned, then pairs of PollBegin and PollEnd that do not overlap, then TaskEnded. TaskWoken comes
//           in between, on the thread that wakes. Of one thread: polls, parks and entered spans nest.
// THREADS   Each function is called on the thread where it happens, several at a time, within the poll, wake or spawn that it
//           tells of: it must be quick, and may neither spawn nor wake. What it is given is valid during the call; what says
//           "literal" for ever.
#ifndef KIOTO_RUNTIME_TRACE_TRACE_SINK_H_
#define KIOTO_RUNTIME_TRACE_TRACE_SINK_H_

#include <cstdint>
#include <memory>

namespace kioto {

struct TraceTask {
  uint64_t id;
  const char* name;  // "" if it has none
  const char* file;  // where it was spawned; a literal
  int line;
};

// A Span (span.h) that has been polled.
struct TraceSpan {
  uint64_t id;       // no other span of this process has it
  uint64_t task_id;  // whose poll opened it; 0: none's, the future of BlockOn, say
  const char* name;  // a literal
};

enum class TracePoll {
  kPending,  // waits to be woken
  kYielded,  // asked for its next turn
  kReady,    // has ended
};

enum class TraceEnd {
  kReady,      // the future was ready, or threw
  kCancelled,  // it was destroyed: an abort, or the runtime's end
};

class TraceSink : public std::enable_shared_from_this<TraceSink> {
 public:
  virtual ~TraceSink() = default;

  // A task that was refused (its runtime had ended) is not told of.
  virtual void TaskSpawned(const TraceTask&) {}
  virtual void PollBegin(const TraceTask&) {}
  virtual void PollEnd(uint64_t /*task_id*/, TracePoll) {}
  // From idle to ready. Further wakes before the next poll are not told of; one during a poll is, after its end.
  virtual void TaskWoken(const TraceTask&) {}
  virtual void TaskEnded(const TraceTask&, TraceEnd) {}

  // Of a runtime's own thread that has nothing to do, and is about to sleep in its driver; `worker` counts from 0. An attached
  // or hosted runtime does not sleep itself, and tells of none.
  virtual void WorkerParks(int /*worker*/) {}
  virtual void WorkerUnparks(int /*worker*/) {}

  // A span opens at its first poll, is entered and left at each, and closes when its future is ready or dropped.
  virtual void SpanOpened(const TraceSpan&) {}
  virtual void SpanEntered(const TraceSpan&) {}
  virtual void SpanLeft(const TraceSpan&) {}
  virtual void SpanClosed(const TraceSpan&) {}
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TRACE_TRACE_SINK_H_
