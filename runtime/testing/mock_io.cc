#include "kioto/runtime/testing/mock_io.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/testing/script_wait.h"

namespace kioto::test {
namespace internal {

// The steps, shared by the stream and its handles. All under the lock but the pause, which is the stream's own.
class IoScript {
 public:
  struct Read {
    std::string bytes;
  };
  struct ReadError {
    Status error;
  };
  struct Write {
    std::string bytes;
  };
  struct WriteError {
    Status error;
  };
  struct Wait {
    int64_t nanos;
  };
  using Step = std::variant<Read, ReadError, Write, WriteError, Wait>;

  explicit IoScript(base::SourceLocation place) : place_(place) {}

  void set_name(std::string name) { name_ = std::move(name); }
  void Add(Step step) {
    base::MutexLock lock(mutex_);
    steps_.push_back(std::move(step));
    Waker reader = std::exchange(reader_, Waker());
    Waker writer = std::exchange(writer_, Waker());
    lock.Unlock();
    reader.Wake();
    writer.Wake();
  }
  void AddHandle() {
    base::MutexLock lock(mutex_);
    ++handles_;
  }
  void DropHandle() {
    base::MutexLock lock(mutex_);
    --handles_;
    Waker reader = handles_ == 0 ? std::exchange(reader_, Waker()) : Waker();
    lock.Unlock();
    reader.Wake();
  }

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    if (into.empty()) return StatusOr<size_t>(0);
    if (!PassWaits(cx, reader_)) return kPending;
    Waker old;  // dropped outside the lock
    base::MutexLock lock(mutex_);
    if (steps_.empty() && handles_ == 0) return StatusOr<size_t>(0);
    if (!steps_.empty()) {
      if (auto* read = std::get_if<Read>(&steps_.front())) {
        if (!cx.ConsumeBudget()) return kPending;
        const size_t n = std::min(read->bytes.size(), into.size());
        std::memcpy(into.data(), read->bytes.data(), n);
        read->bytes.erase(0, n);
        if (read->bytes.empty()) Done(lock);
        return StatusOr<size_t>(n);
      }
      if (auto* error = std::get_if<ReadError>(&steps_.front())) {
        const Status status = error->error;
        Done(lock);
        return StatusOr<size_t>(status);
      }
    }
    old = std::exchange(reader_, cx.waker());
    return kPending;
  }

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    if (bytes.empty()) return StatusOr<size_t>(0);
    if (!PassWaits(cx, writer_)) return kPending;
    Waker old;  // dropped outside the lock
    base::MutexLock lock(mutex_);
    if (steps_.empty() && handles_ == 0) return Wrong("was written to after the end of its script", bytes);
    if (!steps_.empty()) {
      if (auto* write = std::get_if<Write>(&steps_.front())) {
        const size_t n = std::min(write->bytes.size(), bytes.size());
        if (write->bytes.compare(0, n, bytes.data(), n) != 0) {
          return Wrong(absl::StrCat("expected \"", absl::CHexEscape(write->bytes), "\" to be written"), bytes);
        }
        if (!cx.ConsumeBudget()) return kPending;
        write->bytes.erase(0, n);
        if (write->bytes.empty()) Done(lock);
        return StatusOr<size_t>(n);
      }
      if (auto* error = std::get_if<WriteError>(&steps_.front())) {
        const Status status = error->error;
        Done(lock);
        return StatusOr<size_t>(status);
      }
    }
    old = std::exchange(writer_, cx.waker());
    return kPending;
  }

  // The stream is gone: whatever is left was not done.
  void End() {
    base::MutexLock lock(mutex_);
    if (wrong_) return;  // the first failure says it
    size_t to_read = 0, to_write = 0, errors = 0;
    for (const Step& step : steps_) {
      if (auto* read = std::get_if<Read>(&step)) to_read += read->bytes.size();
      if (auto* write = std::get_if<Write>(&step)) to_write += write->bytes.size();
      errors += std::holds_alternative<ReadError>(step) || std::holds_alternative<WriteError>(step);
    }
    if (to_read + to_write + errors == 0 || std::uncaught_exceptions() > 0) return;
    ADD_FAILURE_AT(place_.file(), place_.line())
        << Name() << " went away before its script was done: " << to_read << " bytes were not read, " << to_write
        << " bytes were not written, " << errors << " errors were not met";
  }

