// Fetch: pages by HTTP/1.0, eight at a time, each tried up to five times with a wait in between; one bad page stops no other.
//
//   bazel run //tools/examples/fetch -- localhost:8000/a localhost:8000/b
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/backoff.h"
#include "kioto/time/retry.h"
#include "kioto/time/timeout.h"

using namespace kioto;  // NOLINT: a program of one page
using namespace std::chrono_literals;

// [region fetch]
struct Url {
  std::string host, path;
};

Future<StatusOr<std::string>> Fetch(const Url& url) {
  return net::TcpStream::Connect(url.host).AndThen([&url](net::TcpStream& s) {
    return s.WriteAll(absl::StrCat("GET ", url.path, " HTTP/1.0\r\n\r\n"))  // rvalue: owned by the write
        .AndThen([&s] { return s.ReadToEnd(1 << 20); });                     // a limit, always
  });
}

Future<Status> FetchAll(std::vector<Url> urls, int& good) {
  return ForEachConcurrent(std::move(urls), 8, [&good](const Url& url) {  // url lives in its slot
    return Retry(time::Backoff(100ms, 2s, 5), [&url] { return Timeout(3s, Fetch(url)); })
        .Then([&good](StatusOr<std::string>& page) { good += page.ok(); });  // one bad page stops no other
  });
}
// [end fetch]

int main(int argc, char** argv) {
  std::vector<Url> urls;
  for (int i = 1; i < argc; ++i) {
    const std::string url = argv[i];
    const size_t slash = url.find('/');
    urls.push_back({url.substr(0, slash), slash == std::string::npos ? "/" : url.substr(slash)});
  }
  // `good` is counted by one task, the root.
  int good = 0;
  const int code = Main([&] { return FetchAll(std::move(urls), good); });
  std::printf("%d of %d\n", good, argc - 1);
  return code;
}
