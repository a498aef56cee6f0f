// The snippets of tools/guide/callbacks.md, compiled and run.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/blocking/std_future.h"
#include "kioto/runtime/future/from_callback.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/async_fd.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn_callback.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/oneshot.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

// A library with a thread of its own, which calls back on it.
class Database {
 public:
  using OnRow = absl::AnyInvocable<void(std::string row) &&>;

  ~Database() {
    for (std::thread& thread : threads_) thread.join();
  }
  int QueryAsync(std::string sql, OnRow on_row) {
    if (sql == "endless") {
      endless_.push_back(std::move(on_row));
      return 7;
    }
    threads_.emplace_back([sql = std::move(sql), on_row = std::move(on_row)]() mutable {
      if (sql != "forgotten") std::move(on_row)("row of " + sql);
    });
    return 1;
  }
  void Cancel(int query) { cancelled_ = query; }
  int cancelled() const { return cancelled_; }

 private:
  std::vector<std::thread> threads_;
  std::vector<OnRow> endless_;
  int cancelled_ = 0;
};

// [region from]
Future<StatusOr<std::string>> Query(Database& db, std::string sql) {
  return FromCallback<std::string>([&db, sql = std::move(sql)](Completer<std::string> done) {
    db.QueryAsync(sql, [done = std::move(done)](std::string row) mutable {  // on a thread of the library
      done(std::move(row));                                                 // at most once; wakes our task
    });
  });
}
// [end from]

TEST(CallbacksGuide, ACallbackBecomesAFuture) {
  Database db;
  StatusOr<Runtime> runtime = Runtime::MultiThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  StatusOr<std::string> row = runtime->BlockOn(Query(db, "select"));
  EXPECT_EQ(*row, "row of select");
  EXPECT_TRUE(IsClosed(runtime->BlockOn(Query(db, "forgotten")).status()));
}

std::thread answerer;
void AskLater(std::function<void(int)> on_answer) {
  answerer = std::thread([on_answer] { on_answer(42); });
}

// [region shared]
Future<StatusOr<int>> Answer() {
  return FromCallback<int>([](Completer<int> done) {
    AskLater([done = std::make_shared<Completer<int>>(std::move(done))](int answer) { (*done)(answer); });
  });
}
// [end shared]

TEST(CallbacksGuide, ACompleterIsShared) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_EQ(*runtime->BlockOn(Answer()), 42);
  answerer.join();
}

// [region cancel]
Future<StatusOr<std::string>> CancellableQuery(Database& db, std::string sql) {
  return FromCallback<std::string>([&db, sql = std::move(sql)](Completer<std::string> done) {
    const int id = db.QueryAsync(sql, [done = std::move(done)](std::string row) mutable { done(std::move(row)); });
    return [&db, id] { db.Cancel(id); };  // called if the future is dropped before the row has come
  });
}
// [end cancel]

TEST(CallbacksGuide, ADroppedFutureCancels) {
  Database db;
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().StartPaused().Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  StatusOr<std::string> row = runtime->BlockOn(Timeout(1s, CancellableQuery(db, "endless")));
  EXPECT_TRUE(IsElapsed(row.status())) << row.status();
  EXPECT_EQ(db.cancelled(), 7);
}

}  // namespace

// [region c]
extern "C" {
typedef void (*reading_callback)(void* arg, int celsius);
void sensor_read(reading_callback callback, void* arg);  // calls back from wherever it likes, exactly once
}

Future<StatusOr<int>> ReadSensor() {
  return FromCallback<int>([](Completer<int> done) {
    sensor_read([](void* arg, int celsius) { Completer<int>::FromPointer(arg)(celsius); }, std::move(done).Release());
  });
}
// [end c]

extern "C" void sensor_read(reading_callback callback, void* arg) { callback(arg, 21); }

namespace {

TEST(CallbacksGuide, ACallbackOfC) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_EQ(*runtime->BlockOn(ReadSensor()), 21);
}

// The event loop of somebody else.
class EventLoop {
 public:
  void Post(absl::AnyInvocable<void() &&> fn) {
    {
      base::MutexLock lock(mutex_);
      posted_.push_back(std::move(fn));
    }
    parker_.Unpark();
  }
  void RunOne() {
    for (;;) {
      {
        base::MutexLock lock(mutex_);
        if (!posted_.empty()) break;
      }
      parker_.Park();
    }
    absl::AnyInvocable<void() &&> fn;
    {
      base::MutexLock lock(mutex_);
      fn = std::move(posted_.front());
      posted_.pop_front();
    }
    std::move(fn)();
  }

 private:
  base::Mutex mutex_;
  base::Parker parker_;
  std::deque<absl::AnyInvocable<void() &&>> posted_;
};

Future<StatusOr<int>> Count(int n) {
  return Sleep(1ms).Then([n](Unit&) { return StatusOr<int>(n); });
}

