// http_server: the files of a folder, by HTTP/1.1.
//
//   bazel run -c opt //tools/examples/http_server -- 127.0.0.1:8080 "$PWD"        then:  curl 127.0.0.1:8080/README.md
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tools/examples/flags/flags.h"
#include "kioto/tools/examples/http_server/server.h"

int main(int argc, char** argv) {
  http_server::Limits limits;
  const auto words = examples::ParseFlags(argc, argv, "http_server LISTEN ROOT",
                                          {{"connections", &limits.connections, "at a time"},
                                           {"head", &limits.head, "bytes of a request without its body"},
                                           {"body", &limits.body, "bytes of a request's body"},
                                           {"idle-ms", &limits.idle_ms, "between two requests"},
                                           {"request-ms", &limits.request_ms, "from a request's first byte to its last"},
                                           {"write-ms", &limits.write_ms, "for a client to take 64 KiB"},
                                           {"linger-ms", &limits.linger_ms, "for a client to stop sending after its last answer"},
                                           {"drain-ms", &limits.drain_ms, "for the answers that are sent at the end"}});
  if (!words.ok()) return examples::Fail("http_server", words.status());
  return kioto::Main([&] { return http_server::RunServer((*words)[0], (*words)[1], limits); });
}
