// Signals of the operating system, as futures.
//
//   Select(Case(Serve(listener), …), Case(signal::CtrlC(), [] { return OkStatus(); }))
//   TakeUntil(listener.Incoming(), signal::Shutdown())
//
// The first listener to a signal installs a handler, which replaces what the signal did by default and still calls a handler
// that the program had. When the last listener to a signal has gone, a handler that the program had is put back, and so is
// SIG_IGN. Where there was neither, ours stays, so that a second Ctrl-C does not kill a program that winds up after the first,
// and a signal that comes between two listeners is given to the second; RestoreUnused() brings the default back, as does Main when
// its future has its output.
//
// Each listener hears of each signal; several of one kind that come before it looks are one. Any thread, any runtime with
// I/O; a listener costs one fd.
#ifndef KIOTO_RUNTIME_SIGNAL_SIGNAL_H_
#define KIOTO_RUNTIME_SIGNAL_SIGNAL_H_

#include <csignal>  // SIGTERM and its like, which are what a user listens to
#include <initializer_list>
#include <optional>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/signal/hub.h"

namespace kioto::signal {

class RecvFuture;

// Hears of some signals for as long as it lives. A stream of their numbers too: TakeUntil, ForEach.
class Listener {
 public:
  using Item = StatusOr<int>;

  // Listens from now on. Errors: kInvalidArgument for what is no signal or can not be caught (SIGKILL, SIGSTOP), or must not
  // be (SIGSEGV, SIGBUS, SIGILL, SIGFPE: their code can not go on), and for none at all; outside a runtime, or one without I/O;
  // no fd left.
  static StatusOr<Listener> Make(std::initializer_list<int> signals);
  static StatusOr<Listener> Make(int signal) { return Make({signal}); }

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  // The number of the next signal; of several that have come the lowest. Never lost: what comes after the answer is the next
  // answer. Errors: the runtime shuts down. CANCEL SAFE: yes.
  RecvFuture Recv();
  Poll<StatusOr<int>> PollRecv(Context& cx);
  // The same as a stream, which has no end but an error.
  Poll<std::optional<Item>> PollNext(Context& cx);

 private:
  Listener() = default;
  void Close();

  kioto::internal::IoHandle handle_;
  bool failed_ = false;  // the stream has ended
  int write_fd_ = -1;  // another fd than the handle's where there is no eventfd
  internal::Slot* slot_ = nullptr;
};

// Output: StatusOr<int>.
class [[nodiscard]] RecvFuture : public FutureBase<RecvFuture, StatusOr<int>> {
 public:
  explicit RecvFuture(Listener& listener) : listener_(&listener) {}
  Poll<StatusOr<int>> PollOnce(Context& cx) { return listener_->PollRecv(cx); }

 private:
  Listener* listener_;
};

// Listens from its first poll to its end. Output: StatusOr<int>, the signal.
class [[nodiscard]] SignalFuture : public FutureBase<SignalFuture, StatusOr<int>> {
 public:
  explicit SignalFuture(int one, int other = 0) : one_(one), other_(other) {}
  Poll<StatusOr<int>> PollOnce(Context& cx);

 private:
  int one_, other_;  // 0: none
  std::optional<Listener> listener_;
};

inline RecvFuture Listener::Recv() { return RecvFuture(*this); }

// Ready when the user presses Ctrl-C (SIGINT). CANCEL SAFE: yes.
SignalFuture CtrlC();
// Ready when the program is asked to end: SIGINT or SIGTERM. CANCEL SAFE: yes.
SignalFuture Shutdown();

// Gives each signal that nobody listens to back to what was installed before, the default too, which the end of a listener
// does not: for hosts that go on without Kioto.
inline void RestoreUnused() { internal::RestoreUnused(); }

}  // namespace kioto::signal

#endif  // KIOTO_RUNTIME_SIGNAL_SIGNAL_H_
