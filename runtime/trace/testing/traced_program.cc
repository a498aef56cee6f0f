// traced_program PATH MODE: tasks on two workers that leave a trace, for chrome_trace_file_test.py.
//   close   until its end             small   with room for few events
//   killed  flushed, and then the process ends without a word        early   closed while tasks run
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/trace/chrome_trace_file.h"
#include "kioto/runtime/trace/span.h"
#include "kioto/sync/notify.h"

namespace kioto {
namespace {

constexpr int kPairs = 20;
constexpr int kRounds = 50;

// One round is two spans, of which the first waits for the other player.
auto Play(sync::Notify& heard, sync::Notify& told) {
  return With(0, [&heard, &told](int& rounds) {
    return Loop([&] {
      return Span("round", Span("hear", heard.Notified()).Then([](Unit&) { return Span("tell", YieldNow()); }))
          .Then([&](Unit&) {
            told.NotifyOne();
            return If(++rounds == kRounds, Break, Continue);
          });
    });
  });
}

int Run(const char* path, const char* mode) {
  const size_t max_events = std::strcmp(mode, "small") == 0 ? 500 : limits::kTraceEvents;
  StatusOr<std::shared_ptr<ChromeTraceFile>> file = ChromeTraceFile::Create(path, max_events);
  if (!file.ok()) return 2;
  std::vector<sync::Notify> ping(kPairs), pong(kPairs);
  {
    StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).Trace(*file).Build();
    if (!runtime.ok()) return 2;
    std::vector<JoinHandle<Unit>> players;
    for (int i = 0; i < kPairs; ++i) {
      ping[i].NotifyOne();
      players.push_back(runtime->Spawn(Play(ping[i], pong[i]), {"ping \"\xff\""}));
      players.push_back(runtime->Spawn(Play(pong[i], ping[i])));
      if (i == kPairs / 2 && std::strcmp(mode, "early") == 0 && !(*file)->Close().ok()) return 2;
    }
    for (JoinHandle<Unit>& player : players) {
      if (!runtime->BlockOn(std::move(player)).ok()) return 2;
    }
    if (!runtime->BlockOn([] { return SpawnBlocking([] {}); }).ok()) return 2;
    if (std::strcmp(mode, "killed") == 0) {
      if (!(*file)->Flush().ok()) return 2;
      ::_exit(0);
    }
  }
  if (!(*file)->Close().ok()) return 2;
  std::printf("%llu\n", static_cast<unsigned long long>((*file)->dropped()));
  return 0;
}

}  // namespace
}  // namespace kioto

int main(int argc, char** argv) { return argc == 3 ? kioto::Run(argv[1], argv[2]) : 2; }
