#include "kioto/runtime/trace/chrome_trace_event.h"

#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kioto::internal {
namespace {

// Bytes of the UTF-8 character at `text`; 0 if there is none. Reads no further than a byte that does not belong to it.
int Utf8Size(const unsigned char* text) {
  const unsigned char first = text[0];
  const int size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (int i = 1; i < size; ++i) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f)) return 0;  // overlong; a surrogate
  if ((first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f)) return 0;  // overlong; past the last one
  return size;
}

const char* BaseName(const char* file) {
  const char* slash = std::strrchr(file, '/');
  return slash != nullptr ? slash + 1 : file;
}

std::string Label(const ChromeEvent& event) {
  switch (event.kind) {
    case ChromeEvent::kWorkerParks:
    case ChromeEvent::kWorkerUnparks:
      return "parked";
    case ChromeEvent::kSpanOpened:
    case ChromeEvent::kSpanEntered:
    case ChromeEvent::kSpanLeft:
    case ChromeEvent::kSpanClosed:
      return event.text;
    default:
      break;
  }
  if (event.name[0] != 0) return event.name;
  return event.text != nullptr ? absl::StrCat(BaseName(event.text), ":", event.line) : "";
}

struct Phase {
  const char* phase;     // of the format
  const char* category;  // what viewers filter by
};

Phase PhaseOf(ChromeEvent::Kind kind) {
  switch (kind) {
    case ChromeEvent::kTaskSpawned:
      return {"b", "task"};
    case ChromeEvent::kPollBegin:
      return {"B", "poll"};
    case ChromeEvent::kPollEnd:
      return {"E", "poll"};
    case ChromeEvent::kTaskWoken:
      return {"i", "wake"};
    case ChromeEvent::kTaskEnded:
      return {"e", "task"};
    case ChromeEvent::kWorkerParks:
      return {"B", "worker"};
    case ChromeEvent::kWorkerUnparks:
      return {"E", "worker"};
    case ChromeEvent::kSpanOpened:
      return {"b", "span"};
    case ChromeEvent::kSpanEntered:
      return {"B", "span"};
    case ChromeEvent::kSpanLeft:
      return {"E", "span"};
    case ChromeEvent::kSpanClosed:
      return {"e", "span"};
  }
  return {"i", "unknown"};
}

void AppendArguments(std::string& json, const ChromeEvent& event) {
  const char* what = event.kind >= ChromeEvent::kSpanOpened ? "span" : "task";
  if (event.kind == ChromeEvent::kWorkerParks || event.kind == ChromeEvent::kWorkerUnparks) what = "worker";
  absl::StrAppend(&json, ",\"args\":{\"", what, "\":", event.id);
  if (event.task_id != 0) absl::StrAppend(&json, ",\"task\":", event.task_id);
  if (event.line != 0) {
    absl::StrAppend(&json, ",\"spawned_at\":");
    AppendJsonString(json, absl::StrCat(event.text, ":", event.line).c_str());
  }
  if (event.result != nullptr) absl::StrAppend(&json, ",\"result\":\"", event.result, "\"");
  json += "}";
}

}  // namespace

void ChromeEvent::SetName(const char* text) {
  std::strncpy(name, text, sizeof(name) - 1);
  name[sizeof(name) - 1] = 0;
}

void AppendJsonString(std::string& json, const char* text) {
  json += '"';
  for (const char* at = text; *at != 0;) {
    const int size = Utf8Size(reinterpret_cast<const unsigned char*>(at));
    if (size == 0) {
      json += '?';
      ++at;
      continue;
    }
    if (*at == '"' || *at == '\\') json += '\\';
    if (size == 1 && static_cast<unsigned char>(*at) < 0x20) {
      absl::StrAppendFormat(&json, "\\u%04x", static_cast<unsigned>(*at));
    } else {
      json.append(at, static_cast<size_t>(size));
    }
    at += size;
  }
  json += '"';
}

void AppendChromeEvent(std::string& json, const ChromeEvent& event, int thread) {
  const Phase phase = PhaseOf(event.kind);
  absl::StrAppendFormat(&json, "\n{\"ph\":\"%s\",\"cat\":\"%s\",\"pid\":1,\"tid\":%d,\"ts\":%d.%03d", phase.phase, phase.category,
                        thread, event.nanos / 1000, static_cast<int>(event.nanos % 1000));
  const std::string label = Label(event);
  if (!label.empty()) {
    json += ",\"name\":";
    AppendJsonString(json, label.c_str());
  }
  if (phase.phase[0] == 'b' || phase.phase[0] == 'e') absl::StrAppend(&json, ",\"id\":", event.id);
  if (phase.phase[0] == 'i') json += ",\"s\":\"t\"";
  AppendArguments(json, event);
  json += "}";
}

void AppendChromeThread(std::string& json, int thread, const char* name) {
  absl::StrAppend(&json, "\n{\"ph\":\"M\",\"pid\":1,\"tid\":", thread, ",\"name\":\"thread_name\",\"args\":{\"name\":");
  AppendJsonString(json, name);
  json += "}}";
}

}  // namespace kioto::internal
