// Fetch: pages by HTTP, eight at a time, each tried up to five times with a wait in between; one bad page stops no other.
//
//   bazel run //tools/examples/fetch -- localhost:8000/a http://localhost:8000/b
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/backoff.h"
#include "kioto/time/retry.h"
#include "kioto/tools/examples/fetch/client.h"
#include "kioto/tools/examples/flags/flags.h"

using namespace kioto;  // NOLINT: a program of one page
using namespace std::chrono_literals;

struct Options {
  fetch::Limits limits;
  int64_t print = 0;
};

// What is worth another attempt is kUnavailable.
StatusOr<fetch::Page> Judge(fetch::Page& page) {
  if (page.status >= 500) return absl::UnavailableError(absl::StrCat("status ", page.status));
  if (page.status != 200) return absl::FailedPreconditionError(absl::StrCat("status ", page.status));
  return std::move(page);
}

void Report(const std::string& url, const StatusOr<fetch::Page>& page, bool print) {
  if (!page.ok()) {
    std::fprintf(stderr, "fetch: %s: %s\n", url.c_str(), page.status().ToString().c_str());
  } else if (print) {
    std::fwrite(page->body.data(), 1, page->body.size(), stdout);
  } else {
    std::printf("%zu bytes of %s\n", page->body.size(), page->url.c_str());
  }
}

// [region fetch]
Future<Status> FetchAll(std::vector<std::string> urls, const Options& options, int& good) {
  return ForEachConcurrent(std::move(urls), 8, [&options, &good](const std::string& url) {  // url lives in its slot
    return Retry(time::Backoff(100ms, 2s, 5),
                 [&options, &url] { return fetch::Get(url, options.limits).AndThen(Judge); })
        .Then([&options, &good, &url](StatusOr<fetch::Page>& page) {
          good += page.ok();
          Report(url, page, options.print != 0);  // one bad page stops no other
        });
  });
}
// [end fetch]

int main(int argc, char** argv) {
  Options options;
  fetch::Limits& limits = options.limits;
  auto urls = examples::ParseFlags(argc, argv, "fetch URL...",
                                   {{"print", &options.print, "1: the pages themselves, not how long they are"},
                                    {"redirects", &limits.redirects, "that are followed"},
                                    {"body", &limits.body, "bytes of a page"},
                                    {"connect-ms", &limits.connect_ms, "for a server to accept"},
                                    {"silence-ms", &limits.silence_ms, "of a server that is asked"},
                                    {"whole-ms", &limits.whole_ms, "for a page, redirects and all"}});
  if (!urls.ok()) return examples::Fail("fetch", urls.status());
  int good = 0;  // counted by one task, the root
  const size_t all = urls->size();
  const int code = Main([&] { return FetchAll(*std::move(urls), options, good); });
  if (options.print == 0) std::printf("%d of %zu\n", good, all);
  return code != 0 || static_cast<size_t>(good) < all ? 1 : 0;
}
