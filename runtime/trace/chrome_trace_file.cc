#include "kioto/runtime/trace/chrome_trace_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/sys.h"

namespace kioto {
namespace {

using internal::ChromeEvent;

base::Atomic<uint64_t> last_serial{0};

constexpr char kHeader[] =
    "{\"displayTimeUnit\":\"ns\",\"traceEvents\":["
    "\n{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"kioto\"}}";

ChromeEvent OfTask(ChromeEvent::Kind kind, const TraceTask& task) {
  ChromeEvent event;
  event.kind = kind;
  event.id = task.id;
  event.text = task.file;
  event.line = task.line;
  event.SetName(task.name);
  return event;
}

ChromeEvent OfSpan(ChromeEvent::Kind kind, const TraceSpan& span) {
  ChromeEvent event;
  event.kind = kind;
  event.id = span.id;
  event.task_id = span.task_id;
  event.text = span.name;
  return event;
}

ChromeEvent OfId(ChromeEvent::Kind kind, uint64_t id, const char* result = nullptr) {
  ChromeEvent event;
  event.kind = kind;
  event.id = id;
  event.result = result;
  return event;
}

}  // namespace

struct ChromeTraceFile::ThreadEvents {
  ThreadEvents(uint64_t file, int row) : file(file), row(row) { events.reserve(limits::kTraceBuffer); }

  const uint64_t file;
  const int row;
  base::Atomic<bool> gone{false};  // the thread has ended, and adds no more

  base::SpinLock lock;
  std::vector<ChromeEvent> events;
  bool closed = false;

  // Under the file's lock:
  int open = 0;     // slices begun in the file and not ended
  int skipped = 0;  // slices under way whose begin was dropped
};

// Those of one thread: one for each open file, and some that have been closed since the last Register.
struct ChromeTraceFile::EventsOfThread {
  ~EventsOfThread() {
    // release: pairs with Register's acquire, so that it finds every event.
    for (const auto& events : mine) events->gone.store(true, std::memory_order_release);
    ended = true;
  }

