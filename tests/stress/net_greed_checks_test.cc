// Peers that want too much: that do not read what they are sent, that ask and cancel: D9 and D14 (README.md).
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/codec/framed.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/testing/driven_loop.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/semaphore.h"
#include "kioto/tests/stress/echo.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

using net::TcpStream;

constexpr int64_t kMs = 1'000'000;

// --- D9: who does not read -------------------------------------------------------------------------------------------------

struct Offered {
  size_t items = 0;
  size_t buffered = 0;  // bytes, at most
};

// Sends a gibibyte.
class Offer : public FutureBase<Offer, Status> {
 public:
  static constexpr size_t kHighWater = 64 << 10, kItem = 16 << 10, kItems = (size_t{1} << 30) / kItem;

  Offer(TcpStream to, Offered& offered) : lines_(std::move(to), io::LinesCodec(kItem)), offered_(&offered) {
    lines_.set_backpressure_boundary(kHighWater);
  }
  Poll<Status> PollOnce(Context& cx) {
    static const std::string& item = *new std::string(kItem - 1, 'x');
    for (; offered_->items < kItems; ++offered_->items) {
      Poll<Status> ready = lines_.PollReady(cx);
      if (ready.pending()) return kPending;
      if (!ready->ok()) return ready;
      EXPECT_EQ(lines_.StartSend(item), OkStatus());
      offered_->buffered = std::max(offered_->buffered, lines_.write_buffer().size());
    }
    return lines_.PollFlush(cx);
  }

 private:
  io::FramedWrite<TcpStream, io::LinesCodec> lines_;
  Offered* offered_;
};

// check: D9
TEST(NetGreedChecks, AThousandPeersThatDoNotReadAreSentNoMoreThanFits) {
  constexpr int kSmall = 16 << 10;  // so that the kernel, too, holds little for each
  const ManyFds fds;
  const int peers = fds.RoomForConnections(1'000);
  DrivenLoop loop;
  const size_t before = ResidentBytes();
  std::vector<int> clients;
  std::vector<Offered> offered(static_cast<size_t>(peers));
  std::vector<std::unique_ptr<PolledTask<Offer>>> tasks;
  for (Offered& one : offered) {
    const Connection made = Connect();
    EXPECT_EQ(::setsockopt(made.client, SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof(kSmall)), 0);
    clients.push_back(made.client);
    TcpStream stream = *TcpStream::FromFd(made.server);
    EXPECT_EQ(stream.SetSendBufferSize(kSmall), OkStatus());
    tasks.push_back(std::make_unique<PolledTask<Offer>>(Offer(std::move(stream), one)));
  }
  for (bool goes_on = true; goes_on;) {
    goes_on = false;
    for (size_t i = 0; i < tasks.size(); ++i) {
      const size_t items = offered[i].items;
      ASSERT_TRUE(tasks[i]->PollWhileWoken().pending()) << "nobody has read what was written";
      goes_on |= offered[i].items != items;
    }
    loop.Turn();
  }
  const size_t after = ResidentBytes();
  size_t most = 0, items = 0;
  for (const Offered& one : offered) {
    most = std::max(most, one.buffered);
    items = std::max(items, one.items);
  }
  std::printf("%d peers were offered %zu KiB at most, of which %zu KiB were buffered; %zu MiB in all\n", peers,
              items * Offer::kItem >> 10, most >> 10, (after - before) >> 20);
  EXPECT_LE(most, Offer::kHighWater + Offer::kItem);
  EXPECT_LT(items, Offer::kItems / 10);
  if (!kSanitized) {
    EXPECT_LE(after, before + (size_t{128} << 20));
  }
  tasks.clear();
  for (const int client : clients) ::close(client);
}

// --- D14: asked for, and cancelled -----------------------------------------------------------------------------------------

// Of a thousand exchanges of an honest client, and of more until `done`.
int64_t HonestP99(const Runtime& runtime, const base::Atomic<bool>& done) {
  EchoedConnection honest(runtime);
  for (int i = 0; i < 1'000 || !done.load(); ++i) honest.Exchange();
  return honest.p99();
}

// What a storm asks for: a request that waits for ever, a connection that waits for its peer.
Future<Unit> Wanted(sync::Notify& never, bool connects) {
  if (!connects) return never.Notified().Then([](Unit&) {}).Boxed();
  const Connection made = Connect();
  ::close(made.server);
  return With(*TcpStream::FromFd(made.client), char{}, [&never](TcpStream& s, char& byte) {
    return s.Read(MutableBytes(&byte, 1)).Then([&never](StatusOr<size_t>&) { return never.Notified(); });
  }).Then([](Unit&) {}).Boxed();
}

// A million times S: as many at once as there are permits, each cancelled by the time the next wants its place.
// check: D14
TEST(NetGreedChecks, AStormOfWhatIsCancelledAtOnceIsBoundedAndHurtsNobody) {
  constexpr size_t kLimit = 128;
  const int wanted = Scaled(1'000'000) / kGoesAtLeast;
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  sync::Notify never;
  EXPECT_TRUE(MostlyWithinItsBound([&] {
    base::Atomic<bool> done{true};
    const int64_t alone = HonestP99(runtime, done);
    done.store(false);
    const auto permits = std::make_shared<sync::Semaphore>(kLimit);
    int64_t p99 = 0, most = 0;
    std::thread honest([&] { p99 = HonestP99(runtime, done); });
    std::deque<AbortHandle> aborts;
    for (int i = 0; i < wanted; ++i) {
      if (aborts.size() == kLimit) {
        aborts.front().Abort();
        aborts.pop_front();
      }
      auto permit = sync::Semaphore::BlockingAcquireOwned(permits);
      JoinHandle<Unit> task = runtime.Spawn(With(Counted(), *std::move(permit), [&never, connects = i % 64 == 0](auto&, auto&) {
        return Wanted(never, connects);
      }));
      aborts.push_back(task.abort_handle());
      std::move(task).Detach();
      most = std::max(most, Counted::alive());
    }
    for (const AbortHandle& abort : aborts) abort.Abort();
    done.store(true);
    honest.join();
    while (runtime.handle().live_tasks() > 0) std::this_thread::yield();
    std::printf("%d asked for and cancelled, %d at once; p99 of an honest client %.2f ms, %.2f alone\n", wanted,
                static_cast<int>(most), p99 / 1e6, alone / 1e6);
    EXPECT_LE(most, 2 * static_cast<int64_t>(kLimit));
    return p99 <= std::max(2 * alone, (kTimesCount ? 10 : 50) * kMs);
  }));
  EXPECT_TRUE(runtime.Shutdown().clean());
}

}  // namespace
}  // namespace kioto
