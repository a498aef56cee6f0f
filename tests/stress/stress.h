// What the stress tests share: their size, what is timed, what the machine takes away, objects that are counted, the fds and
// the memory of this process, children, connected sockets.
#ifndef KIOTO_TESTS_STRESS_STRESS_H_
#define KIOTO_TESTS_STRESS_STRESS_H_

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kioto/runtime/base/atomic.h"

namespace kioto {

// `steps` times KIOTO_STRESS_SCALE (1 if it is not set), at least 1.
int Scaled(int steps);

// Whether `measure`, which gives whether what it has measured is within its bound, does so in most of five goes: one or two
// may fall to what else the machine does, and what keeps its bound by luck does not pass. Ends when that is certain. A long test
// divides its rounds by kGoesAtLeast: together they are as many as it says.
constexpr int kGoesAtLeast = 3;
template <class Measure>
bool MostlyWithinItsBound(Measure measure) {
  int within = 0, beyond = 0;
  while (within < kGoesAtLeast && beyond < kGoesAtLeast) ++(measure() ? within : beyond);
  return within == kGoesAtLeast;
}

// The value that 99 of 100 do not exceed. Sorts them; not of none.
int64_t Percentile99(std::vector<int64_t>& values);

// What the machine makes everybody late by: a thread that only sleeps, a millisecond at a time, while this lives. A bound on how late
// something of ours may be counts from there.
class SleeperBeside {
 public:
  SleeperBeside();
  ~SleeperBeside() { (void)Late99(); }

  // By how much 99 of 100 sleeps were late at most, in nanoseconds. Ends the thread.
  int64_t Late99();

 private:
  base::Atomic<bool> stop_{false};
  std::vector<int64_t> late_;  // the thread's, until it has ended
  std::thread thread_;
};

// The time that this thread has been on a processor, in nanoseconds: what it waits for one does not count.
int64_t CpuNanos();

// What twice as many take, in parts of what so many take: 2, if the time is linear. Of the time of this thread on its processor.
template <class Fn>
double TimesAsLong(int many, Fn fn) {
  const int64_t start = CpuNanos();
  fn(many);
  const int64_t half = CpuNanos();
  fn(2 * many);
  return static_cast<double>(CpuNanos() - half) / static_cast<double>(half - start);
}

// The thread of this process that has this name: its number, 0 if there is none.
int ThreadNamed(const std::string& name);

// The memory of this process that is in use, in bytes; what was freed goes back to the system first. A sanitizer has much of it.
size_t ResidentBytes();
constexpr bool kSanitized =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#else
    false;
#endif

// Whether this build is one whose speed means something.
constexpr bool kTimesCount =
#if defined(__OPTIMIZE__)
    !kSanitized;
#else
    false;
#endif

// What TimesAsLong may give where the time is linear. If it were quadratic, it would give 4: that is told apart also where what else
// the machine does takes the caches away.
constexpr double kTwiceAsLong = kTimesCount ? 2.3 : 3;

// How many of them are alive.
class Counted {
 public:
  Counted() { Count(1); }
  Counted(Counted&& other) noexcept : alive_(std::exchange(other.alive_, false)) {}
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() {
    if (alive_) Count(-1);
  }
  static int64_t alive() { return alive_now.load(std::memory_order_seq_cst); }

 private:
  static void Count(int by) { alive_now.fetch_add(by, std::memory_order_seq_cst); }
  static base::Atomic<int64_t> alive_now;  // seq_cst: the reader is whoever has seen the runtime end

  bool alive_ = true;
};

// The fds that are open now, but for files: whoever prints a stack keeps the program's own open.
std::set<int> OpenFdSet();

// In its scope this process may have as many fds open as the system lets it. Both ends of a connection are its own.
class ManyFds {
 public:
  ManyFds();
  ~ManyFds();
  ManyFds(const ManyFds&) = delete;
  ManyFds& operator=(const ManyFds&) = delete;

  // `wanted`, or as many connections as there are fds for; then it says so.
  int RoomForConnections(int wanted) const;

 private:
  rlimit before_;
};

// How a child that forks here, does `what` and exits with what it gives ends, as waitpid tells it. After a minute it is ended: it may
// wait for what never comes.
template <class What>
int StatusOfChild(What what) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGALRM, SIG_DFL);  // ends it, instead of naming a test that hangs
    ::alarm(60);
    ::_exit(what());
  }
  int status = -1;
  return ::waitpid(child, &status, 0) == child ? status : -1;
}

// A connection over loopback: two blocking sockets.
struct Connection {
  int server = -1;
  int client = -1;
};
Connection Connect();

// One byte there and back on a blocking socket; false if it does not come back.
bool ExchangeByte(int fd);
// Waits for the peer to close, having nothing more to say.
bool IsAtEnd(int fd);

}  // namespace kioto

#endif  // KIOTO_TESTS_STRESS_STRESS_H_
