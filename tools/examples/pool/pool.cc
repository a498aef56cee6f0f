// A worker pool: jobs go in by an mpsc channel, each answer comes back by a oneshot. The pool is one task with four jobs at work at
// a time; what computes for long would go to SpawnBlocking.
//
//   bazel run //tools/examples/pool -- some words to count
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/call.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/oneshot.h"
#include "kioto/time/sleep.h"

using namespace kioto;  // NOLINT: a program of one page
using namespace std::chrono_literals;

// [region pool]
struct Job {
  std::string text;
  sync::OneshotSender<size_t> reply;
};
using Pool = sync::MpscSender<Job>;

Future<StatusOr<size_t>> Count(Pool& pool, std::string text) {  // Call = make, send, await the reply
  return sync::Call<size_t>(pool, [text = std::move(text)](auto reply) mutable {
    return Job{std::move(text), std::move(reply)};
  });
}

Future<Status> Run(std::vector<std::string> texts, size_t& total) {
  auto jobs = sync::Mpsc<Job>(/*capacity=*/32);
  auto workers = Spawn(ForEachConcurrent(std::move(jobs.receiver), 4, [](Job& job) {
    return Sleep(2ms).Then([&job] { job.reply.Send(job.text.size()); });
  }));
  return With(std::move(jobs.sender), std::move(workers), std::move(texts),
              [&total](Pool& pool, auto& workers, auto& texts) {
                return ForEachConcurrent(std::move(texts), 16,
                                         [&](std::string& text) {
                                           return Count(pool, std::move(text)).AndThen([&](size_t n) { total += n; });
                                         })
                    .AndThen([&] {
                      pool.reset();  // the last sender is gone: the workers end
                      return std::move(workers);
                    });
              });
}
// [end pool]

int main(int argc, char** argv) {
  size_t total = 0;
  std::vector<std::string> texts(argv + 1, argv + argc);
  const int code = Main([&] { return Run(std::move(texts), total); });
  std::printf("%zu\n", total);
  return code;
}
