#include "kioto/tests/stress/stress.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/clock.h"

namespace kioto {

base::Atomic<int64_t> Counted::alive_now{0};

int Scaled(int steps) {
  const char* scale = std::getenv("KIOTO_STRESS_SCALE");
  const double factor = scale != nullptr ? std::atof(scale) : 1;
  return std::max(1, static_cast<int>(steps * factor));
}

int64_t Percentile99(std::vector<int64_t>& values) {
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) * 99 / 100];
}

SleeperBeside::SleeperBeside()
    : thread_([this] {
        int64_t due = base::MonotonicNanos();
        do {
          due += 1'000'000;
          const std::chrono::nanoseconds rest(std::max<int64_t>(0, due - base::MonotonicNanos()));
          std::this_thread::sleep_for(rest);                // NOLINT(words): its lateness is what is measured
          late_.push_back(base::MonotonicNanos() - due);  // behind a stall: one for each millisecond of it
        } while (!stop_.load());
      }) {}

int64_t SleeperBeside::Late99() {
  stop_.store(true);
  if (thread_.joinable()) thread_.join();
  return Percentile99(late_);
}

int64_t CpuNanos() {
  timespec now = {};
  KIOTO_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "no clock of a thread's time");
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int ThreadNamed(const std::string& name) {
  DIR* dir = ::opendir("/proc/self/task");
  if (dir == nullptr) return 0;
  int found = 0;
  while (const dirent* entry = ::readdir(dir)) {
    char is[32] = "";
    std::FILE* file = std::fopen(("/proc/self/task/" + std::string(entry->d_name) + "/comm").c_str(), "re");
    if (file == nullptr) continue;
    if (std::fscanf(file, "%31s", is) == 1 && name == is) found = std::atoi(entry->d_name);
    std::fclose(file);
  }
  ::closedir(dir);
  return found;
}

size_t ResidentBytes() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
  std::FILE* statm = std::fopen("/proc/self/statm", "r");
  size_t pages = 0, resident = 0;
  KIOTO_CHECK(statm != nullptr && std::fscanf(statm, "%zu %zu", &pages, &resident) == 2, "no /proc/self/statm");
  std::fclose(statm);
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

std::set<int> OpenFdSet() {
  std::set<int> fds;
  DIR* dir = ::opendir("/proc/self/fd");
  KIOTO_CHECK(dir != nullptr, "no /proc/self/fd");
  while (const dirent* entry = ::readdir(dir)) {
    const int fd = std::atoi(entry->d_name);
    char target[2] = {};
    const bool is_file = ::readlinkat(::dirfd(dir), entry->d_name, target, 1) == 1 && target[0] == '/';
    if (entry->d_name[0] != '.' && fd != ::dirfd(dir) && !is_file) fds.insert(fd);
  }
  ::closedir(dir);
  return fds;
}

ManyFds::ManyFds() {
  KIOTO_CHECK(::getrlimit(RLIMIT_NOFILE, &before_) == 0, "no limit on open files");
  rlimit most = before_;
  most.rlim_cur = most.rlim_max;
  KIOTO_CHECK(::setrlimit(RLIMIT_NOFILE, &most) == 0, "the limit on open files can not be raised");
}
ManyFds::~ManyFds() { ::setrlimit(RLIMIT_NOFILE, &before_); }

int ManyFds::RoomForConnections(int wanted) const {
  constexpr rlim_t kOthers = 200;
  const rlim_t room = (std::max(before_.rlim_max, 2 * kOthers) - kOthers) / 2;
  if (room >= static_cast<rlim_t>(wanted)) return wanted;
  std::printf("%d connections, not %d: ulimit -Hn\n", static_cast<int>(room), wanted);
  return static_cast<int>(room);
}

Connection Connect() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Connection made;
  made.client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  KIOTO_CHECK(::bind(listener, any, size) == 0 && ::listen(listener, 1) == 0 && ::getsockname(listener, any, &size) == 0 &&
                  ::connect(made.client, any, size) == 0,
              "no connection over loopback");
  made.server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ::close(listener);
  const int on = 1;
  const timeval minute = {60, 0};
  ::setsockopt(made.client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ::setsockopt(made.client, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof(minute));
  // So that ten thousands of closed connections leave no port waiting.
  const linger reset = {1, 0};
  ::setsockopt(made.client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  return made;
}

namespace {

// Even without a signal handler a call with a time limit may be interrupted: when an io_uring of libuv is taken down, the
// kernel nudges every thread that has used it.
ssize_t Receive(int fd, char* byte) {
  ssize_t got;
  do {
    got = ::recv(fd, byte, 1, 0);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

bool ExchangeByte(int fd) {
  char byte = 'x';
  return ::send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && Receive(fd, &byte) == 1 && byte == 'x';
}

bool IsAtEnd(int fd) {
  char byte;
  return Receive(fd, &byte) == 0;
}

}  // namespace kioto
