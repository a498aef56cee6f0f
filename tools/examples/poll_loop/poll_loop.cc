// A program with a loop of its own, here a plain poll(2) on its standard input, and Kioto inside it.
//
//   bazel run //tools/examples/poll_loop -- 127.0.0.1:8080     # then: nc 127.0.0.1 8080 — and type here: it counts what you type
//
// Ends at the end of its input.
#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/copy.h"
#include "kioto/runtime/scheduler/hosted.h"
#include "kioto/runtime/task/spawn.h"

using namespace kioto;  // NOLINT: a program, not a library

// Gives every connection its bytes back.
Future<Status> Serve(net::TcpListener& listener) {
  std::printf("listening at %s\n", listener.local_address()->ToString().c_str());
  std::fflush(stdout);
  return ForEach(listener.Incoming(), [](net::TcpStream stream) {
    Spawn(With(std::move(stream), [](net::TcpStream& s) { return io::Copy(s, s); })).Detach();
  });
}

// The host's own work: false at the end of its input.
bool TakeInput(size_t& total) {
  char bytes[4096];
  const ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
  if (n <= 0) return false;
  total += static_cast<size_t>(n);
  std::printf("%zu bytes of input\n", total);
  std::fflush(stdout);
  return true;
}

// [region loop]
int main(int argc, char** argv) {
  StatusOr<HostedRuntime> kioto = HostedRuntime::Make();
  if (!kioto.ok()) return 1;
  const char* address = argc > 1 ? argv[1] : "127.0.0.1:8080";
  JoinHandle<Status> served = kioto->runtime().Spawn(net::TcpListener::Bind(address).AndThen(Serve));
  size_t total = 0;
  for (bool open = true; open && !served.finished();) {
    pollfd fds[] = {{kioto->PollFd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    poll(fds, 2, kioto->PollTimeoutMs());
    kioto->Drive();  // events, timers, and what tasks they wake
    if (fds[1].revents != 0) open = TakeInput(total);
  }
  return served.finished() ? 1 : 0;  // the end of `kioto` ends its tasks
}
// [end loop]
