// A library with Kioto in it, which a program loads that has no other: for unload_checks_test.cc.
#include <chrono>
#include <utility>
#include <vector>

#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

auto SleepsAndWorks() {
  return Sleep(1ms).Then([](Unit&) { return SpawnBlocking([] { return 1; }); });
}

bool Run() {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  if (!runtime.ok()) return false;
  runtime->Spawn(Sleep(1h)).Detach();
  runtime->Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen([](net::TcpListener& listener) {
           return listener.Accept().AndThen([](net::TcpStream&) {});
         })).Detach();
  std::vector<JoinHandle<StatusOr<int>>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(runtime->Spawn(SleepsAndWorks()));
  for (JoinHandle<StatusOr<int>>& task : tasks) {
    if (!runtime->BlockOn(std::move(task)).ok()) return false;
  }
  return runtime->Shutdown().clean();
}

}  // namespace
}  // namespace kioto

// Whether all went well.
extern "C" bool RunGuest() { return kioto::Run(); }
