// A plain libuv program, with a timer and a TCP server of its own, and Kioto as a guest on its loop: both make progress, an idle
// guest costs no turn of the loop, and when it leaves nothing of it stays.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <uv.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

uv_handle_t* AsHandle(void* handle) { return static_cast<uv_handle_t*>(handle); }

// The host: a loop, a timer that ticks, an echo server made of callbacks. Nothing in it knows of Kioto.
class Host {
 public:
  Host() {
    uv_loop_init(&loop_);
    uv_prepare_init(&loop_, &prepare_);
    prepare_.data = this;
    uv_prepare_start(&prepare_, [](uv_prepare_t* p) { ++static_cast<Host*>(p->data)->turns_; });
    uv_unref(AsHandle(&prepare_));
    uv_timer_init(&loop_, &timer_);
    timer_.data = this;
    uv_tcp_init(&loop_, &server_);
    server_.data = this;
    sockaddr_in any;
    uv_ip4_addr("127.0.0.1", 0, &any);
    uv_tcp_bind(&server_, reinterpret_cast<sockaddr*>(&any), 0);
    uv_listen(reinterpret_cast<uv_stream_t*>(&server_), 16, OnConnection);
    int size = sizeof(any);
    uv_tcp_getsockname(&server_, reinterpret_cast<sockaddr*>(&any), &size);
    address_ = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
  }
  ~Host() {
    EXPECT_EQ(handles(), 0);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }

  // A timer of `period_ms`, which ticks until it has done so `times`; then the host has nothing more to do.
  void Tick(uint64_t period_ms, int times) {
    ticks_left_ = times;
    uv_timer_start(
        &timer_,
        [](uv_timer_t* timer) {
          auto* host = static_cast<Host*>(timer->data);
          ++host->ticks_;
          if (--host->ticks_left_ == 0) uv_timer_stop(timer);
        },
        period_ms, period_ms);
  }
  void StopListening() { uv_unref(AsHandle(&server_)); }
  // Closes what is the host's; then turns until the loop is empty.
  void Close() {
    for (void* handle : std::vector<void*>{&prepare_, &timer_, &server_}) uv_close(AsHandle(handle), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
  }
  int handles() {
    int count = 0;
    uv_walk(&loop_, [](uv_handle_t*, void* n) { ++*static_cast<int*>(n); }, &count);
    return count;
  }

  uv_loop_t* loop() { return &loop_; }
  const std::string& address() const { return address_; }
  int turns() const { return turns_; }
  int ticks() const { return ticks_; }
  int echoed() const { return echoed_; }

 private:
  static void OnConnection(uv_stream_t* server, int) {
    auto* client = new uv_tcp_t;
    client->data = server->data;
    uv_tcp_init(server->loop, client);
    uv_accept(server, reinterpret_cast<uv_stream_t*>(client));
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(client),
        [](uv_handle_t*, size_t size, uv_buf_t* buf) { *buf = uv_buf_init(static_cast<char*>(std::malloc(size)), size); },
        [](uv_stream_t* stream, ssize_t n, const uv_buf_t* buf) {
          if (n > 0) {
            uv_buf_t out = uv_buf_init(buf->base, static_cast<unsigned int>(n));
            if (uv_try_write(stream, &out, 1) == n) ++static_cast<Host*>(stream->data)->echoed_;
          } else if (n < 0) {
            uv_close(AsHandle(stream), [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
          }
          std::free(buf->base);
        });
  }

  uv_loop_t loop_;
  uv_prepare_t prepare_;
  uv_timer_t timer_;
  uv_tcp_t server_;
  std::string address_;
  int turns_ = 0;
  int ticks_ = 0;
  int ticks_left_ = 0;
  int echoed_ = 0;
};

// The guest leaves, as a host would have it: in a callback, and the loop turns on until it is told.
void Detach(Runtime& runtime, Host& host) {
  bool gone = false;
  EXPECT_EQ(runtime.Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &gone), OkStatus());
  EXPECT_FALSE(gone) << "the host is told in a later turn";
  while (!gone) uv_run(host.loop(), UV_RUN_ONCE);
}

auto Exchange(const std::string& address, int times, int& done) {
  return net::TcpStream::Connect(address).AndThen([times, &done](net::TcpStream& s) {
    return With(Buffer(5), times, [&done, &s](Buffer& buf, int& left) {
      return Loop([&done, &s, &buf, &left] {
        return s.WriteAll("hello").AndThen([&s, &buf] { return s.ReadExact(buf); }).AndThen([&done, &left]() -> Flow<> {
          ++done;
          return --left > 0 ? Flow<>(Continue()) : Break();
        });
      });
    });
  });
}

TEST(EmbedTest, HostAndGuestBothMakeProgress) {
  Host host;
  const int before = host.handles();
  int exchanges = 0, sleeps = 0;
  {
    StatusOr<Runtime> runtime = Runtime::Attach(host.loop());
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    EXPECT_LE(host.handles(), before + 5);
    host.Tick(/*period_ms=*/2, /*times=*/20);
    for (int i = 0; i < 4; ++i) runtime->Spawn(Exchange(host.address(), 50, exchanges)).Detach();
    runtime->Spawn(Loop([&sleeps] {
             return Sleep(3ms).Then([&sleeps]() -> Flow<> { return ++sleeps < 10 ? Flow<>(Continue()) : Break(); });
           })).Detach();
    host.StopListening();               // listening alone does not keep this host alive
    uv_run(host.loop(), UV_RUN_DEFAULT);  // until the timer has ticked, the guest has nothing to do, and no client is left
    EXPECT_EQ(runtime->handle().live_tasks(), 0u);
    Detach(*runtime, host);
  }
  EXPECT_EQ(exchanges, 4 * 50);
  EXPECT_EQ(host.echoed(), 4 * 50);
  EXPECT_EQ(sleeps, 10);
  EXPECT_EQ(host.ticks(), 20);
  EXPECT_EQ(host.handles(), before);
  host.Close();
}

TEST(EmbedTest, AnIdleGuestCostsNoTurnOfTheLoop) {
  Host host;
  StatusOr<Runtime> runtime = Runtime::Attach(host.loop());
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  // One task waits for a connection, one for a time that is far away.
  runtime->Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen([](net::TcpListener& listener) {
           return listener.Accept().AndThen([](net::TcpStream&) {});
         })).Detach();
  runtime->Spawn(Sleep(1h)).Detach();
  for (int i = 0; i < 5; ++i) uv_run(host.loop(), UV_RUN_NOWAIT);  // until both wait
  ASSERT_EQ(runtime->handle().live_tasks(), 2u);

