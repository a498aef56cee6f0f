// AsyncFd: waits for an fd that Kioto knows nothing of: a library's connection, a timerfd, inotify, a terminal, a raw socket.
//
//   auto fd = io::AsyncFd::Borrow(PQsocket(connection), io::Interest::kReadable);
//   fd->AsyncIo(io::Interest::kReadable, [connection] { return ConsumeInput(connection); })      // until it is not EAGAIN
//
//   fd->Readable().AndThen([](io::ReadyGuard& ready) {                                           // or by hand
//     if (Drain() == kNothingLeft) ready.ClearReady();                                           // else the next wait ends at once
//   });
//
// It is a reader and a writer too (read(2) and write(2), without SIGPIPE), for io::Read, io::Copy and the like: then one task
// reads and one writes at a time. Waits for readiness may be any number.
//
// The kernel tells of what is new, once: who has waited goes on until an operation gives EAGAIN, and clears the readiness then.
// The fd is known to the runtime in which it was made; when that ends, every wait does with IsShutdown. Any thread; what waits
// borrows the AsyncFd.
#ifndef KIOTO_RUNTIME_IO_ASYNC_FD_H_
#define KIOTO_RUNTIME_IO_ASYNC_FD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/async_io.h"
#include "kioto/runtime/io/fd_result.h"
#include "kioto/runtime/io/readiness.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {
// What a wait has found. Borrows the AsyncFd.
class ReadyGuard {
 public:
  // Of what was waited for; not what was cleared.
  Readiness readiness() const { return Readiness(bits_); }

  // An operation has found nothing: the next wait is for a new event. One that came since this guard was made is not
  // forgotten; a hang-up stays.
  void ClearReady() { ClearReady(interest_); }
  // The same for a part of what was waited for.
  void ClearReady(Interest part);
  // There may be more. Does nothing: it says so to the reader.
  void RetainReady() {}
  // Calls `fn`, and clears the readiness if that gives EAGAIN, which is IsEmpty if `fn` gives a number. Else as AsyncIo.
  template <class Fn>
  typename internal::FdResultOf<Fn>::Output TryIo(Fn fn) {
    auto output = internal::FdResultOf<Fn>::Call(fn);
    if (internal::WouldBlock(output)) ClearReady();
    return output;
  }

 private:
  friend class AsyncFd;
  ReadyGuard(kioto::internal::IoHandle& handle, Interest interest, uint64_t seen)
      : handle_(&handle), interest_(interest), seen_(seen), bits_(static_cast<uint32_t>(seen) & interest.bits()) {}

  kioto::internal::IoHandle* handle_;
  Interest interest_;
  uint64_t seen_;
  uint32_t bits_;
};

class FdReadyFuture;

class AsyncFd {
 public:
  static constexpr char kKind[] = "AsyncFd";

  // Takes `fd` over, makes it non-blocking and close-on-exec, and watches it from now on, for `interest`; a wait for something
  // else adds that. Errors: EBADF; EPERM for what the system can not wait for, such as a regular file (see fs::File); the
  // runtime's three sentences. After an error it is the caller's still.
  static StatusOr<AsyncFd> FromFd(int fd, Interest interest = Interest::kReadable | Interest::kWritable);
  // The same for an fd that belongs to somebody else, who may close it whenever he likes: watches a duplicate, which keeps
  // what is behind it open until the AsyncFd goes. Leaves its flags alone: who reads or
  // writes it through this (Read, Write, AsyncIo) has made it non-blocking; with a blocking one such a call may stop its worker.
  static StatusOr<AsyncFd> Borrow(int fd, Interest interest = Interest::kReadable | Interest::kWritable);

  // Watches it no more and gives it up. -EMFILE, and keeps it, if that takes a duplicate (--config=portable alone) and no fd is
  // left. Of a borrowed one: the duplicate.
  int IntoFd() && { return handle_.Release(); }
  int fd() const { return handle_.fd(); }

  // --- Readiness. Stays until it is cleared; may be spurious. Output: StatusOr<ReadyGuard>. CANCEL SAFE: yes. ---

  FdReadyFuture Readable();
  FdReadyFuture Writable();
  FdReadyFuture Ready(Interest interest);
  Poll<StatusOr<ReadyGuard>> PollReady(Context& cx, Interest interest, kioto::internal::IoWaiter& waiter);
  // For one task at a time each.
  Poll<StatusOr<ReadyGuard>> PollReadable(Context& cx);
  Poll<StatusOr<ReadyGuard>> PollWritable(Context& cx);

  // --- Operations: `fn` gives Status, StatusOr<T>, or a number as system calls do; the outcome is that of `fn`, for a number
  // a StatusOr of it. EINTR is tried again. ---

  // Calls `fn` when the fd is ready, until it gives something else than EAGAIN. `fn` shall do nothing if it gives that.
  // CANCEL SAFE: as `fn`.
  template <class Fn>
  AsyncIoFuture<AsyncFd, Fn> AsyncIo(Interest interest, Fn fn) {
    return {*this, handle_, interest, std::move(fn)};
  }
  // At once: IsEmpty if the fd is not ready, as far as is known (then `fn` is not called), or if `fn` gives EAGAIN.
  template <class Fn>
  typename internal::FdResultOf<Fn>::Output TryIo(Interest interest, Fn fn) {
    return internal::TryIo(handle_, interest, fn);
  }

  // --- A reader and a writer. CANCEL SAFE: yes. ---

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return PollWriteVectored(cx, Pieces(&bytes, 1)); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces);
  void Describe(WaitTrace& trace) const { trace.Leaf("AsyncFd fd " + std::to_string(fd())); }

 private:
  explicit AsyncFd(kioto::internal::IoHandle handle) : handle_(std::move(handle)) {}
  static StatusOr<AsyncFd> Watch(int fd, Interest interest);

  kioto::internal::IoHandle handle_;
};

class [[nodiscard]] FdReadyFuture : public FutureBase<FdReadyFuture, StatusOr<ReadyGuard>> {
 public:
  FdReadyFuture(AsyncFd& fd, Interest interest) : fd_(&fd), interest_(interest) {}
  FdReadyFuture(FdReadyFuture&& other) noexcept
      : FutureBase(std::move(other)), fd_(other.fd_), interest_(other.interest_) {}
  Poll<StatusOr<ReadyGuard>> PollOnce(Context& cx) { return fd_->PollReady(cx, interest_, waiter_); }
  void Describe(WaitTrace& trace) const { trace.Node("Ready", *fd_); }

 private:
  AsyncFd* fd_;
  Interest interest_;
  kioto::internal::IoWaiter waiter_;
};

inline FdReadyFuture AsyncFd::Readable() { return FdReadyFuture(*this, Interest::kReadable); }
inline FdReadyFuture AsyncFd::Writable() { return FdReadyFuture(*this, Interest::kWritable); }
inline FdReadyFuture AsyncFd::Ready(Interest interest) { return FdReadyFuture(*this, interest); }

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_ASYNC_FD_H_
