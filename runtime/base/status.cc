#include "kioto/runtime/base/status.h"

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/errno_table.h"

namespace kioto {
namespace {

constexpr absl::string_view kErrnoUrl = "type.kioto/errno";          // payload: the number, in decimal
constexpr absl::string_view kConditionUrl = "type.kioto/condition";  // payload: one of the words below
constexpr absl::string_view kTaskUrl = "type.kioto/task";            // payload: the number, in decimal

constexpr absl::string_view kClosed = "closed";
constexpr absl::string_view kLaggedPrefix = "lagged ";  // and the number of values missed
constexpr absl::string_view kElapsed = "elapsed";
constexpr absl::string_view kAborted = "aborted";
constexpr absl::string_view kStopped = "stopped";
constexpr absl::string_view kThrown = "thrown";
constexpr absl::string_view kShutdown = "shutdown";
constexpr absl::string_view kEmpty = "empty";
constexpr absl::string_view kFull = "full";

Status Condition(absl::StatusCode code, absl::string_view condition, absl::string_view message) {
  Status status(code, message);
  status.SetPayload(kConditionUrl, absl::Cord(condition));
  return status;
}

// The code is looked at first: most questions end there.
bool Is(const Status& status, absl::StatusCode code, absl::string_view condition) {
  if (status.code() != code) return false;
  std::optional<absl::Cord> payload = status.GetPayload(kConditionUrl);
  return payload.has_value() && *payload == condition;
}

// strerror_r has two shapes: XSI's fills the buffer, GNU's may return another one.
[[maybe_unused]] const char* Text(int result, const char* buffer) { return result == 0 ? buffer : "Unknown error"; }
[[maybe_unused]] const char* Text(const char* result, const char*) { return result; }

}  // namespace

Status ErrnoStatus(int err, absl::string_view what) {
  if (err == 0) return OkStatus();
  if (err < 0) err = -err;
  const base::ErrnoEntry* entry = base::FindErrno(err);
  char buffer[128];
  const char* text = Text(strerror_r(err, buffer, sizeof(buffer)), buffer);
  Status status = entry != nullptr
                      ? Status(entry->code, absl::StrCat(what, ": ", text, " (", entry->name, ")"))
                      : Status(absl::StatusCode::kUnknown, absl::StrCat(what, ": ", text, " (errno ", err, ")"));
  status.SetPayload(kErrnoUrl, absl::Cord(absl::AlphaNum(err).Piece()));
  return status;
}

int ErrnoOf(const Status& status) {
  if (status.ok()) return 0;
  std::optional<absl::Cord> payload = status.GetPayload(kErrnoUrl);
  int err = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &err)) return 0;
  return err;
}

// The statuses that are copied are never destroyed: a detached thread may ask for one while the process exits.
Status ClosedError() {
  static const Status& status = *new Status(ClosedError("closed: the other side is gone, nothing more will come"));
  return status;
}
Status ClosedError(absl::string_view what) { return Condition(absl::StatusCode::kFailedPrecondition, kClosed, what); }
bool IsClosed(const Status& status) { return Is(status, absl::StatusCode::kFailedPrecondition, kClosed); }

Status LaggedError(uint64_t missed) {
  return Condition(absl::StatusCode::kDataLoss, absl::StrCat(kLaggedPrefix, missed),
                   absl::StrCat("lagged: this receiver was too slow and missed ", missed,
                                " values; it goes on with the oldest one that is left"));
}
bool IsLagged(const Status& status, uint64_t* missed) {
  if (status.code() != absl::StatusCode::kDataLoss) return false;
  std::optional<absl::Cord> payload = status.GetPayload(kConditionUrl);
  if (!payload.has_value() || !payload->StartsWith(kLaggedPrefix)) return false;
  payload->RemovePrefix(kLaggedPrefix.size());
  uint64_t number = 0;
  if (!absl::SimpleAtoi(std::string(*payload), &number)) return false;
  if (missed != nullptr) *missed = number;
  return true;
}

Status ElapsedError(absl::string_view what) { return Condition(absl::StatusCode::kDeadlineExceeded, kElapsed, what); }
bool IsElapsed(const Status& status) { return Is(status, absl::StatusCode::kDeadlineExceeded, kElapsed); }

Status AbortedError(absl::string_view what) { return Condition(absl::StatusCode::kCancelled, kAborted, what); }
bool IsAborted(const Status& status) { return Is(status, absl::StatusCode::kCancelled, kAborted); }

Status StoppedError(absl::string_view what) { return Condition(absl::StatusCode::kCancelled, kStopped, what); }
bool IsStopped(const Status& status) { return Is(status, absl::StatusCode::kCancelled, kStopped); }

