#include "kioto/runtime/process/stdio.h"

#include <utility>

#include "kioto/runtime/base/sys.h"

namespace kioto::process {
namespace {

struct Owner {
  explicit Owner(int fd) : fd(fd) {}
  ~Owner() { base::sys::Close(fd); }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  const int fd;
};

}  // namespace

Stdio Stdio::Borrow(int fd) {
  Stdio stdio(Kind::kFd);
  stdio.fd_ = fd;
  return stdio;
}

Stdio Stdio::Fd(int fd) {
  Stdio stdio = Borrow(fd);
  stdio.owner_ = std::make_shared<const Owner>(fd);
  return stdio;
}

StatusOr<Stdio> Stdio::From(io::internal::PipeEnd&& pipe) {
  StatusOr<int> fd = std::move(pipe).IntoBlockingFd();
  if (!fd.ok()) return fd.status();
  return Fd(*fd);
}

}  // namespace kioto::process
