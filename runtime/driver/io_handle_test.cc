#include "kioto/runtime/driver/io_handle.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/testing_io.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::internal {
namespace {

// A runtime of some owned drivers, the first of them this thread's.
class IoHandleTest : public ::testing::Test {
 protected:
  explicit IoHandleTest(int drivers = 1) {
    DriverOptions options;
    options.clock = &set_.clock;
    for (int i = 0; i < drivers; ++i) {
      drivers_.push_back(*MakeOwnedDriver(options));
      set_.drivers.push_back(drivers_.back().get());
    }
    CurrentThread().drivers = &set_;
    CurrentThread().driver = drivers_[0].get();
  }
  ~IoHandleTest() override {
    CurrentThread().drivers = nullptr;
    CurrentThread().driver = nullptr;
  }

 public:
  Driver& driver() { return *drivers_[0]; }

 protected:
  DriverSet set_;
  std::vector<std::unique_ptr<Driver>> drivers_;
  char buffer_[64] = {};
};

// A portable reactor whose loop's thread serves each request before its caller goes on.
class PromptDriver final : public Driver {
 public:
  PromptDriver() {
    EXPECT_EQ(uv_loop_init(&loop_), 0);
    const auto serve = [](void* self) {
      std::thread([self] { static_cast<PromptDriver*>(self)->reactor_->Serve(); }).join();
    };
    owned_ = MakePortableReactor(&loop_, /*unref=*/false, serve, this);
    reactor_ = owned_.get();
  }
  ~PromptDriver() override {
    owned_.reset();
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }
  void Park(int64_t) override {}
  void Turn() override {}
  void Unpark() override {}
  void Shutdown() override {}
  void LimitTimers(uint32_t) override {}

