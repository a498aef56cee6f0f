// OwnedFd: an fd that is closed with its owner, of whatever kind. What comes with a message of a Unix socket is one
// (net/unix_fds.h).
//
//   StatusOr<net::TcpStream> stream = net::TcpStream::FromFd(fd.fd());
//   if (stream.ok()) (void)std::move(fd).IntoFd();  // it is the stream's now
#ifndef KIOTO_RUNTIME_IO_OWNED_FD_H_
#define KIOTO_RUNTIME_IO_OWNED_FD_H_

#include <utility>

namespace kioto {

class OwnedFd {
 public:
  OwnedFd() = default;                   // none
  explicit OwnedFd(int fd) : fd_(fd) {}  // nobody else may close it; -1: none
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    if (this == &other) return *this;
    Close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~OwnedFd() { Close(); }

  int fd() const { return fd_; }  // -1: none
  bool is_open() const { return fd_ >= 0; }
  // Gives it up.
  int IntoFd() && { return std::exchange(fd_, -1); }
  // At once. Again: no effect.
  void Close();

 private:
  int fd_ = -1;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_IO_OWNED_FD_H_
