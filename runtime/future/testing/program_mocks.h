// Small mocks of net, sync and time, for the programs of programs_test.cc and worker_programs_test.cc.
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_PROGRAM_MOCKS_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_PROGRAM_MOCKS_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/manual.h"

namespace kioto::program_mocks {

class Buffer {
 public:
  explicit Buffer(size_t size) : bytes_(size, '\0') {}
  char* data() { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  absl::string_view first(size_t n) const { return absl::string_view(bytes_).substr(0, n); }

 private:
  std::string bytes_;
};

// Waits once, then does it.
template <class Fn>
auto Later(Fn fn) {
  return PollFn([fn = std::move(fn), waited = false](Context& cx) mutable -> Poll<decltype(fn())> {
    if (!std::exchange(waited, true)) {
      cx.waker().Wake();
      return kPending;
    }
    return fn();
  });
}

struct Wire {
  std::deque<std::string> in;
  std::string out;
};

namespace net {

class TcpStream {
 public:
  explicit TcpStream(Wire* wire) : wire_(wire) {}
  TcpStream(TcpStream&&) = default;

  auto Read(Buffer& buf) {
    return Later([this, &buf]() -> StatusOr<size_t> {
      if (wire_->in.empty()) return size_t{0};
      std::string text = std::move(wire_->in.front());
      wire_->in.pop_front();
      if (text == "reset") return absl::UnavailableError("reset");
      std::copy(text.begin(), text.end(), buf.data());
      return text.size();
    });
  }
  auto WriteAll(absl::string_view bytes) {
    return Later([this, bytes]() -> Status {
      wire_->out += std::string(bytes);
      return OkStatus();
    });
  }
  auto WriteAll(std::string bytes) {
    return Later([this, bytes = std::move(bytes)]() -> Status {
      wire_->out += bytes;
      return OkStatus();
    });
  }
  auto ReadToEnd(size_t) {
    return Later([this]() -> StatusOr<std::string> {
      std::string all;
      for (const std::string& text : wire_->in) all += text;
      return all;
    });
  }
  static auto Connect(const std::string& host) {
    return Later([&host]() -> StatusOr<TcpStream> {
      static Wire wire{{"page of "}, ""};
      static int attempts = 0;
      if (host == "flaky" && ++attempts < 3) return absl::UnavailableError("refused");
      if (host == "gone") return absl::NotFoundError("gone");
      return TcpStream(&wire);
    });
  }

 private:
  Wire* wire_;
};

class TcpListener {
 public:
  explicit TcpListener(std::vector<Wire*> wires) : wires_(std::move(wires)) {}
  static auto Bind(std::vector<Wire*> wires) { return Ready(StatusOr<TcpListener>(TcpListener(std::move(wires)))); }

  class IncomingStream {
   public:
    using Item = TcpStream;
    explicit IncomingStream(TcpListener* listener) : listener_(listener) {}
    Poll<std::optional<TcpStream>> PollNext(Context&) {
      if (at_ == listener_->wires_.size()) return kPending;
      return std::optional<TcpStream>(TcpStream(listener_->wires_[at_++]));
    }

   private:
    TcpListener* listener_;
    size_t at_ = 0;
  };
  auto Incoming() { return IncomingStream(this); }

 private:
  std::vector<Wire*> wires_;
};

}  // namespace net

namespace signal {
inline auto Shutdown() { return PendingTimes(3, Unit{}); }
}  // namespace signal

template <class F>
auto Timeout(std::chrono::nanoseconds, F future) {
  return future;
}
inline auto Sleep(std::chrono::nanoseconds) { return YieldNow(); }

class CancellationToken {
 public:
  void Cancel() { cancelled_ = true; }

 private:
  bool cancelled_ = false;
};
template <class F>
auto Until(CancellationToken&, F future) {
  return future;
}

// Drives what is spawned while somebody waits for it.
class TaskTracker {
 public:
  void Spawn(Future<Status> future) { tasks_.push_back(std::move(future)); }
  auto CloseAndWait() {
    return Lazy([this] { return JoinAll(std::move(tasks_)); }).Map([](std::vector<Status>) { return OkStatus(); });
  }

 private:
  std::vector<Future<Status>> tasks_;
};

struct Backoff {
  Backoff(std::chrono::nanoseconds, std::chrono::nanoseconds, int times) : left(times) {}
  bool Spent() const { return left == 0; }
  std::chrono::nanoseconds Next() {
    --left;
    return std::chrono::milliseconds(1);
  }
  int left;
};

}  // namespace kioto::program_mocks

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_PROGRAM_MOCKS_H_