// [region done]
class Window {
 public:
  Window(Handle runtime, EventLoop& loop) : runtime_(std::move(runtime)), loop_(loop) {}

  void OnClick() {
    runtime_.Spawn(Count(42), [this](StatusOr<int> count) {            // on a worker of the runtime
      loop_.Post([this, count = std::move(count)] { Show(*count); });  // so hand it to our own loop
    });
  }
  void Show(int count) { shown_ = count; }
  int shown() const { return shown_; }

 private:
  Handle runtime_;
  EventLoop& loop_;
  int shown_ = 0;
};
// [end done]

TEST(CallbacksGuide, ATaskEndsInACallback) {
  StatusOr<Runtime> runtime = Runtime::MultiThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EventLoop loop;
  Window window(runtime->handle(), loop);
  window.OnClick();
  loop.RunOne();
  EXPECT_EQ(window.shown(), 42);
}

// A library with an fd to wait for, and messages of a letter each.
class Library {
 public:
  Library() { EXPECT_EQ(::pipe2(fds_, O_CLOEXEC | O_NONBLOCK), 0); }
  ~Library() {
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  int fd() const { return fds_[0]; }
  StatusOr<std::string> TryNext() {
    char letter;
    if (::read(fds_[0], &letter, 1) != 1) return ErrnoStatus(errno, "TryNext");
    return std::string(1, letter);
  }
  void Arrive(char letter) { EXPECT_EQ(::write(fds_[1], &letter, 1), 1); }

 private:
  int fds_[2];
};

// [region fd]
class Messages {
 public:
  static StatusOr<Messages> Of(Library& library) {  // in a runtime: its reactor watches the fd from now on
    StatusOr<io::AsyncFd> fd = io::AsyncFd::Borrow(library.fd(), io::Interest::kReadable);
    if (!fd.ok()) return fd.status();
    return Messages(library, *std::move(fd));
  }

  auto Next() {  // Output: StatusOr<std::string>. CANCEL SAFE: yes
    return fd_.AsyncIo(io::Interest::kReadable, [this] { return library_->TryNext(); });
  }

 private:
  Messages(Library& library, io::AsyncFd fd) : library_(&library), fd_(std::move(fd)) {}

  Library* library_;
  io::AsyncFd fd_;
};
// [end fd]

TEST(CallbacksGuide, ALibrarysFdIsWaitedFor) {
  StatusOr<Runtime> runtime = Runtime::MultiThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  const EnterGuard in_runtime = runtime->Enter();
  Library library;
  StatusOr<Messages> messages = Messages::Of(library);
  ASSERT_TRUE(messages.ok()) << messages.status();
  std::thread later([&] { library.Arrive('a'); });
  EXPECT_EQ(*runtime->BlockOn(messages->Next()), "a");
  later.join();
}

// [region threads]
struct Job {
  int number;
  sync::OneshotSender<int> reply;
};

Future<Status> Serve(sync::MpscReceiver<Job> jobs) {  // a task
  return ForEach(std::move(jobs), [](Job& job) { job.reply.Send(job.number * 2); });
}

StatusOr<int> Double(sync::MpscSender<Job>& jobs, int number) {  // called on any thread of yours
  auto reply = sync::Oneshot<int>();
  if (Status sent = jobs.BlockingSend(Job{number, std::move(reply.sender)}); !sent.ok()) return sent;
  return BlockOn(std::move(reply.receiver));  // sleeps; needs no runtime on this thread
}
// [end threads]

TEST(CallbacksGuide, ThreadsAskATask) {
  StatusOr<Runtime> runtime = Runtime::MultiThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  auto channel = sync::Mpsc<Job>(16);
  JoinHandle<Status> server = runtime->Spawn(Serve(std::move(channel.receiver)));
  {
    sync::MpscSender<Job> jobs = std::move(channel.sender);
    EXPECT_EQ(*Double(jobs, 21), 42);
  }
  EXPECT_TRUE(BlockOn(std::move(server)).ok());
}

// [region std]
StatusOr<int> WaitForCount(const Handle& runtime) {
  const EnterGuard in_runtime = runtime.Enter();
  std::future<StatusOr<int>> count = ToStdFuture(Count(42));  // runs now
  return count.get();                                         // never inside a task: it stops the thread
}

Future<StatusOr<int>> AwaitCount(std::future<int> count) {
  return FromStdFuture(std::move(count)).AndThen([](int& n) { return n + 1; });  // a pool thread waits for it
}
// [end std]

TEST(CallbacksGuide, StdFuturesBothWays) {
  StatusOr<Runtime> runtime = Runtime::MultiThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_EQ(*WaitForCount(runtime->handle()), 42);
  std::promise<int> promise;
  promise.set_value(1);
  EXPECT_EQ(*runtime->BlockOn(AwaitCount(promise.get_future())), 2);
}

}  // namespace
}  // namespace kioto