  int fewest = INT_MAX;  // libuv itself wakes a little before its timers, at times
  for (int round = 0; round < 5 && fewest > 10 + 2; ++round) {
    const int turns = host.turns(), ticks = host.ticks();
    host.Tick(/*period_ms=*/20, /*times=*/10);
    while (host.ticks() < ticks + 10) uv_run(host.loop(), UV_RUN_ONCE);
    fewest = std::min(fewest, host.turns() - turns);
  }
  EXPECT_LE(fewest, 10 + 2);

  // A wake from another thread gets through to a loop that sleeps, and keeps it alive.
  bool ran = false;
  std::thread other([&, handle = runtime->handle()] { handle.Spawn(Lazy([&ran] { ran = true; })).Detach(); });
  while (!ran) uv_run(host.loop(), UV_RUN_ONCE);
  other.join();
  Detach(*runtime, host);
  host.Close();
}

TEST(EmbedTest, WithoutWorkItDoesNotKeepTheLoopAlive) {
  Host host;
  StatusOr<Runtime> runtime = Runtime::Attach(host.loop());
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  host.StopListening();
  EXPECT_EQ(uv_run(host.loop(), UV_RUN_DEFAULT), 0);
  bool ran = false;
  runtime->Spawn(YieldNow().Then([&ran] { ran = true; })).Detach();
  EXPECT_EQ(uv_run(host.loop(), UV_RUN_DEFAULT), 0);
  EXPECT_TRUE(ran);
  Detach(*runtime, host);
  host.Close();
}

TEST(EmbedTest, DetachEndsWhatRunsAndLeavesNoHandle) {
  Host host;
  const int before = host.handles();
  auto owned = std::make_shared<int>(1);
  JoinHandle<Status> waits;
  {
    StatusOr<Runtime> runtime = Runtime::Attach(host.loop());
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    int exchanges = 0;
    runtime->Spawn(Exchange(host.address(), 1'000'000, exchanges)).Detach();
    waits = runtime->Spawn(Sleep(1h).Then([owned] { return OkStatus(); }));
    while (exchanges < 10) uv_run(host.loop(), UV_RUN_ONCE);
    EXPECT_EQ(owned.use_count(), 2);
    Detach(*runtime, host);
    EXPECT_EQ(runtime->handle().live_tasks(), 0u);
  }
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_TRUE(waits.finished());
  StatusOr<Runtime> other = Runtime::CurrentThread();
  EXPECT_TRUE(IsShutdown(other->BlockOn(std::move(waits))));
  uv_run(host.loop(), UV_RUN_NOWAIT);  // the host's server hears that its client is gone
  while (host.handles() > before) uv_run(host.loop(), UV_RUN_ONCE);
  EXPECT_EQ(host.handles(), before);
  host.Close();
}

// Nobody will tell the guest that its handles are gone, and the turn in which it ends is its own.
TEST(EmbedTest, ATaskMayCloseEveryHandleAndDestroyTheRuntime) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  auto owned = std::make_shared<int>(1);
  StatusOr<Runtime> attached = Runtime::Attach(&loop);
  ASSERT_TRUE(attached.ok()) << attached.status();
  auto runtime = std::make_unique<Runtime>(*std::move(attached));
  runtime->Spawn(Sleep(1h).Then([owned] {})).Detach();
  runtime->Spawn(Lazy([&loop, &runtime] {
           uv_walk(
               &loop, [](uv_handle_t* handle, void*) { if (uv_is_closing(handle) == 0) uv_close(handle, nullptr); }, nullptr);
           runtime = nullptr;
         })).Detach();
  uv_run(&loop, UV_RUN_DEFAULT);
  EXPECT_EQ(runtime, nullptr);
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_EQ(uv_loop_close(&loop), 0);
}

}  // namespace
}  // namespace kioto
