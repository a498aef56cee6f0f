// The programs that judge the combinators, as their users would write them, against small mocks of net, sync, time and fs.
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

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT: as in a user's program

// --- Mocks -----------------------------------------------------------------------------------------------------------

class Buffer {
 public:
  explicit Buffer(size_t size) : bytes_(size, '\0') {}
  char* data() { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  absl::string_view first(size_t n) const { return absl::string_view(bytes_).substr(0, n); }

 private:
  std::string bytes_;
};

// Waits once, then does it.
template <class Fn>
auto Later(Fn fn) {
  return PollFn([fn = std::move(fn), waited = false](Context& cx) mutable -> Poll<decltype(fn())> {
    if (!std::exchange(waited, true)) {
      cx.waker().Wake();
      return kPending;
    }
    return fn();
  });
}

struct Wire {
  std::deque<std::string> in;
  std::string out;
};

namespace net {

class TcpStream {
 public:
  explicit TcpStream(Wire* wire) : wire_(wire) {}
  TcpStream(TcpStream&&) = default;

  auto Read(Buffer& buf) {
    return Later([this, &buf]() -> StatusOr<size_t> {
      if (wire_->in.empty()) return size_t{0};
      std::string text = std::move(wire_->in.front());
      wire_->in.pop_front();
      if (text == "reset") return absl::UnavailableError("reset");
      std::copy(text.begin(), text.end(), buf.data());
      return text.size();
    });
  }
  auto WriteAll(absl::string_view bytes) {
    return Later([this, bytes]() -> Status {
      wire_->out += std::string(bytes);
      return OkStatus();
    });
  }
  auto WriteAll(std::string bytes) {
    return Later([this, bytes = std::move(bytes)]() -> Status {
      wire_->out += bytes;
      return OkStatus();
    });
  }
  auto ReadToEnd(size_t) {
    return Later([this]() -> StatusOr<std::string> {
      std::string all;
      for (const std::string& text : wire_->in) all += text;
      return all;
    });
  }
  static auto Connect(const std::string& host) {
    return Later([&host]() -> StatusOr<TcpStream> {
      static Wire wire{{"page of "}, ""};
      static int attempts = 0;
      if (host == "flaky" && ++attempts < 3) return absl::UnavailableError("refused");
      if (host == "gone") return absl::NotFoundError("gone");
      return TcpStream(&wire);
    });
  }

 private:
  Wire* wire_;
};

class TcpListener {
 public:
  explicit TcpListener(std::vector<Wire*> wires) : wires_(std::move(wires)) {}
  static auto Bind(std::vector<Wire*> wires) { return Ready(StatusOr<TcpListener>(TcpListener(std::move(wires)))); }

  class IncomingStream {
   public:
    using Item = TcpStream;
    explicit IncomingStream(TcpListener* listener) : listener_(listener) {}
    Poll<std::optional<TcpStream>> PollNext(Context&) {
      if (at_ == listener_->wires_.size()) return kPending;
      return std::optional<TcpStream>(TcpStream(listener_->wires_[at_++]));
    }

   private:
    TcpListener* listener_;
    size_t at_ = 0;
  };
  auto Incoming() { return IncomingStream(this); }

 private:
  std::vector<Wire*> wires_;
};

}  // namespace net

namespace signal {
auto Shutdown() { return PendingTimes(3, Unit{}); }
}  // namespace signal

template <class F>
auto Timeout(std::chrono::nanoseconds, F future) {
  return future;
}
auto Sleep(std::chrono::nanoseconds) { return YieldNow(); }

class CancellationToken {
 public:
  void Cancel() { cancelled_ = true; }

 private:
  bool cancelled_ = false;
};
template <class F>
auto Until(CancellationToken&, F future) {
  return future;
}

// Drives what is spawned while somebody waits for it.
class TaskTracker {
 public:
  void Spawn(Future<Status> future) { tasks_.push_back(std::move(future)); }
  auto CloseAndWait() {
    return Lazy([this] { return JoinAll(std::move(tasks_)); }).Map([](std::vector<Status>) { return OkStatus(); });
  }

 private:
  std::vector<Future<Status>> tasks_;
};

struct Backoff {
  Backoff(std::chrono::nanoseconds, std::chrono::nanoseconds, int times) : left(times) {}
  bool Spent() const { return left == 0; }
  std::chrono::nanoseconds Next() {
    --left;
    return 1ms;
  }
  int left;
};

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

// --- 4. Worker pool --------------------------------------------------------------------------------------------------

struct OneshotSender {
  std::shared_ptr<Promise<StatusOr<size_t>>> promise;
  void Send(size_t n) { promise->Set(n); }
};
struct Job {
  std::string text;
  OneshotSender reply;
};
struct JobQueue {
  std::deque<Job> jobs;
  bool closed = false;
  WakerSlot waker;
};
class Pool {
 public:
  explicit Pool(std::shared_ptr<JobQueue> queue) : queue_(std::move(queue)) {}
  void Push(Job job) {
    queue_->jobs.push_back(std::move(job));
    queue_->waker.Wake();
  }
  void reset() {
    queue_->closed = true;
    queue_->waker.Wake();
    queue_.reset();
  }

 private:
  std::shared_ptr<JobQueue> queue_;
};
class JobReceiver {
 public:
  using Item = Job;
  explicit JobReceiver(std::shared_ptr<JobQueue> queue) : queue_(std::move(queue)) {}
  Poll<std::optional<Job>> PollNext(Context& cx) {
    queue_->waker.Register(cx.waker());
    if (!queue_->jobs.empty()) {
      std::optional<Job> job(std::move(queue_->jobs.front()));
      queue_->jobs.pop_front();
      return job;
    }
    if (queue_->closed) return std::optional<Job>();
    return kPending;
  }

