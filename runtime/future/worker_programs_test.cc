// The programs that judge the combinators, as their users would write them: a pool of workers, a tree of files, an object.
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
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/testing/program_mocks.h"

namespace kioto {
namespace {

using namespace program_mocks;          // NOLINT: as in a user's program
using namespace std::chrono_literals;  // NOLINT: as in a user's program

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

Future<Status> RunPool(std::vector<std::string> texts, size_t& total) {
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
  EXPECT_THAT(PolledTask(RunPool(std::move(texts), total)).PollWhileWoken(), IsReady(OkStatus()));
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
