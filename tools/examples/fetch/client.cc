#include "kioto/tools/examples/fetch/client.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/time/timeout.h"
#include "kioto/tools/examples/http/message_parser.h"

namespace fetch {
namespace {

using kioto::Flow;
using kioto::If;
using kioto::Loop;
using kioto::Status;
using kioto::StatusOr;
using kioto::With;
using kioto::net::TcpStream;
using std::chrono::milliseconds;
using Result = http::MessageParser::Result;

constexpr size_t kRoom = 16 * 1024;
constexpr size_t kMostHead = 64 * 1024;
constexpr int kMostInformal = 8;  // responses of 1xx before the one that was asked for

// One request and its response, over one connection.
class Exchange {
 public:
  Exchange(TcpStream* stream, const Limits* limits)
      : stream_(*stream),
        limits_(*limits),
        parser_(http::MessageParser::Type::kResponse, {kMostHead, /*fields=*/500, static_cast<size_t>(limits->body)}) {}
  Exchange(Exchange&&) = delete;

  const http::Head& head() const { return parser_.head(); }
  std::string& body() { return parser_.body(); }

  auto ReadMore() {
    return kioto::Timeout(milliseconds(limits_.silence_ms), stream_.Read(in_, kRoom)).AndThen([this](size_t& n) {
      return n == 0 ? End() : Parse();
    });
  }
  // Until the whole response is there.
  auto Run(const Url& url) {
    return stream_
        .WriteAll(absl::StrCat("GET ", url.target, " HTTP/1.1\r\nHost: ", url.host, ":", url.port, "\r\nConnection: close\r\n\r\n"))
        .AndThen([this] { return Loop([this] { return ReadMore(); }); });
  }

 private:
  StatusOr<Flow<>> Parse() {
    while (true) {
      const Result result = parser_.Parse(in_.view());
      in_.Consume(parser_.consumed());
      if (result == Result::kMore) return kioto::Continue();
      if (result == Result::kHead) continue;
      if (result == Result::kError) return WhatIsWrong();
      if (head().status >= 200) return kioto::Break();
      if (++informal_ > kMostInformal) return absl::ResourceExhaustedError("the server has nothing but provisional responses");
    }
  }
  // The connection has ended: some responses have no other end.
  StatusOr<Flow<>> End() {
    if (parser_.ParseEnd() == Result::kEnd) return kioto::Break();
    return absl::UnavailableError("the connection ended before the response did");
  }
  Status WhatIsWrong() const {
    if (parser_.error_status() == 413) return absl::ResourceExhaustedError(absl::StrCat("a page of more than ", limits_.body, " bytes"));
    return absl::DataLossError(absl::StrCat("what came is no response: ", parser_.error()));
  }

  TcpStream& stream_;
  const Limits& limits_;
  http::MessageParser parser_;
  kioto::ByteQueue in_;
  int informal_ = 0;
};

struct Response {
  int status = 0;
  std::string location, body;
};

kioto::Future<StatusOr<Response>> Ask(const Url& url, const Limits& limits) {
  return kioto::Timeout(milliseconds(limits.connect_ms), TcpStream::Connect(absl::StrCat(url.host, ":", url.port)))
      .AndThen([&url, &limits](TcpStream& stream) {
        return With(kioto::InPlace<Exchange>(&stream, &limits), [&url](Exchange& exchange) {
          return exchange.Run(url).AndThen([&exchange] {
            const std::string* location = exchange.head().Find("Location");
            return Response{exchange.head().status, location == nullptr ? "" : *location, std::move(exchange.body())};
          });
        });
      });
}

bool IsRedirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

struct Trail {
  Url url;
  Limits limits;
  int64_t redirects = 0;

  // A page, or once more from another address.
  StatusOr<Flow<Page>> Judge(Response& response) {
    if (!IsRedirect(response.status) || response.location.empty()) {
      return kioto::Break(Page{url.ToString(), response.status, std::move(response.body)});
    }
    if (++redirects > limits.redirects) return absl::ResourceExhaustedError("too many redirects");
    auto next = ParseLocation(url, response.location);
    if (!next.ok()) return next.status();
    url = *std::move(next);
    return Flow<Page>(kioto::Continue());
  }
  auto Follow() {
    return Loop([this] { return Ask(url, limits).AndThen([this](Response& response) { return Judge(response); }); });
  }
};

// "http" of "http://host"; empty if there is none.
absl::string_view SchemeOf(absl::string_view text) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos || colon == 0 || !absl::ascii_isalpha(static_cast<unsigned char>(text[0]))) return "";
  const absl::string_view scheme = text.substr(0, colon);
  const bool proper = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.';
  });
  return proper ? scheme : "";
}

Status OnlyHttp(absl::string_view text) { return absl::UnimplementedError(absl::StrCat("only http: is spoken here: ", text)); }

}  // namespace

StatusOr<Url> ParseUrl(absl::string_view text) {
  const absl::string_view scheme = SchemeOf(text);
  if (!scheme.empty() && absl::StartsWith(text.substr(scheme.size()), "://")) {  // "host:80" has none
    if (!absl::EqualsIgnoreCase(scheme, "http")) return OnlyHttp(text);
    text.remove_prefix(scheme.size() + 3);
  }
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  absl::string_view host = text.substr(0, end);
  Url url;
  url.target = absl::StrCat(end < text.size() && text[end] == '/' ? "" : "/", text.substr(end));
  const size_t colon = host.rfind(':');
  uint32_t port = 80;
  if (colon != absl::string_view::npos && host.find(']', colon) == absl::string_view::npos) {
    if (!absl::SimpleAtoi(host.substr(colon + 1), &port) || port == 0 || port > 65535) host = "";
    host = host.substr(0, colon);
  }
  url.host = std::string(host);
  url.port = static_cast<uint16_t>(port);
  const bool is_text = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != 127; });
  if (url.host.empty() || !is_text) return absl::InvalidArgumentError(absl::StrCat("not an address of a page: ", text));
  return url;
}

StatusOr<Url> ParseLocation(const Url& base, absl::string_view location) {
  if (absl::StartsWith(location, "//")) return ParseUrl(location.substr(2));
  const absl::string_view scheme = SchemeOf(location);
  if (!scheme.empty()) return absl::StartsWith(location.substr(scheme.size()), "://") ? ParseUrl(location) : OnlyHttp(location);
  const std::string host = absl::StrCat(base.host, ":", base.port);
  if (absl::StartsWith(location, "/")) return ParseUrl(absl::StrCat(host, location));
  const std::string path = base.target.substr(0, base.target.find('?'));
  location = location.substr(0, location.find('#'));
  if (location.empty()) return base;
  if (location[0] == '?') return ParseUrl(absl::StrCat(host, path, location));
  return ParseUrl(absl::StrCat(host, path.substr(0, path.rfind('/') + 1), location));
}

std::string Url::ToString() const { return absl::StrCat("http://", host, ":", port, target); }

kioto::Future<StatusOr<Page>> Get(std::string url, Limits limits) {
  auto parsed = ParseUrl(url);
  if (!parsed.ok()) return parsed.status();
  return kioto::Timeout(milliseconds(limits.whole_ms), With(Trail{*std::move(parsed), limits}, &Trail::Follow));
}

}  // namespace fetch