 private:
  // Takes the pauses at the front. False: one of them lasts; whoever ends it wakes `waiting`.
  bool PassWaits(Context& cx, Waker& waiting) {
    for (;;) {
      int64_t nanos = 0;
      {
        base::MutexLock lock(mutex_);
        const Wait* wait = steps_.empty() ? nullptr : std::get_if<Wait>(&steps_.front());
        if (wait == nullptr) return true;
        nanos = wait->nanos;
      }
      const bool over = wait_.Poll(cx, nanos);
      Waker old;  // dropped outside the lock
      base::MutexLock lock(mutex_);
      if (!over) {
        old = std::exchange(waiting, cx.waker());
        return false;
      }
      Done(lock);
    }
  }
  // The first step is done; what follows may be for the other direction. Ends the lock.
  void Done(base::MutexLock& lock) {
    steps_.pop_front();
    Waker reader = std::exchange(reader_, Waker());
    Waker writer = std::exchange(writer_, Waker());
    lock.Unlock();
    reader.Wake();
    writer.Wake();
  }
  Status Wrong(const std::string& what, absl::string_view bytes) {
    wrong_ = true;
    const std::string sentence = absl::StrCat(Name(), " ", what, ", not \"", absl::CHexEscape(bytes), "\"");
    ADD_FAILURE_AT(place_.file(), place_.line()) << sentence;
    return absl::DataLossError(sentence);
  }
  std::string Name() const { return name_.empty() ? "this MockIo" : absl::StrCat("the MockIo \"", name_, "\""); }

  const base::SourceLocation place_;
  std::string name_;
  base::Mutex mutex_;
  std::deque<Step> steps_;
  Waker reader_;
  Waker writer_;
  int handles_ = 0;
  bool wrong_ = false;
  ScriptWait wait_;
};

}  // namespace internal

using internal::IoScript;

MockIo::~MockIo() {
  if (script_ != nullptr) script_->End();
}

Poll<StatusOr<size_t>> MockIo::PollRead(Context& cx, MutableBytes into) { return script_->PollRead(cx, into); }
Poll<StatusOr<size_t>> MockIo::PollWrite(Context& cx, absl::string_view bytes) { return script_->PollWrite(cx, bytes); }

MockIoHandle::MockIoHandle(std::shared_ptr<IoScript> script) : script_(std::move(script)) { script_->AddHandle(); }
MockIoHandle::MockIoHandle(const MockIoHandle& other) : MockIoHandle(other.script_) {}
MockIoHandle& MockIoHandle::operator=(MockIoHandle other) noexcept {
  std::swap(script_, other.script_);
  return *this;
}
MockIoHandle::~MockIoHandle() {
  if (script_ != nullptr) script_->DropHandle();
}

void MockIoHandle::Read(std::string bytes) const { script_->Add(IoScript::Read{std::move(bytes)}); }
void MockIoHandle::ReadError(Status error) const { script_->Add(IoScript::ReadError{std::move(error)}); }
void MockIoHandle::Write(std::string bytes) const { script_->Add(IoScript::Write{std::move(bytes)}); }
void MockIoHandle::WriteError(Status error) const { script_->Add(IoScript::WriteError{std::move(error)}); }

MockIoBuilder::MockIoBuilder(base::SourceLocation place) : script_(std::make_shared<IoScript>(place)) {}

MockIoBuilder& MockIoBuilder::Read(std::string bytes) {
  script_->Add(IoScript::Read{std::move(bytes)});
  return *this;
}
MockIoBuilder& MockIoBuilder::ReadError(Status error) {
  script_->Add(IoScript::ReadError{std::move(error)});
  return *this;
}
MockIoBuilder& MockIoBuilder::Write(std::string bytes) {
  script_->Add(IoScript::Write{std::move(bytes)});
  return *this;
}
MockIoBuilder& MockIoBuilder::WriteError(Status error) {
  script_->Add(IoScript::WriteError{std::move(error)});
  return *this;
}
MockIoBuilder& MockIoBuilder::WaitNanos(std::chrono::nanoseconds pause) {
  script_->Add(IoScript::Wait{pause.count()});
  return *this;
}
MockIoBuilder& MockIoBuilder::Name(std::string name) {
  script_->set_name(std::move(name));
  return *this;
}

MockIo MockIoBuilder::Build() { return MockIo(std::move(script_)); }
MockIoWithHandle MockIoBuilder::BuildWithHandle() {
  MockIoHandle handle(script_);
  return MockIoWithHandle{MockIo(std::move(script_)), std::move(handle)};
}

}  // namespace kioto::test
