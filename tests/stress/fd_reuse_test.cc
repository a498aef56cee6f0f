// Fds are closed and opened again, with the same numbers, by tasks on all workers, while events for their earlier owners are on
// their way. No event may reach a wrong object: what a socket hears of is what was done to its own peer.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

using internal::Direction;
using internal::IoHandle;
using internal::Ready;

struct Tally {
  base::Atomic<int> opened{0};
  base::Atomic<int> heard{0};   // events awaited, and right
  base::Atomic<int> wrong{0};   // bits that nobody caused
  base::Atomic<int> highest{0};
};

// One round: a pair; its end registered; the peer writes or closes; then, half the time without waiting for the event, closed.
class Rounds {
 public:
  Rounds(Tally& tally, int rounds, uint32_t seed) : tally_(&tally), left_(rounds), random_(seed) {}
  Rounds(Rounds&&) = default;
  ~Rounds() { ClosePeer(); }

  Poll<Status> operator()(Context& cx) {
    while (left_ > 0) {
      if (peer_ < 0 && !handle_.is_open()) {
        Open();
        auto poll = handle_.PollReady(cx, Direction::kRead, "ready");  // registers
        if (poll.ready()) return Status(absl::InternalError("ready before anything was done"));
        if (IsWrong(0)) return Status(absl::InternalError("an event of an earlier owner"));
        Provoke();
      }
      if (waits_) {
        auto poll = handle_.PollReady(cx, Direction::kRead, "ready");
        if (poll.pending()) return kPending;
        if (!(*poll).ok()) return (*poll).status();
        if (IsWrong(closed_ ? Ready::kReadable | Ready::kReadClosed | Ready::kWriteClosed | Ready::kWritable
                            : Ready::kReadable | Ready::kWritable)) {
          return Status(absl::InternalError("an event that nobody caused"));
        }
        tally_->heard.fetch_add(1);
      }
      handle_.Close();
      ClosePeer();
      --left_;
      // Another task's turn, often another worker's: the number that was freed is taken there.
      if (left_ % 4 == 0) {
        cx.Yield();
        return kPending;
      }
    }
    return OkStatus();
  }

 private:
  void Open() {
    int fds[2];
    EXPECT_EQ(base::sys::Socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    handle_ = IoHandle(fds[0]);
    peer_ = fds[1];
    tally_->opened.fetch_add(1);
    int highest = tally_->highest.load();
    while (fds[0] > highest && !tally_->highest.compare_exchange_weak(highest, fds[0])) {
    }
  }
  void Provoke() {
    random_ = random_ * 1664525u + 1013904223u;
    closed_ = (random_ >> 16 & 1) != 0;
    waits_ = (random_ >> 17 & 1) != 0;
    if (closed_) {
      ClosePeer();
    } else {
      EXPECT_EQ(base::sys::Write(peer_, "x", 1), 1);
    }
  }
  void ClosePeer() {
    if (peer_ >= 0) base::sys::Close(std::exchange(peer_, -1));
  }
  bool IsWrong(uint32_t allowed) {
    if ((handle_.ready() & ~allowed) == 0) return false;
    tally_->wrong.fetch_add(1);
    return true;
  }

  Tally* tally_;
  int left_;
  uint32_t random_;
  IoHandle handle_;
  int peer_ = -1;
  bool closed_ = false;
  bool waits_ = false;
};

// check: D18
TEST(FdReuseTest, NoEventReachesAWrongObject) {
  const std::set<int> before = OpenFdSet();
  constexpr int kTasks = 16;
  const int rounds = Scaled(100'000) / kTasks + 1;
  Tally tally;
  {
    Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(4).Build();
    std::vector<JoinHandle<Status>> tasks;
    for (int i = 0; i < kTasks; ++i) {
      tasks.push_back(runtime.Spawn(PollFn(Rounds(tally, rounds, static_cast<uint32_t>(i) * 7919 + 1))));
    }
    for (auto& task : tasks) EXPECT_EQ(runtime.BlockOn(std::move(task)), OkStatus());
    EXPECT_TRUE(runtime.Shutdown().clean());
  }
  std::printf("%d sockets on fds up to %d, %d events awaited\n", tally.opened.load(), tally.highest.load(), tally.heard.load());
  EXPECT_EQ(tally.opened.load(), kTasks * rounds);
  EXPECT_EQ(tally.wrong.load(), 0);
  EXPECT_GE(tally.heard.load(), tally.opened.load() / 3);
  EXPECT_LT(tally.highest.load(), 200) << "the numbers were not used again";
  EXPECT_EQ(OpenFdSet(), before);
}

}  // namespace
}  // namespace kioto
