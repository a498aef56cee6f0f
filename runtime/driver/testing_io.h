// What tests of I/O need: pairs of connected fds, and leaf futures over an IoHandle.
#ifndef KIOTO_RUNTIME_DRIVER_TESTING_IO_H_
#define KIOTO_RUNTIME_DRIVER_TESTING_IO_H_

#include <errno.h>

#include <cstddef>
#include <string>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::internal {

// A connected pair of Unix stream sockets: `here` as a handle, `there` bare.
struct TestPair {
  TestPair() {
    int fds[2];
    KIOTO_CHECK(base::sys::Socketpair(1 /*AF_UNIX*/, 1 /*SOCK_STREAM*/, 0, fds) == 0, "socketpair failed");
    here = IoHandle(fds[0]);
    there = fds[1];
  }
  ~TestPair() { CloseThere(); }
  TestPair(const TestPair&) = delete;
  TestPair& operator=(const TestPair&) = delete;

  void CloseThere() {
    if (there >= 0) base::sys::Close(std::exchange(there, -1));
  }
  void Send(const std::string& bytes) {
    KIOTO_CHECK(base::sys::Write(there, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "write failed");
  }
  // Everything that has come.
  std::string Take() {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = base::sys::Read(there, buffer, sizeof(buffer))) > 0;) all.append(buffer, n);
    return all;
  }

  IoHandle here;
  int there = -1;
};

// Reads once, at most `size` bytes, into `buffer`.
struct TestRead {
  using Output = StatusOr<size_t>;
  IoHandle* handle;
  char* buffer;
  size_t size;
  IoWaiter* waiter = nullptr;
  int* calls = nullptr;

  Poll<Output> PollOnce(Context& cx) {
    return handle->PollIo(
        cx, Direction::kRead, size, "read",
        [this] {
          if (calls != nullptr) ++*calls;
          return base::sys::Read(handle->fd(), buffer, size);
        },
        waiter);
  }
};

// Writes `bytes` until there is no room, then waits; ends with the number written when all of it is.
struct TestWrite {
  using Output = StatusOr<size_t>;
  IoHandle* handle;
  const std::string* bytes;
  size_t done = 0;

  Poll<Output> PollOnce(Context& cx) {
    while (done < bytes->size()) {
      auto wrote = handle->PollIo(cx, Direction::kWrite, bytes->size() - done, "write", [this] {
        return base::sys::Write(handle->fd(), bytes->data() + done, bytes->size() - done);
      });
      if (wrote.pending()) return kPending;
      if (!(*wrote).ok()) return (*wrote).status();
      done += **wrote;
    }
    return done;
  }
};

struct TestReady {
  using Output = StatusOr<uint32_t>;
  IoHandle* handle;
  Direction direction;
  IoWaiter* waiter = nullptr;

  Poll<Output> PollOnce(Context& cx) { return handle->PollReady(cx, direction, "ready", waiter); }
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_TESTING_IO_H_