 private:
  std::shared_ptr<JobQueue> queue_;
};

Future<StatusOr<size_t>> Count(Pool& pool, std::string text) {
  auto promise = std::make_shared<Promise<StatusOr<size_t>>>();
  return With(Job{std::move(text), OneshotSender{promise}}, promise, [&pool](Job& job, auto& promise) {
    pool.Push(std::move(job));
    return promise->Get();
  });
}

auto PoolWork(JobReceiver receiver) {
  return ForEachConcurrent(std::move(receiver), 4, [](Job& job) {
    return Sleep(2ms).Then([&job] { job.reply.Send(job.text.size()); });
  });
}

Future<Status> Run(std::vector<std::string> texts, size_t& total) {
  auto queue = std::make_shared<JobQueue>();
  auto callers = With(Pool(queue), std::move(texts), [&total](Pool& pool, auto& texts) {
    return ForEachConcurrent(std::move(texts), 16, [&](std::string& text) {
             return Count(pool, std::move(text)).AndThen([&](size_t n) { total += n; });
           })
        .AndThen([&] { pool.reset(); });
  });
  return TryJoin(std::move(callers), PoolWork(JobReceiver(queue)));
}

TEST(ProgramsTest, WorkerPool) {
  size_t total = 0;
  std::vector<std::string> texts(50, "four");
  EXPECT_THAT(PolledTask(kioto::Run(std::move(texts), total)).PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(total, 200u);
}

// --- 5. Hash a tree --------------------------------------------------------------------------------------------------

struct Hasher {
  uint64_t sum = 0;
  void Update(absl::string_view bytes) {
    for (char c : bytes) sum = sum * 31 + static_cast<unsigned char>(c);
  }
  uint64_t Finish() const { return sum; }
};

namespace fs {
struct File {
  int left;
  static auto Open(const std::string& path) {
    return Later([&path]() -> StatusOr<File> {
      if (path == "missing") return absl::NotFoundError(path);
      return File{3};
    });
  }
  auto Read(Buffer& buf) {
    return Later([this, &buf]() -> StatusOr<size_t> {
      buf.data()[0] = 'a';
      return static_cast<size_t>(left-- > 0);
    });
  }
};
struct DirEntry {
  bool is_file;
  std::string path;
};
auto WalkDir(const std::string&) {
  std::vector<StatusOr<DirEntry>> entries;
  entries.push_back(DirEntry{false, "dir"});
  entries.push_back(DirEntry{true, "dir/a"});
  entries.push_back(DirEntry{true, "missing"});
  return StreamOf(std::move(entries));
}
}  // namespace fs

Future<StatusOr<uint64_t>> HashFile(const std::string& path) {
  return fs::File::Open(path).AndThen([](fs::File& file) {
    return With(Hasher(), Buffer(1 << 16), [&file](Hasher& hash, Buffer& buf) {
      return Loop([&] {
        return file.Read(buf).AndThen([&](size_t n) -> Flow<uint64_t> {
          if (n == 0) return Break(hash.Finish());
          hash.Update(buf.first(n));
          return Continue();
        });
      });
    });
  });
}

std::string printed;

Future<Status> HashTree(std::string root) {
  return ForEachConcurrent(fs::WalkDir(root), 16, [](fs::DirEntry& entry) {
    return If(!entry.is_file, [] {}, [&] {
      return HashFile(entry.path).Then([&](StatusOr<uint64_t>& h) {
        absl::StrAppend(&printed, entry.path, " ", h.ok() ? absl::StrCat(*h) : h.status().ToString(), "\n");
      });
    });
  });
}

TEST(ProgramsTest, HashTree) {
  printed.clear();
  EXPECT_THAT(PolledTask(HashTree("dir")).PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(printed, "missing NOT_FOUND: missing\ndir/a 96321\n");
}

// --- Object as frame; a restartable operation --------------------------------------------------------------------------

struct Session {
  net::TcpStream stream;
  Buffer buf{64};
  int rounds = 0;

  auto Run() {
    return Loop([this] { return Round(); });
  }
  Future<StatusOr<Flow<>>> Round() {
    return stream.Read(buf).AndThen([this](size_t& n) -> Future<StatusOr<Flow<>>> {
      if (n == 0) return Break();
      ++rounds;
      return stream.WriteAll(buf.first(n));
    });
  }
};

TEST(ProgramsTest, AnObjectIsTheFrame) {
  Wire wire{{"x", "y"}, ""};
  PolledTask task(With(Session{net::TcpStream(&wire)}, [](Session& x) { return x.Run(); }));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(wire.out, "xy");
}

TEST(ProgramsTest, ARestartableOperationBesideAChannel) {
  Promise<int> changes[2];
  std::vector<int> finished;
  PolledTask task(With(std::optional<Future<int>>(), 0, [&](std::optional<Future<int>>& work, int& version) {
    return Loop([&] {
      if (!work) work.emplace(version == 0 ? Future<int>(Never<int>()) : Future<int>(PendingTimes(1, version)));
      return SelectBiased(Case(changes[version == 0 ? 0 : 1].Get(), [&](int n) -> Flow<> {
                            version = n;
                            work.reset();
                            return Continue();
                          }),
                          Case(ByRef(*work), [&](int n) -> Flow<> {
                            finished.push_back(n);
                            return Break();
                          }));
    });
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  changes[0].Set(5);
  EXPECT_THAT(task.PollWhileWoken(), IsReady());
  EXPECT_EQ(finished, std::vector<int>{5});
}

}  // namespace
}  // namespace kioto
