// ChromeTraceFile: a TraceSink that writes the JSON which chrome://tracing, https://ui.perfetto.dev and speedscope show.
//
//   StatusOr<std::shared_ptr<ChromeTraceFile>> file = ChromeTraceFile::Create("/tmp/served.json");
//   StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().Trace(*file).Build();
//   ...
//   Status status = (*file)->Close();
//
// One row per thread with its polls, parks and spans, one inside the other, and an arrow head at each wake; one row per task
// and per span from its first to its last moment. A task is shown by its name, else by where it was spawned.
//
// COST      Each thread keeps its events (limits::kTraceBuffer of them, about 50 ns each) and writes them when there is no more
//           room: that blocks it for as long as the disk takes. No more than limits::kTraceThreads threads write at a time.
// LIMITS    After max_events, and on more threads than that, events are dropped and counted: dropped(), and "dropped_events" in
//           the file. The end of what was begun is written in any case: of polls, parks and spans on a thread's row, and of
//           tasks and spans on their own. Names are cut to 43 bytes.
//
// STATE     a ThreadEvents for each thread, shared by it and the file: its events under its own lock, `closed` too; how many
//           slices it has open in the file, under the file's lock. `gone` says that the thread has ended.
// LOCKS     the file's first, then that of a ThreadEvents.
#ifndef KIOTO_RUNTIME_TRACE_CHROME_TRACE_FILE_H_
#define KIOTO_RUNTIME_TRACE_CHROME_TRACE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/trace/chrome_trace_event.h"
#include "kioto/runtime/trace/trace_sink.h"

namespace kioto {

class ChromeTraceFile final : public TraceSink {
 public:
  // Replaces what is at `path`. Errors: what the system says of the path.
  static StatusOr<std::shared_ptr<ChromeTraceFile>> Create(const std::string& path, size_t max_events = limits::kTraceEvents);
  ~ChromeTraceFile() override;

  // Writes what the threads keep. The file is whole JSON then, and stays so until the next call, even if the process is killed
  // meanwhile. Errors: what the system said when it refused a write (the disk is full, say), now or before: from then on
  // events are dropped, what was written stays. Any thread; blocks for the disk.
  Status Flush();
  // The same, ends the slices of threads that are still under way, and closes the file; later events are dropped. A task or span
  // that lives on is shown without an end. Idempotent.
  Status Close();
  uint64_t dropped() const;

  void TaskSpawned(const TraceTask& task) override;
  void PollBegin(const TraceTask& task) override;
  void PollEnd(uint64_t task_id, TracePoll result) override;
  void TaskWoken(const TraceTask& task) override;
  void TaskEnded(const TraceTask& task, TraceEnd end) override;
  void WorkerParks(int worker) override;
  void WorkerUnparks(int worker) override;
  void SpanOpened(const TraceSpan& span) override;
  void SpanEntered(const TraceSpan& span) override;
  void SpanLeft(const TraceSpan& span) override;
  void SpanClosed(const TraceSpan& span) override;

 private:
  struct ThreadEvents;
  struct EventsOfThread;

  ChromeTraceFile(int fd, size_t max_events);

  void Record(const internal::ChromeEvent& event);
  ThreadEvents* OfThisThread();
  ThreadEvents* Register(std::vector<std::shared_ptr<ThreadEvents>>& mine);
  // With lock_ held:
  void Drain(ThreadEvents& events, bool close);
  bool Accept(ThreadEvents& events, const internal::ChromeEvent& event);
  void Write(const std::string& text);
  std::string Footer() const;

  const uint64_t serial_;  // no other file of this process has it
  const size_t max_events_;
  const int64_t start_ns_;
  base::Atomic<uint64_t> dropped_{0};

  base::Mutex lock_;
  int fd_;           // -1: closed
  int64_t end_ = 0;  // of the events; there the footer begins
  size_t written_ = 0;
  int next_thread_ = 1;
  absl::flat_hash_set<uint64_t> halves_;  // tasks and spans of which one bound is in the file: the other goes there too
  Status error_;  // of the first write that failed
  std::vector<std::shared_ptr<ThreadEvents>> threads_;
  std::vector<internal::ChromeEvent> spare_;  // changes places with the events of the thread that is drained
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TRACE_CHROME_TRACE_FILE_H_