Status EmptyError() {
  static const Status& status =
      *new Status(Condition(absl::StatusCode::kUnavailable, kEmpty, "empty: nothing is there yet"));
  return status;
}
bool IsEmpty(const Status& status) { return Is(status, absl::StatusCode::kUnavailable, kEmpty); }

Status FullError() {
  static const Status& status =
      *new Status(Condition(absl::StatusCode::kResourceExhausted, kFull, "full: there is no room yet"));
  return status;
}
bool IsFull(const Status& status) { return Is(status, absl::StatusCode::kResourceExhausted, kFull); }

Status ThrownError(absl::string_view what) { return Condition(absl::StatusCode::kInternal, kThrown, what); }
bool IsThrown(const Status& status) { return Is(status, absl::StatusCode::kInternal, kThrown); }

#if KIOTO_EXCEPTIONS
namespace {

constexpr absl::string_view kExceptionUrl = "type.kioto/exception";

// What the payload's bytes are: memory of this process, shared by all copies of the cord and freed with the last one.
// `self` tells it from bytes that were copied elsewhere (a status that was serialized, a cord that was flattened).
struct HeldException {
  char label[16] = "held in memory";
  const HeldException* self = this;
  std::exception_ptr exception;
};

std::string WhatOf(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

}  // namespace

Status ThrownError(absl::string_view what, std::exception_ptr exception) {
  if (exception == nullptr) return ThrownError(what);
  Status status = ThrownError(absl::StrCat(what, ": ", WhatOf(exception)));
  auto* held = new HeldException;
  held->exception = std::move(exception);
  status.SetPayload(kExceptionUrl,
                    absl::MakeCordFromExternal(absl::string_view(reinterpret_cast<const char*>(held), sizeof(*held)),
                                               [held] { delete held; }));
  return status;
}

std::exception_ptr ThrownException(const Status& status) {
  if (!IsThrown(status)) return nullptr;
  std::optional<absl::Cord> payload = status.GetPayload(kExceptionUrl);
  if (!payload.has_value() || payload->size() != sizeof(HeldException)) return nullptr;
  std::optional<absl::string_view> bytes = payload->TryFlat();
  if (!bytes.has_value()) return nullptr;
  const HeldException* self;
  std::memcpy(&self, bytes->data() + offsetof(HeldException, self), sizeof(self));
  if (static_cast<const void*>(self) != bytes->data()) return nullptr;
  return self->exception;
}

void RethrowIfThrown(const Status& status) {
  if (std::exception_ptr exception = ThrownException(status)) std::rethrow_exception(std::move(exception));
}
#endif  // KIOTO_EXCEPTIONS

uint64_t TaskIdOf(const Status& status) {
  if (status.ok()) return 0;
  std::optional<absl::Cord> payload = status.GetPayload(kTaskUrl);
  uint64_t task = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &task)) return 0;
  return task;
}

Status WithTaskId(Status status, uint64_t task) {
  status.SetPayload(kTaskUrl, absl::Cord(absl::AlphaNum(task).Piece()));
  return status;
}

Status OutsideRuntimeError(absl::string_view what) {
  return Status(absl::StatusCode::kFailedPrecondition,
                absl::StrCat("kioto: ", what,
                             " was used outside a runtime: use it in a task, inside Runtime::BlockOn, or while an "
                             "EnterGuard of Runtime::Enter() is held on this thread"));
}

Status PartIsOffError(absl::string_view part, absl::string_view what, absl::string_view builder_call) {
  return Status(absl::StatusCode::kFailedPrecondition,
                absl::StrCat("kioto: ", what, " needs ", part, ", which this runtime was built without: remove ",
                             builder_call, " from its RuntimeBuilder"));
}

Status InheritedError(absl::string_view what) {
  return Status(absl::StatusCode::kFailedPrecondition,
                absl::StrCat("kioto: ", what,
                             " was refused because its runtime was made before fork(), and its threads are the parent's: make a "
                             "runtime after fork(), or call execve or _exit in the child"));
}

Status ShutdownError(absl::string_view what, absl::string_view why) {
  if (!why.empty()) {
    return Condition(absl::StatusCode::kUnavailable, kShutdown,
                     absl::StrCat("kioto: ", what, " was ended because its runtime shuts down: ", why));
  }
  return Condition(absl::StatusCode::kUnavailable, kShutdown,
                   absl::StrCat("kioto: ", what,
                                " was refused because its runtime is shutting down: finish what must be done before "
                                "the runtime is shut down or dropped"));
}
bool IsShutdown(const Status& status) { return Is(status, absl::StatusCode::kUnavailable, kShutdown); }

}  // namespace kioto
