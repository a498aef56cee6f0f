// Errors: absl::Status everywhere. Here is how an errno becomes one and stays readable, and Kioto's own conditions,
// each with a maker and a predicate. All functions may be called on any thread.
//
// A condition is told by its predicate, never by its code: a user's future may itself return kCancelled, and only
// IsAborted says that the task was aborted.
//
//   condition   code                 meaning
//   Closed      kFailedPrecondition  the other side is gone or has closed; nothing more will come
//   Lagged      kDataLoss            a slow receiver missed values; it goes on with the oldest that is left
//   Elapsed     kDeadlineExceeded    a time limit ran out
//   Aborted     kCancelled           a task was aborted before it ended
//   Stopped     kCancelled           a future was stopped by its own CancellationToken (Until)
//   Thrown      kInternal            a task ended by an exception
//   Shutdown    kUnavailable         refused or ended because the runtime is shutting down
//   Empty       kUnavailable         a Try... found nothing yet
//   Full        kResourceExhausted   a Try... found no room yet
#ifndef KIOTO_RUNTIME_BASE_STATUS_H_
#define KIOTO_RUNTIME_BASE_STATUS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kioto/runtime/base/config.h"

#if KIOTO_EXCEPTIONS
#include <exception>
#endif

namespace kioto {

using absl::OkStatus;
using absl::Status;
using absl::StatusOr;

// --- errno -----------------------------------------------------------------------------------------------------------

// "what: Connection refused (ECONNREFUSED)", with the one code that errno_table.h gives this errno. Takes the number
// as the kernel gives it or negated, as kioto::base::sys and libuv do. 0 gives OK.
Status ErrnoStatus(int err, absl::string_view what);

// The errno (positive) that `status` was made from; 0 if it was made otherwise.
int ErrnoOf(const Status& status);

// --- Kioto's own conditions ------------------------------------------------------------------------------------------

// The forms without an argument allocate nothing: they copy one status, by reference.
Status ClosedError();
Status ClosedError(absl::string_view what);
bool IsClosed(const Status& status);

Status LaggedError(uint64_t missed);
// `missed`, if given, gets the number of values that the receiver did not see.
bool IsLagged(const Status& status, uint64_t* missed = nullptr);

Status ElapsedError(absl::string_view what);
bool IsElapsed(const Status& status);

Status AbortedError(absl::string_view what);
bool IsAborted(const Status& status);

Status StoppedError(absl::string_view what);
bool IsStopped(const Status& status);

Status EmptyError();
bool IsEmpty(const Status& status);

Status FullError();
bool IsFull(const Status& status);

Status ThrownError(absl::string_view what);
bool IsThrown(const Status& status);
#if KIOTO_EXCEPTIONS
// Keeps `exception`: every copy of the status shares it. The what() of a std::exception joins the message.
Status ThrownError(absl::string_view what, std::exception_ptr exception);
// The exception of an IsThrown status; null for any other, and for a status that came from another process.
std::exception_ptr ThrownException(const Status& status);
// Throws it on, if there is one.
void RethrowIfThrown(const Status& status);
#endif

// --- The end of a task -------------------------------------------------------------------------------------------------

// The number of the task (TaskId) that a status is about which a JoinHandle gave because the task did not end by itself: it was
// aborted, threw, or was ended or refused by its runtime. A task, or a scope, that passes such a status on as its own passes the
// number on. 0 for any other status.
uint64_t TaskIdOf(const Status& status);
// `status`, which is not OK, about that task.
Status WithTaskId(Status status, uint64_t task);

// --- Why a part of the runtime refuses: four sentences that say what to do ------------------------------------------

// `what` is the call as the user wrote it: "Sleep", "net::TcpListener::Bind". kFailedPrecondition.
Status OutsideRuntimeError(absl::string_view what);
// PartIsOffError("I/O", "net::TcpListener::Bind", "WithoutIo()"). kFailedPrecondition.
Status PartIsOffError(absl::string_view part, absl::string_view what, absl::string_view builder_call);
// In a child of fork(), of a runtime that its parent has made. kFailedPrecondition.
Status InheritedError(absl::string_view what);
// kUnavailable. With a reason, `what` was not refused but ended by it.
Status ShutdownError(absl::string_view what, absl::string_view why = "");
bool IsShutdown(const Status& status);

}  // namespace kioto

#endif  // KIOTO_RUNTIME_BASE_STATUS_H_
