// Stdio: what a child gets as one of its fds. Copies share what they own.
#ifndef KIOTO_RUNTIME_PROCESS_STDIO_H_
#define KIOTO_RUNTIME_PROCESS_STDIO_H_

#include <memory>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/unix_pipe.h"

namespace kioto::process {

class Stdio {
 public:
  // The program's own.
  static Stdio Inherit() { return Stdio(Kind::kInherit); }
  // /dev/null.
  static Stdio Null() { return Stdio(Kind::kNull); }
  // A new pipe, whose other end the Child has. For the three standard ones alone.
  static Stdio Piped() { return Stdio(Kind::kPiped); }
  // A file, a socket, one end of a pipe. Takes it over: closed in this program with the last copy of this and of the commands
  // that it was given to, so that who reads the other end of a pipe sees its end.
  static Stdio Fd(int fd);
  // The same, but it stays the caller's, who keeps it open until the child was spawned.
  static Stdio Borrow(int fd);
  // An end of a pipe: to or from another child, whose output then is this one's input; or of io::UnixPipe. Errors: IntoBlockingFd.
  static StatusOr<Stdio> From(io::internal::PipeEnd&& pipe);

 private:
  friend class Command;
  enum class Kind { kInherit, kNull, kPiped, kFd };
  explicit Stdio(Kind kind) : kind_(kind) {}

  Kind kind_;
  int fd_ = -1;
  std::shared_ptr<const void> owner_;  // closes fd_
};

}  // namespace kioto::process

#endif  // KIOTO_RUNTIME_PROCESS_STDIO_H_
