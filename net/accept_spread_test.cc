// Where the connections of a server go: to all loops of its pool alike, whether one listener accepts them or one for each
// worker (the check D16).
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/local_pool.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/semaphore.h"

namespace kioto::net {
namespace {

// As many open files as the process may have: both ends of a connection are ours.
class ManyFiles {
 public:
  ManyFiles() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit most = before_;
    most.rlim_cur = most.rlim_max;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &most), 0);
  }
  ~ManyFiles() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  rlim_t most() const { return before_.rlim_max; }

 private:
  rlimit before_;
};

class AcceptSpreadTest : public testing::Test {
 protected:
  static constexpr int kWorkers = 4;
  static constexpr int kClients = 1000;

  AcceptSpreadTest() {
    StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(kWorkers).Build();
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = std::make_unique<Runtime>(*std::move(runtime));
  }

  void SetUp() override { ASSERT_GE(files_.most(), 2u * kClients + 100) << "raise the hard limit on open files (ulimit -Hn)"; }

  // Sources of each loop.
  std::vector<size_t> Loads() {
    std::vector<size_t> loads;
    const Status status = runtime_->BlockOn([&loads] {
      for (const auto* driver : kioto::internal::CurrentThread().drivers->drivers) loads.push_back(driver->reactor()->sources());
    });
    EXPECT_TRUE(status.ok()) << status;
    return loads;
  }

  void AwaitWaiting(size_t count) {
    StatusOr<sync::SemaphorePermit> all = waiting_.BlockingAcquire(count);
    ASSERT_TRUE(all.ok()) << all.status();
    all->Forget();
  }

  // `wait`, beside which waiting_ has a permit more once it waits.
  template <class F>
  auto Noted(F wait) {
    return JoinBiased(std::move(wait), Lazy([this] { waiting_.AddPermits(1); })).Map([](auto& both) {
      return std::move(std::get<0>(both));
    });
  }

  // Gives back the one byte that comes.
  auto Echo(TcpStream stream) {
    return With(std::move(stream), char{}, [this](TcpStream& s, char& byte) {
      return Noted(s.ReadExact(MutableBytes(&byte, 1))).AndThen([&s, &byte] { return s.WriteAll(absl::string_view(&byte, 1)); });
    });
  }

  // A task that accepts; the listener waits when this returns.
  void Serve(TcpListener listener) {
    runtime_
        ->Spawn(With(std::move(listener),
                     [this](TcpListener& listener) {
                       return Noted(ForEach(listener.Incoming(), [this](TcpStream s) { Spawn(Echo(std::move(s))).Detach(); }));
                     }))
        .Detach();
    AwaitWaiting(1);
  }

  void ExpectServesAll(const SocketAddress& address) {
    std::vector<BlockingSocket> clients;
    for (int i = 0; i < kClients; ++i) clients.emplace_back(address);
    AwaitWaiting(kClients);
    const std::vector<size_t> loads = Loads();
    ASSERT_EQ(loads.size(), static_cast<size_t>(kWorkers));
    const auto [least, most] = std::minmax_element(loads.begin(), loads.end());
    EXPECT_LE(static_cast<double>(*most), 1.3 * static_cast<double>(*least)) << testing::PrintToString(loads);
    for (BlockingSocket& client : clients) client.Send("x");
    for (BlockingSocket& client : clients) ASSERT_EQ(client.Receive(2), "x");  // and the end
  }

  ManyFiles files_;
  sync::Semaphore waiting_{0};
  std::unique_ptr<Runtime> runtime_;  // ends first
};

// check: D16
TEST_F(AcceptSpreadTest, OneListener) {
  StatusOr<TcpListener> listener = runtime_->BlockOn(TcpListener::Bind("127.0.0.1:0"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  const SocketAddress address = *listener->local_address();
  Serve(*std::move(listener));
  ExpectServesAll(address);
}

// check: D16
TEST_F(AcceptSpreadTest, AListenerForEachWorker) {
  StatusOr<std::vector<TcpListener>> listeners = runtime_->BlockOn(TcpListener::BindShared("127.0.0.1:0", kWorkers));
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  const SocketAddress address = *listeners->front().local_address();
  for (TcpListener& listener : *listeners) Serve(std::move(listener));
  EXPECT_EQ(Loads(), std::vector<size_t>(kWorkers, 1));
  ExpectServesAll(address);
}

// Its runtime is that thread's alone: so are the connections that it accepts.
TEST(AcceptSpread, AListenerForEachThreadOfALocalPool) {
  constexpr int kThreads = 3;
  StatusOr<LocalPool> pool = LocalPool::New(kThreads);
  ASSERT_TRUE(pool.ok()) << pool.status();
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  StatusOr<std::vector<TcpListener>> listeners = runtime->BlockOn(TcpListener::BindShared("127.0.0.1:0", kThreads));
  ASSERT_TRUE(listeners.ok()) << listeners.status();
  const SocketAddress address = *listeners->front().local_address();
  for (int i = 0; i < kThreads; ++i) {
    const char name = static_cast<char>('a' + i);
    pool->SpawnPinnedOn(static_cast<size_t>(i), [listener = std::move((*listeners)[static_cast<size_t>(i)]), name]() mutable {
          return With(std::move(listener), [name](TcpListener& listener) {
            return ForEach(listener.Incoming(), [name](TcpStream& s) {
              return s.WriteAll(std::string(1, name));
            });
          });
        })
        .Detach();
  }
  std::set<std::string> heard;
  for (int i = 0; i < 100; ++i) heard.insert(BlockingSocket(address).Receive(2));  // the name, and the end
  EXPECT_EQ(heard, (std::set<std::string>{"a", "b", "c"}));
}

}  // namespace
}  // namespace kioto::net
