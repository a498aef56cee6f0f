// A client for the command line.
//
//   mini_redis_cli [--host HOST] [--port PORT] COMMAND [ARGUMENT...]          get key · set key value · publish channel text ...
//   mini_redis_cli subscribe CHANNEL...                                       shows what comes, until Ctrl-C
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/tools/examples/mini_redis/client/client.h"

namespace {

using kioto::Case;
using kioto::Future;
using redis::Client;
using redis::Subscriber;

void Print(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

Future<absl::Status> Listen(Client client, std::vector<std::string> channels) {
  return std::move(client).Subscribe(channels).AndThen([](Subscriber& subscriber) {
    return SelectBiased(Case(kioto::signal::CtrlC(), [](absl::StatusOr<int>& signal) { return signal.status(); }),
                        Case(kioto::Loop([&subscriber] {
                          return subscriber.Next().AndThen([](redis::Message& m) { Print(m.channel + ": " + m.text); });
                        }), [](absl::Status& status) { return status; }));
  });
}

Future<absl::Status> Ask(Client& client, const std::vector<std::string>& words) {
  return client.Call(std::vector<absl::string_view>(words.begin(), words.end())).AndThen([](redis::Reply& reply) {
    Print(reply.ToString());
  });
}

Future<absl::Status> Run(Client& client, const std::vector<std::string>& words) {
  if (!absl::EqualsIgnoreCase(words[0], "subscribe")) return Ask(client, words);
  return Listen(std::move(client), {words.begin() + 1, words.end()});
}

}  // namespace

int main(int argc, char** argv) {
  std::string host = "127.0.0.1";
  int port = 6379, next = 1;
  for (; next + 1 < argc && absl::StartsWith(argv[next], "--"); next += 2) {
    const std::string option = argv[next];
    const bool known = option == "--host" || (option == "--port" && absl::SimpleAtoi(argv[next + 1], &port) && port > 0 && port < 65536);
    if (!known) break;
    if (option == "--host") host = argv[next + 1];
  }
  const std::vector<std::string> words(argv + next, argv + argc);
  if (words.empty() || absl::StartsWith(words[0], "--")) {
    std::fputs("usage: mini_redis_cli [--host HOST] [--port 1..65535] COMMAND [ARGUMENT...]\n", stderr);
    return 2;
  }
  return kioto::Main([&] {
    return Client::Connect(kioto::net::Endpoint(host, static_cast<uint16_t>(port))).AndThen([&words](Client& client) {
      return Run(client, words);
    });
  });
}
