// Acceptor: a socket that listens, of whatever family. What TcpListener and UnixListener are made of.
//
// Accepting survives what happens to a server: a connection that broke before it was accepted is passed over; out of fds or
// memory, it waits, up to 100 ms at a time, and goes on. Any number of tasks may accept at once. Any thread.
#ifndef KIOTO_NET_ACCEPTOR_H_
#define KIOTO_NET_ACCEPTOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::net::internal {

// What one accepting future keeps while it waits. Pinned from the first poll.
struct AcceptWait {
  kioto::internal::IoWaiter waiter;
  std::unique_ptr<kioto::internal::TimerEntry> timer;  // made at the first shortage
};

bool IsListening(int fd);

class Acceptor {
 public:
  // `what`, a literal, names the caller's call.
  Acceptor(kioto::internal::IoHandle listening, const char* what) : handle(std::move(listening)), what_(what) {}
  ~Acceptor() { CloseReserve(); }
  // Not while somebody accepts.
  Acceptor(Acceptor&& other) noexcept;
  Acceptor& operator=(Acceptor&& other) noexcept;

  // Whether clients that come when there are no fds are reset at once. Not while somebody accepts.
  Status SetShed(bool on);
  // Those that were.
  uint64_t shed() const {
    return shed_.load(std::memory_order_relaxed);  // relaxed: a figure
  }

  // The next connection. Errors: only those that accepting again would not mend.
  Poll<StatusOr<kioto::internal::IoHandle>> PollAccept(Context& cx, AcceptWait& wait);

  kioto::internal::IoHandle handle;

 private:
  Poll<StatusOr<int>> PollAcceptOnce(Context& cx, AcceptWait& wait);
  Poll<Status> PollPause(Context& cx, AcceptWait& wait);
  Status BeginPause(int error);
  void EndPause();
  int Shed(int shortage);
  int KeepReserve();
  void CloseReserve();

  const char* what_;
  base::Atomic<int64_t> retry_at_{0};  // the state machine is in acceptor.cc
  base::Atomic<int64_t> pause_{0};
  bool sheds_ = false;
  base::Atomic<int> reserve_{-1};
  base::Atomic<uint64_t> shed_{0};
};

}  // namespace kioto::net::internal

#endif  // KIOTO_NET_ACCEPTOR_H_
