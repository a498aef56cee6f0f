// JobFuture: a whole file operation as one job of the runtime's blocking pool, unless it is one that the worker may do itself
// (now.h).
//
// The job owns what it uses (the Request), so a future may be dropped at any time: the operation is then done all the same,
// and what it made (a File that was opened) is destroyed with its output. One allocation, the job's, if there is one.
#ifndef KIOTO_FS_JOB_H_
#define KIOTO_FS_JOB_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::fs::internal {

// An fd, closed with its last owner: a File, or a job that still uses it.
class SharedFd {
 public:
  explicit SharedFd(int fd) : fd_(fd) {}
  ~SharedFd();
  SharedFd(const SharedFd&) = delete;
  SharedFd& operator=(const SharedFd&) = delete;

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

struct Request {
  std::string path;
  std::string other;  // the second path, the beginning of a name, or a sentence
  std::string bytes;  // to be written
  int64_t number = 0;
  int64_t flags = 0;
  std::shared_ptr<SharedFd> fd = nullptr;
};

// kInvalidArgument if a path of it has a zero byte.
Status CheckRequest(absl::string_view what, const Request& request);

// "fs::Rename a to b: No such file or directory (ENOENT)".
Status PathError(int error, absl::string_view what, absl::string_view path);

// Not a Status, so that nobody is told of the failure of an operation whose future was dropped.
template <class T>
struct Outcome {
  T value;
};

template <class T>
class Job {
 public:
  using Output = Outcome<T>;

  Job(T (*run)(Request&), Request request) : run_(run), request_(std::move(request)) {}
  Job(Job&&) = default;
  Poll<Output> PollOnce(Context&) { return Output{run_(request_)}; }

 private:
  T (*run_)(Request&);
  Request request_;
};

template <class J>
auto StartJob(J job) {
  return kioto::internal::SpawnOn(kioto::internal::CurrentBlockingPool(), std::move(job), /*local=*/false, TaskOptions(),
                                  base::SourceLocation::Current());
}

}  // namespace kioto::fs::internal

namespace kioto::fs {

// Output: T, a Status or a StatusOr. It starts at its first poll. CANCEL SAFE: loses data: what has begun is done to its end.
// Errors: the operation's, with its path and errno; kInvalidArgument for a zero byte in a path; IsShutdown, and kResourceExhausted
// when the pool's queue is full. What needs no job does not meet the last.
// THREADS: any that has entered a runtime.
template <class T>
class [[nodiscard]] JobFuture : public FutureBase<JobFuture<T>, T> {
 public:
  static constexpr bool kLosesData = true;

  using Now = std::optional<T> (*)(internal::Request&, Context&);

  // `now`, if there is one, is asked first; nothing: it may have to wait, and has left the request as it was.
  JobFuture(const char* name, T (*run)(internal::Request&), internal::Request request, Now now = nullptr)
      : name_(name), run_(run), now_(now), request_(std::move(request)) {}

  Poll<T> PollOnce(Context& cx) {
    if (run_ != nullptr) {
      if (Status status = internal::CheckRequest(name_, request_); !status.ok()) {
        if (!cx.ConsumeBudget()) return kPending;
        return T(std::move(status));
      }
      if (now_ != nullptr && kioto::internal::TakesBlockingJobs()) {
        if (!cx.ConsumeBudget()) return kPending;
        if (std::optional<T> done = now_(request_, cx)) {
          run_ = nullptr;
          return *std::move(done);
        }
      }
      job_ = internal::StartJob(internal::Job<T>(std::exchange(run_, nullptr), std::move(request_)));
    }
    auto polled = job_.PollOnce(cx);
    if (polled.pending()) return kPending;
    if (!polled->ok()) return T(polled->status());
    return std::move((**polled).value);
  }
  void Describe(WaitTrace& trace) const { trace.Leaf(name_); }

 private:
  const char* name_;
  T (*run_)(internal::Request&);
  Now now_;
  internal::Request request_;
  JoinHandle<internal::Outcome<T>> job_;
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_JOB_H_