 private:
  uv_loop_t loop_;
  std::unique_ptr<Reactor> owned_;
};

// The loop's thread may find out that it can not watch an fd before the caller asks for the other direction: that was an error
// then, after which the loop had the number still, and closed it later.
TEST(IoHandle, StartsToWatchBothDirectionsOrNone) {
  PromptDriver driver;
  DriverSet set;
  set.drivers = {&driver};
  CurrentThread().drivers = &set;
  IoHandle handle(base::sys::Open("/dev/null", O_RDWR, 0));
  EXPECT_EQ(handle.StartWatching(Ready::kReadable | Ready::kWritable, "watch"), OkStatus());
  EXPECT_EQ(handle.ready(), Ready::kReadable | Ready::kWritable);  // an operation says what is wrong
  CurrentThread().drivers = nullptr;
}

TEST(IoHandle, OutsideARuntimeWaitingIsAnError) {
  TestPair pair;
  char byte;
  PolledTask task(TestRead{&pair.here, &byte, 1});
  auto poll = task.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_EQ((*poll).status().message(), OutsideRuntimeError("read").message());
  // What does not wait needs none.
  pair.Send("x");
  PolledTask again(TestRead{&pair.here, &byte, 1});
  EXPECT_EQ(**again.Poll(), 1u);
}

TEST(IoHandle, MovesAndClosesOnce) {
  IoHandle none;
  EXPECT_EQ(none.fd(), -1);
  EXPECT_EQ(none.Release(), -1);
  TestPair pair;
  const int fd = pair.here.fd();
  IoHandle moved(std::move(pair.here));
  EXPECT_EQ(moved.fd(), fd);
  EXPECT_FALSE(pair.here.is_open());
  base::sys::ScopedFault closes(base::sys::Call::kClose, base::sys::Fault::Every(EIO).On(fd));
  moved = IoHandle();
  EXPECT_EQ(closes.hits(), 1);
  moved.Close();
  EXPECT_EQ(closes.hits(), 1);
}

TEST_F(IoHandleTest, AnOperationsErrnoIsItsError) {
  TestPair pair;
  PolledTask task(TestRead{&pair.here, buffer_, 1});
  base::sys::ScopedFault fault(base::sys::Call::kRead, base::sys::Fault::First(1, ECONNRESET).On(pair.here.fd()));
  EXPECT_EQ(ErrnoOf((*task.Poll()).status()), ECONNRESET);
}

#if defined(__linux__) && !KIOTO_PORTABLE

TEST_F(IoHandleTest, ARefusedRegistrationIsAnErrorAndCanBeRepeated) {
  TestPair pair;
  {
    base::sys::ScopedFault fault(base::sys::Call::kEpollCtl, base::sys::Fault::First(1, ENOSPC));
    PolledTask task(TestRead{&pair.here, buffer_, 1});
    EXPECT_EQ(ErrnoOf((*task.Poll()).status()), ENOSPC);
  }
  PolledTask task(TestRead{&pair.here, buffer_, 1});
  EXPECT_TRUE(task.Poll().pending());
  pair.Send("x");
  driver().Turn();
  EXPECT_EQ(**task.Poll(), 1u);
}

// Any number of tasks may have found the bits of a watch, and wait, when it is refused.
TEST_F(IoHandleTest, ARefusedRegistrationWakesWhoMayRelyOnIt) {
  struct Any {
    using Output = StatusOr<uint64_t>;
    IoHandle* handle;
    IoWaiter* waiter;
    Poll<Output> PollOnce(Context& cx) { return handle->PollAny(cx, Ready::Of(Direction::kRead), "read", *waiter); }
  };
  TestPair pair;
  IoWaiter waiter;
  PolledTask listed(Any{&pair.here, &waiter});
  EXPECT_TRUE(listed.Poll().pending());
  PolledTask slot(TestRead{&pair.here, buffer_, 1});
  EXPECT_TRUE(slot.Poll().pending());
  {
    base::sys::ScopedFault fault(base::sys::Call::kEpollCtl, base::sys::Fault::First(1, ENOSPC));
    PolledTask refused(TestReady{&pair.here, Direction::kWrite});
    EXPECT_EQ(ErrnoOf((*refused.Poll()).status()), ENOSPC);
  }
  EXPECT_EQ(listed.wakes(), 1);
  EXPECT_EQ(slot.wakes(), 1);
  EXPECT_TRUE(listed.Poll().pending());
  EXPECT_TRUE(slot.Poll().pending());
  pair.Send("x");
  driver().Turn();
  EXPECT_TRUE((*listed.Poll()).ok());
  EXPECT_EQ(**slot.Poll(), 1u);
}

// One read and one write per exchange, and no epoll_ctl but the first ADD and a DEL.
TEST_F(IoHandleTest, AnExchangeIsOneReadAndOneWrite) {
  TestPair pair;
  int reads = 0;
  Reactor& reactor = *driver().reactor();
  for (int round = 0; round < 100; ++round) {
    PolledTask read(TestRead{&pair.here, buffer_, sizeof(buffer_), nullptr, &reads});
    EXPECT_TRUE(read.Poll().pending());
    pair.Send("ping");
    driver().Turn();
    ASSERT_EQ(read.wakes(), 1);
    EXPECT_EQ(**read.Poll(), 4u);
    const std::string answer = "pong";
    PolledTask write(TestWrite{&pair.here, &answer});
    EXPECT_TRUE(write.Poll().ready());
    EXPECT_EQ(pair.Take(), "pong");
  }
  EXPECT_EQ(reads, 101);  // the first found nothing, before the fd was registered
  EXPECT_EQ(reactor.controls(), 1u);
  EXPECT_EQ(reactor.events(), 100u);
  pair.here.Close();
  EXPECT_EQ(reactor.controls(), 2u);
}

TEST_F(IoHandleTest, AFullReadIsTriedAgain) {
  TestPair pair;
  PolledTask wait(TestRead{&pair.here, buffer_, 2});
  EXPECT_TRUE(wait.Poll().pending());
  pair.Send("abc");
  driver().Turn();
  EXPECT_EQ(**wait.Poll(), 2u);
  PolledTask rest(TestRead{&pair.here, buffer_, 2});
  EXPECT_EQ(**rest.Poll(), 1u);
}

TEST_F(IoHandleTest, WritingIsWatchedOnlyAfterItFoundNoRoom) {
  TestPair pair;
  PolledTask read(TestRead{&pair.here, buffer_, 1});
  EXPECT_TRUE(read.Poll().pending());
  const std::string bytes(8 << 20, 'x');
  PolledTask write(TestWrite{&pair.here, &bytes});
  do {
    EXPECT_TRUE(write.Poll().pending());
  } while (write.yielded());  // it has spent its budget, and not yet found that there is no room
  EXPECT_EQ(driver().reactor()->controls(), 2u);
  while (!write.done()) {
    pair.Take();
    driver().Turn();
    (void)write.Poll();
  }
  EXPECT_EQ(driver().reactor()->controls(), 2u);
}

TEST_F(IoHandleTest, AWaitForConnectIsOneAdd) {
  TestPair pair;
  PolledTask ready(TestReady{&pair.here, Direction::kWrite});
  EXPECT_TRUE(ready.Poll().pending());
  driver().Turn();
  EXPECT_NE(**ready.Poll() & Ready::kWritable, 0u);
  PolledTask read(TestRead{&pair.here, buffer_, 1});
  EXPECT_TRUE(read.Poll().pending());
  EXPECT_EQ(driver().reactor()->controls(), 1u);
}

// An event that was harvested before the close must not reach the next owner of the slot.
TEST_F(IoHandleTest, AnOldEventIsDropped) {
  IoSource* first = IoSource::Allocate();
  const uint64_t old_token = first->token();
  first->Retire(-1, /*close=*/false);
  IoSource* second = IoSource::Allocate();
  ASSERT_EQ(first, second);
  EXPECT_FALSE(IoSource::Dispatch(old_token, Ready::kAll));
  EXPECT_EQ(second->readiness() & Ready::kAll, 0u);
  EXPECT_TRUE(IoSource::Dispatch(second->token(), Ready::kReadable));
  EXPECT_EQ(second->readiness() & Ready::kAll, Ready::kReadable);
  second->Retire(-1, /*close=*/false);
}

TEST_F(IoHandleTest, AClearTakesBackOnlyWhatItSaw) {
  IoSource* source = IoSource::Allocate();
  IoSource::Dispatch(source->token(), Ready::kReadable | Ready::kWritable);
  const uint64_t seen = source->readiness();
  IoSource::Dispatch(source->token(), Ready::kReadable);
  source->Clear(seen, Ready::kReadable);
  EXPECT_EQ(source->readiness() & Ready::kAll, Ready::kReadable | Ready::kWritable);
  source->Clear(source->readiness(), Ready::kReadable);
  EXPECT_EQ(source->readiness() & Ready::kAll, Ready::kWritable);
  source->Retire(-1, /*close=*/false);
}

TEST_F(IoHandleTest, AnErrorIsSeenAndForgottenWhenFetched) {
  // A UDP socket whose peer's port is closed: the answer is an error, and then it is over.
  const int fd = base::sys::Socket(AF_INET, SOCK_DGRAM, 0);
  const int gone = base::sys::Socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(base::sys::Bind(gone, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t size = sizeof(address);
  ASSERT_EQ(base::sys::Getsockname(gone, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(base::sys::Connect(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  base::sys::Close(gone);
  IoHandle handle(fd);
  PolledTask task(TestRead{&handle, buffer_, 1});
  EXPECT_TRUE(task.Poll().pending());
  ASSERT_EQ(base::sys::Send(fd, "x", 1, 0), 1);
  while (task.wakes() == 0) driver().Park(kNever);
  EXPECT_NE(handle.ready() & Ready::kError, 0u);
  EXPECT_EQ(ErrnoOf((*task.Poll()).status()), ECONNREFUSED);
  PolledTask next(TestRead{&handle, buffer_, 1});
  EXPECT_TRUE(next.Poll().pending());
  EXPECT_EQ(handle.ready() & Ready::Of(Direction::kRead), 0u);
}

// The event comes while the operation is on its way back with nothing: between the try and the wait.
TEST_F(IoHandleTest, AnEventBetweenTryAndWaitIsNotLost) {
  TestPair pair;
  for (IoWaiter* waiter : {static_cast<IoWaiter*>(nullptr), new IoWaiter}) {
    struct Late {
      using Output = StatusOr<size_t>;
      IoHandleTest* test;
      TestPair* pair;
      IoWaiter* waiter;
      int calls = 0;
      Poll<Output> PollOnce(Context& cx) {
        return pair->here.PollIo(
            cx, Direction::kRead, 1, "read",
            [this]() -> ssize_t {
              char byte;
              if (++calls != 2) return base::sys::Read(pair->here.fd(), &byte, 1);
              pair->Send("b");
              test->driver().Turn();
              return -EAGAIN;
            },
            waiter);
      }
    };
    PolledTask task(Late{this, &pair, waiter});
    EXPECT_TRUE(task.Poll().pending());
    pair.Send("a");
    driver().Turn();
    auto poll = task.Poll();
    ASSERT_TRUE(poll.ready());
    EXPECT_EQ(**poll, 1u);
    char rest;
    EXPECT_EQ(base::sys::Read(pair.here.fd(), &rest, 1), 1);
    delete waiter;
  }
}

// Hang-ups stay, and must not make a wait spin: when the operation still finds nothing, it waits.
TEST_F(IoHandleTest, AClosedDirectionThatFindsNothingWaits) {
  TestPair pair;
  PolledTask task(TestRead{&pair.here, buffer_, 1});
  EXPECT_TRUE(task.Poll().pending());
  pair.CloseThere();
  driver().Turn();
  EXPECT_NE(pair.here.ready() & Ready::kReadClosed, 0u);
  base::sys::ScopedFault fault(base::sys::Call::kRead, base::sys::Fault::First(1, EAGAIN).On(pair.here.fd()));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_NE(pair.here.ready() & Ready::kReadClosed, 0u);
  EXPECT_EQ(**task.Poll(), 0u);
}

class ManyDriversTest : public IoHandleTest {
 protected:
  ManyDriversTest() : IoHandleTest(3) {}
};

TEST_F(ManyDriversTest, SourcesSpreadEvenly) {
  std::vector<std::unique_ptr<TestPair>> pairs;
  for (int i = 0; i < 30; ++i) {
    pairs.push_back(std::make_unique<TestPair>());
    PolledTask task(TestRead{&pairs.back()->here, buffer_, 1});
    EXPECT_TRUE(task.Poll().pending());
  }
  for (auto& driver : drivers_) EXPECT_EQ(driver->reactor()->sources(), 10u);
}

TEST_F(ManyDriversTest, WhatIsAtHomeHereStaysHere) {
  std::vector<std::unique_ptr<TestPair>> pairs;
  const auto watch_one = [&] {
    pairs.push_back(std::make_unique<TestPair>());
    IoHandle& here = pairs.back()->here;
    here = IoHandle(here.Release(), Home::kOwn);
    PolledTask task(TestRead{&here, buffer_, 1});
    EXPECT_TRUE(task.Poll().pending());
  };
  for (int i = 0; i < 30; ++i) watch_one();
  EXPECT_EQ(driver().reactor()->sources(), 30u);
  // A thread that drives nothing has no home: the least loaded one takes it.
  Driver* const own = std::exchange(CurrentThread().driver, nullptr);
  watch_one();
  CurrentThread().driver = own;
  EXPECT_EQ(driver().reactor()->sources(), 30u);
}

// No source moves, and yet the reactors are level again.
TEST_F(ManyDriversTest, NewcomersGoWhereOthersLeft) {
  std::vector<std::unique_ptr<TestPair>> pairs(30);
  const auto fill = [&] {
    for (auto& pair : pairs) {
      if (pair != nullptr) continue;
      pair = std::make_unique<TestPair>();
      PolledTask task(TestRead{&pair->here, buffer_, 1});
      EXPECT_TRUE(task.Poll().pending());
    }
  };
  fill();
  for (size_t i = 0; i < pairs.size(); i += drivers_.size()) pairs[i].reset();  // all of one reactor
  int empty = 0;
  for (auto& driver : drivers_) empty += driver->reactor()->sources() == 0 ? 1 : 0;
  EXPECT_EQ(empty, 1);
  fill();
  for (auto& driver : drivers_) EXPECT_EQ(driver->reactor()->sources(), 10u);
}

TEST_F(ManyDriversTest, AnyThreadHarvests) {
  TestPair pair;
  PolledTask task(TestRead{&pair.here, buffer_, 1});
  EXPECT_TRUE(task.Poll().pending());
  pair.Send("x");
  std::thread([this] { EXPECT_EQ(drivers_[0]->reactor()->Harvest(), 1); }).join();
  EXPECT_EQ(task.wakes(), 1);
}

// The same fd numbers closed and opened again by several threads while all reactors are harvested by all: an event for a
// socket that never got a byte would be one that was meant for another.
TEST_F(ManyDriversTest, ReusedFdsGetNoForeignEvents) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 12'000;
  base::Atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      CurrentThread().drivers = &set_;
      base::FastRandom random(t + 1);
      for (int round = 0; round < kRounds; ++round) {
        const bool sends = random.Below(2) == 0;
        TestPair pair;
        char byte;
        PolledTask task(TestRead{&pair.here, &byte, 1});
        EXPECT_TRUE(task.Poll().pending());
        if (sends) {
          pair.Send("x");
          if (random.Below(2) == 0) {
            while (task.wakes() == 0) drivers_[random.Below(3)]->reactor()->Harvest();
            // A thread that dispatched an event to the slot's former owner may wake the new one, who finds nothing (R3).
            auto got = task.Poll();
            for (; got.pending(); got = task.Poll()) drivers_[random.Below(3)]->reactor()->Harvest();
            EXPECT_EQ(**got, 1u);
          }
        } else {
          drivers_[random.Below(3)]->reactor()->Harvest();
          EXPECT_EQ(pair.here.ready(), 0u);
        }
      }
      CurrentThread().drivers = nullptr;
      running.fetch_sub(1, std::memory_order_release);  // release: pairs with the loop below
    });
  }
  while (running.load(std::memory_order_acquire) > 0) {  // acquire: pairs with the end of each thread
    for (auto& driver : drivers_) driver->reactor()->Harvest();
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  uint64_t controls = 0;
  for (auto& driver : drivers_) {
    EXPECT_EQ(driver->reactor()->sources(), 0u);
    controls += driver->reactor()->controls();
  }
  EXPECT_EQ(controls, 2u * kThreads * kRounds);
}

#endif

}  // namespace
}  // namespace kioto::internal