  std::vector<std::shared_ptr<ThreadEvents>> mine;
  static __thread bool ended;
};

__thread bool ChromeTraceFile::EventsOfThread::ended = false;

StatusOr<std::shared_ptr<ChromeTraceFile>> ChromeTraceFile::Create(const std::string& path, size_t max_events) {
  const int fd = base::sys::Open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return ErrnoStatus(fd, absl::StrCat("ChromeTraceFile: open ", path));
  std::shared_ptr<ChromeTraceFile> file(new ChromeTraceFile(fd, max_events));
  if (Status status = file->Flush(); !status.ok()) return status;
  return file;
}

ChromeTraceFile::ChromeTraceFile(int fd, size_t max_events)
    : serial_(last_serial.fetch_add(1, std::memory_order_relaxed) + 1),  // relaxed: only uniqueness is asked
      max_events_(max_events),
      start_ns_(base::MonotonicNanos()),
      fd_(fd) {
  base::MutexLock lock(lock_);
  Write(kHeader);
}

ChromeTraceFile::~ChromeTraceFile() { (void)Close(); }

uint64_t ChromeTraceFile::dropped() const {
  return dropped_.load(std::memory_order_relaxed);  // relaxed: a count
}

// --- Threads keep their events ----------------------------------------------------------------------------------------

void ChromeTraceFile::Record(const ChromeEvent& event) {
  ThreadEvents* events = OfThisThread();
  bool full = false;
  bool kept = false;
  if (events != nullptr) {
    base::SpinLockGuard guard(events->lock);
    if (!events->closed) {
      events->events.push_back(event);
      events->events.back().nanos = base::MonotonicNanos() - start_ns_;
      full = events->events.size() >= limits::kTraceBuffer;
      kept = true;
    }
  }
  if (!kept) dropped_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count
  if (!full) return;
  base::MutexLock lock(lock_);
  Drain(*events, /*close=*/false);
}

// Null: there are too many threads, the file is closed, or the thread is at its end.
ChromeTraceFile::ThreadEvents* ChromeTraceFile::OfThisThread() {
  if (EventsOfThread::ended) return nullptr;
  static thread_local EventsOfThread of_thread;
  for (const auto& events : of_thread.mine) {
    if (events->file == serial_) return events.get();
  }
  return Register(of_thread.mine);
}

ChromeTraceFile::ThreadEvents* ChromeTraceFile::Register(std::vector<std::shared_ptr<ThreadEvents>>& mine) {
  const auto closed = [](const std::shared_ptr<ThreadEvents>& events) {
    base::SpinLockGuard guard(events->lock);
    return events->closed;
  };
  mine.erase(std::remove_if(mine.begin(), mine.end(), closed), mine.end());
  char name[16] = "";
  (void)::pthread_getname_np(::pthread_self(), name, sizeof(name));
  base::MutexLock lock(lock_);
  for (size_t i = 0; i < threads_.size();) {
    // acquire: pairs with the release at the thread's end
    if (threads_[i]->gone.load(std::memory_order_acquire)) {
      Drain(*threads_[i], /*close=*/true);
      threads_.erase(threads_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  if (fd_ < 0 || threads_.size() >= limits::kTraceThreads) return nullptr;
  threads_.push_back(std::make_shared<ThreadEvents>(serial_, next_thread_++));
  mine.push_back(threads_.back());
  std::string row = ",";
  internal::AppendChromeThread(row, mine.back()->row, name);
  Write(row);
  return mine.back().get();
}

// --- The file ---------------------------------------------------------------------------------------------------------

// Whether the event goes into the file: not after the last one that may, but with the end of what was begun.
bool ChromeTraceFile::Accept(ThreadEvents& events, const ChromeEvent& event) {
  const bool room = written_ < max_events_ && error_.ok();
  if (event.bounds_life()) {
    // Threads write in any order: an end may come before its begin.
    const uint64_t life = event.id * 2 + (event.kind >= ChromeEvent::kSpanOpened ? 1 : 0);
    if (halves_.erase(life) > 0) return error_.ok();
    if (room) halves_.insert(life);
    return room;
  }
  if (event.ends()) {
    if (events.skipped > 0) {
      --events.skipped;
      return false;
    }
    if (!error_.ok()) return false;
    --events.open;
    return true;
  }
  if (event.begins()) ++(room ? events.open : events.skipped);
  return room;
}

void ChromeTraceFile::Drain(ThreadEvents& events, bool close) {
  spare_.clear();
  if (close) {
    std::vector<ChromeEvent>().swap(spare_);  // the thread may live on, and would keep the room
  } else {
    spare_.reserve(limits::kTraceBuffer);
  }
  {
    base::SpinLockGuard guard(events.lock);
    events.events.swap(spare_);
    events.closed = events.closed || close;
  }
  std::string text;
  uint64_t dropped = 0;
  for (const ChromeEvent& event : spare_) {
    if (Accept(events, event)) {
      ++written_;
      text += ",";
      internal::AppendChromeEvent(text, event, events.row);
    } else {
      ++dropped;
    }
  }
  ChromeEvent end = OfId(ChromeEvent::kPollEnd, 0, "open");
  end.nanos = base::MonotonicNanos() - start_ns_;
  for (; close && events.open > 0; --events.open) {
    text += ",";
    internal::AppendChromeEvent(text, end, events.row);
  }
  dropped_.fetch_add(dropped, std::memory_order_relaxed);  // relaxed: a count
  if (!text.empty()) Write(text);
}

std::string ChromeTraceFile::Footer() const {
  return absl::StrCat("\n],\"otherData\":{\"dropped_events\":", dropped(), "}}\n");
}

// In the place of the footer, and a new one, which is never shorter. If the system refuses, the old one again.
void ChromeTraceFile::Write(const std::string& text) {
  if (fd_ < 0 || !error_.ok()) return;
  const std::string all = text + Footer();
  size_t done = 0;
  while (done < all.size()) {
    const ssize_t wrote = base::sys::Pwrite(fd_, all.data() + done, all.size() - done, end_ + static_cast<int64_t>(done));
    if (wrote <= 0) {
      error_ = ErrnoStatus(wrote == 0 ? EIO : static_cast<int>(wrote), "ChromeTraceFile: write");
      break;
    }
    done += static_cast<size_t>(wrote);
  }
  if (error_.ok()) {
    end_ += static_cast<int64_t>(text.size());
    return;
  }
  if (::ftruncate(fd_, end_) != 0) return;
  const std::string footer = Footer();
  (void)base::sys::Pwrite(fd_, footer.data(), footer.size(), end_);
}

Status ChromeTraceFile::Flush() {
  base::MutexLock lock(lock_);
  for (const auto& events : threads_) Drain(*events, /*close=*/false);
  Write("");
  return error_;
}

Status ChromeTraceFile::Close() {
  base::MutexLock lock(lock_);
  if (fd_ < 0) return error_;
  for (const auto& events : threads_) Drain(*events, /*close=*/true);
  threads_.clear();
  Write("");
  const int closed = base::sys::Close(std::exchange(fd_, -1));
  if (closed < 0 && error_.ok()) error_ = ErrnoStatus(closed, "ChromeTraceFile: close");
  return error_;
}

// --- What is told -----------------------------------------------------------------------------------------------------

void ChromeTraceFile::TaskSpawned(const TraceTask& task) { Record(OfTask(ChromeEvent::kTaskSpawned, task)); }
void ChromeTraceFile::PollBegin(const TraceTask& task) { Record(OfTask(ChromeEvent::kPollBegin, task)); }
void ChromeTraceFile::PollEnd(uint64_t task_id, TracePoll result) {
  static constexpr const char* kResults[] = {"pending", "yielded", "ready"};
  Record(OfId(ChromeEvent::kPollEnd, task_id, kResults[static_cast<int>(result)]));
}
void ChromeTraceFile::TaskWoken(const TraceTask& task) { Record(OfTask(ChromeEvent::kTaskWoken, task)); }
void ChromeTraceFile::TaskEnded(const TraceTask& task, TraceEnd end) {
  ChromeEvent event = OfTask(ChromeEvent::kTaskEnded, task);
  event.result = end == TraceEnd::kReady ? "ready" : "cancelled";
  Record(event);
}
void ChromeTraceFile::WorkerParks(int worker) { Record(OfId(ChromeEvent::kWorkerParks, static_cast<uint64_t>(worker))); }
void ChromeTraceFile::WorkerUnparks(int worker) { Record(OfId(ChromeEvent::kWorkerUnparks, static_cast<uint64_t>(worker))); }
void ChromeTraceFile::SpanOpened(const TraceSpan& span) { Record(OfSpan(ChromeEvent::kSpanOpened, span)); }
void ChromeTraceFile::SpanEntered(const TraceSpan& span) { Record(OfSpan(ChromeEvent::kSpanEntered, span)); }
void ChromeTraceFile::SpanLeft(const TraceSpan& span) { Record(OfSpan(ChromeEvent::kSpanLeft, span)); }
void ChromeTraceFile::SpanClosed(const TraceSpan& span) { Record(OfSpan(ChromeEvent::kSpanClosed, span)); }

}  // namespace kioto
