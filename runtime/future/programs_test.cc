// The programs that judge the combinators, as their users would write them, against mocks of net, sync and time: networking.
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/testing/program_mocks.h"

namespace kioto {
namespace {

using namespace program_mocks;          // NOLINT: as in a user's program
using namespace std::chrono_literals;  // NOLINT: as in a user's program

// --- 1. Echo ---------------------------------------------------------------------------------------------------------

auto EchoNode(net::TcpStream stream) {
  return With(std::move(stream), Buffer(16 * 1024), [](net::TcpStream& s, Buffer& buf) {
    return Loop([&] {                                             // an OK Status means: once more
      return Timeout(30s, s.Read(buf)).AndThen([&](size_t& n) {
        return If(n == 0, Break, [&] { return s.WriteAll(buf.first(n)); });
      });
    });
  });
}
Future<Status> Echo(net::TcpStream stream) { return EchoNode(std::move(stream)); }

Future<Status> Serve(net::TcpListener& listener) {
  return With(TaskTracker(), CancellationToken(), [&listener](TaskTracker& conns, CancellationToken& stop) {
    return ForEach(TakeUntil(listener.Incoming(), signal::Shutdown()), [&](net::TcpStream s) {
             conns.Spawn(Until(stop, Echo(std::move(s))));        // a new task owns what it uses
           })
        .AndThen([&] { return Timeout(10s, conns.CloseAndWait()); })
        .Finally([&] { stop.Cancel(); return conns.CloseAndWait(); });   // on every path; keeps the outcome
  });
}

TEST(ProgramsTest, Echo) {
  Wire wire{{"hello ", "world"}, ""};
  EXPECT_THAT(PolledTask(Echo(net::TcpStream(&wire))).PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(wire.out, "hello world");
  Wire reset{{"a", "reset"}, ""};
  EXPECT_TRUE(absl::IsUnavailable(*PolledTask(Echo(net::TcpStream(&reset))).PollWhileWoken()));
}

TEST(ProgramsTest, EchoAllocatesNothingPerExchangeAndStaysSmall) {
  Wire wire;
  for (int i = 0; i < 20; ++i) wire.in.push_back("x");
  wire.out.reserve(100);
  PolledTask task(EchoNode(net::TcpStream(&wire)));
  EXPECT_THAT(task.Poll(), IsPending());
  base::AllocationCounter counter;
  const auto polled = task.PollWhileWoken();
  const int64_t allocations = counter.count();
  EXPECT_THAT(polled, IsReady(OkStatus()));
  EXPECT_EQ(allocations, 0);
  EXPECT_LE(sizeof(EchoNode(net::TcpStream(&wire))), 336u);
}

TEST(ProgramsTest, Serve) {
  Wire a{{"a"}, ""}, b{{"b"}, ""};
  PolledTask task(net::TcpListener::Bind({&a, &b}).AndThen(Serve));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(a.out + b.out, "ab");
}

// --- 2. Fetch --------------------------------------------------------------------------------------------------------

struct Url {
  std::string host, path;
};

template <class Fn>
auto Retry(Backoff backoff, Fn attempt) {
  return With(backoff, std::move(attempt), [](Backoff& backoff, Fn& attempt) {
    return Loop([&] {
      return attempt().Then([&](auto& result) {
        bool again = absl::IsUnavailable(result.status()) && !backoff.Spent();
        return If(again, [&] { return Sleep(backoff.Next()); }, [&] { return Break(std::move(result)); });
      });
    });
  });
}

Future<StatusOr<std::string>> Fetch(const Url& url) {
  return net::TcpStream::Connect(url.host).AndThen([&url](net::TcpStream& s) {
    return s.WriteAll(absl::StrCat("GET ", url.path, " HTTP/1.0\r\n\r\n"))     // rvalue: owned by the write
        .AndThen([&s] { return s.ReadToEnd(1 << 20); });                        // a limit, always
  });
}

Future<Status> FetchAll(std::vector<Url> urls, int& good) {
  return ForEachConcurrent(std::move(urls), 8, [&good](const Url& url) {       // url lives in its slot
    return Retry(Backoff(100ms, 2s, 5), [&url] { return Timeout(3s, Fetch(url)); })
        .Then([&good](StatusOr<std::string>& page) { good += page.ok(); });     // one bad page stops no other
  });
}

TEST(ProgramsTest, Fetch) {
  int good = 0;
  std::vector<Url> urls(20, Url{"host", "/"});
  urls[3].host = "flaky";
  urls[5].host = "gone";
  EXPECT_THAT(PolledTask(FetchAll(std::move(urls), good)).PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(good, 19);
}

// --- 3. Chat ---------------------------------------------------------------------------------------------------------

class Room {
 public:
  class Receiver {
   public:
    explicit Receiver(std::shared_ptr<std::deque<std::string>> said) : said_(std::move(said)) {}
    auto Recv() {
      return PollFn([this](Context&) -> Poll<StatusOr<std::string>> {
        if (said_->empty()) return kPending;
        std::string first = std::move(said_->front());
        said_->pop_front();
        return StatusOr<std::string>(std::move(first));
      });
    }

   private:
    std::shared_ptr<std::deque<std::string>> said_;
  };
  Receiver Subscribe() { return Receiver(said_); }
  void Send(std::string text) { said_->push_back(std::move(text)); }

 private:
  std::shared_ptr<std::deque<std::string>> said_ = std::make_shared<std::deque<std::string>>();
};

namespace io {
class Lines {
 public:
  Lines(net::TcpStream& stream, size_t) : stream_(&stream), buf_(64) {}
  auto Next() {
    return stream_->Read(buf_).AndThen([this](size_t n) -> StatusOr<std::optional<std::string>> {
      if (n == 0) return std::optional<std::string>();
      return std::optional<std::string>(std::string(buf_.first(n)));
    });
  }

 private:
  net::TcpStream* stream_;
  Buffer buf_;
};
}  // namespace io

Future<Status> Member(net::TcpStream stream, Room room) {                       // handles by value: own
  return With(std::move(stream), room.Subscribe(), room, [](net::TcpStream& s, Room::Receiver& inbox, Room& room) {
    return With(io::Lines(s, /*max_line=*/4096), [&](io::Lines& lines) {
      return Loop([&] {
        return Select(
            Case(lines.Next(), [&](StatusOr<std::optional<std::string>>& line) -> StatusOr<Flow<>> {
              if (!line.ok()) return line.status();
              if (!line->has_value()) return Break();
              room.Send(**line + "\n");
              return Continue();
            }),
            Case(inbox.Recv(), [&](StatusOr<std::string>& said) { return s.WriteAll(*said); }));
      });
    });
  });
}

TEST(ProgramsTest, Chat) {
  Wire wire{{"hello", "all"}, ""};
  EXPECT_THAT(PolledTask(Member(net::TcpStream(&wire), Room())).PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(wire.out, "hello\nall\n");
}

}  // namespace
}  // namespace kioto
