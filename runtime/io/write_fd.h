// write(2) without SIGPIPE, for pipes and what else is no socket: these have no MSG_NOSIGNAL.
#ifndef KIOTO_RUNTIME_IO_WRITE_FD_H_
#define KIOTO_RUNTIME_IO_WRITE_FD_H_

#include <sys/types.h>
#include <sys/uio.h>

#include "kioto/runtime/io/writer.h"

namespace kioto::io::internal {

// The most pieces that one call takes; the rest waits for the next.
inline constexpr size_t kMostPieces = 64;

// As base::sys::Writev, -EPIPE alone where a signal would come too. A piece costs one system call as ever, and two for the
// thread's signal mask. Any thread.
ssize_t WriteFd(int fd, Pieces pieces);

}  // namespace kioto::io::internal

#endif  // KIOTO_RUNTIME_IO_WRITE_FD_H_
