// ChromeEvent: one event of a ChromeTraceFile as a thread keeps it, and how it becomes JSON.
#ifndef KIOTO_RUNTIME_TRACE_CHROME_TRACE_EVENT_H_
#define KIOTO_RUNTIME_TRACE_CHROME_TRACE_EVENT_H_

#include <cstdint>
#include <string>

namespace kioto::internal {

struct ChromeEvent {
  enum Kind : uint8_t {
    kTaskSpawned,
    kPollBegin,
    kPollEnd,
    kTaskWoken,
    kTaskEnded,
    kWorkerParks,
    kWorkerUnparks,
    kSpanOpened,
    kSpanEntered,
    kSpanLeft,
    kSpanClosed,
  };

  // Whether it begins, or ends, a slice of its thread's row.
  bool begins() const { return kind == kPollBegin || kind == kWorkerParks || kind == kSpanEntered; }
  bool ends() const { return kind == kPollEnd || kind == kWorkerUnparks || kind == kSpanLeft; }
  // Whether it is the first or the last moment of a task or a span, which has a row of its own.
  bool bounds_life() const {
    return kind == kTaskSpawned || kind == kTaskEnded || kind == kSpanOpened || kind == kSpanClosed;
  }
  void SetName(const char* text);

  int64_t nanos = 0;
  uint64_t id = 0;             // of the task or the span; of the worker
  uint64_t task_id = 0;        // of the span's task
  const char* text = nullptr;  // the task's file, or the span's name; a literal
  int32_t line = 0;
  Kind kind = kTaskSpawned;
  const char* result = nullptr;  // a literal
  char name[44] = {};            // of the task
};

// "\n{...}", the event on row `thread`, `nanos` counted from the trace's start.
void AppendChromeEvent(std::string& json, const ChromeEvent& event, int thread);
// The name of row `thread`.
void AppendChromeThread(std::string& json, int thread, const char* name);
// `text` in quotes; what is not UTF-8 becomes "?".
void AppendJsonString(std::string& json, const char* text);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TRACE_CHROME_TRACE_EVENT_H_
