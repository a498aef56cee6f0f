#include "kioto/tools/examples/http_server/session.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/time/instant.h"
#include "kioto/time/timeout.h"
#include "kioto/tools/examples/http/fields.h"
#include "kioto/tools/examples/http/message_parser.h"

namespace http_server {
namespace {

using kioto::Break;
using kioto::Case;
using kioto::Continue;
using kioto::Flow;
using kioto::If;
using kioto::Loop;
using kioto::Status;
using kioto::StatusOr;
using kioto::With;
using kioto::time::Instant;
using std::chrono::milliseconds;
using Result = http::MessageParser::Result;

constexpr size_t kRoom = 4 * 1024;       // bytes that are read at a time
constexpr size_t kPiece = 64 * 1024;     // of a file
constexpr size_t kJob = 32 * 1024;       // of a file that has to be read by a job: held beside the piece, by the file
constexpr size_t kLinger = 1024 * 1024;  // of what a client still sends after it was refused

// An object as the frame: what the futures of a connection borrow. They are methods, to be read from the bottom up.
class Session {
 public:
  Session(kioto::net::TcpStream stream, std::shared_ptr<Site> site)
      : site_(std::move(site)),
        stream_(std::move(stream)),
        parser_(http::MessageParser::Type::kRequest, {static_cast<size_t>(limits().head), /*fields=*/100,
                                                      static_cast<size_t>(limits().body)}) {
    AwaitRequest();
  }
  Session(Session&&) = delete;  // it is made where it stays

  // --- Writing.

  // The first lines of an answer, and the decision whether others follow.
  void BeginAnswer(int status, absl::string_view fields) {
    const bool ends = site_->stop.IsCancelled() && !AnythingHasCome();
    if (ends || !parser_.head().keep_alive || parsed_ == Result::kError) last_ = true;
    const absl::string_view end = last_ ? "Connection: close\r\n" : parser_.head().minor == 0 ? "Connection: keep-alive\r\n" : "";
    answer_ = absl::StrCat("HTTP/1.1 ", status, " ", http::Reason(status), "\r\nDate: ", http::HttpDate(std::time(nullptr)),
                           "\r\n", end, fields, "\r\n");
  }

  // A client may be slow, but not stand still.
  auto Write(absl::string_view piece) {
    pieces_ = {answer_, piece};
    return kioto::Timeout(milliseconds(limits().write_ms), stream_.WriteAllVectored(pieces_)).AndThen([this] {
      answer_.clear();
    });
  }

  // An answer without a file: of one line, to be read by people.
  auto Say(int status, absl::string_view fields = "") {
    const std::string text = absl::StrCat(status, " ", http::Reason(status), "\n");
    BeginAnswer(status, absl::StrCat("Content-Type: text/plain\r\nContent-Length: ", text.size(), "\r\n", fields));
    if (parser_.head().method != "HEAD" || parsed_ == Result::kError) answer_ += text;
    return Write("");
  }

  // `left_` bytes of the file, from where it stands.
  auto SendFile(kioto::fs::File& file) {
    file.SetMaxBufferSize(kJob);
    return With(kioto::Buffer(std::min(left_, kPiece)), [this, &file](kioto::Buffer& piece) {
      return Loop([this, &file, &piece] {
        return file.Read(piece.span().first(std::min(left_, kPiece))).AndThen([this, &piece](size_t& n) {
          left_ -= n;
          return If(
              n == 0, [] { return absl::DataLossError("the file has become shorter"); },  // than we have promised
              [this, &piece, &n] { return Write(piece.first(n)).AndThen([this] { return SendOn(); }); });
        });
      });
    });
  }
  Flow<> SendOn() {
    if (left_ > 0) return Continue();
    return Break();
  }

  // --- Answering.

  // The answer's fields; what is to be sent of the file is in `left_`, from `from`.
  int Describe(const Found& found, uint64_t& from, std::string& fields) {
    const uint64_t size = found.metadata.size();
    const std::time_t changed = found.metadata.raw().st_mtime;
    const http::Head& head = parser_.head();
    const std::string* since = head.Find("If-Modified-Since");
    const std::string* part = head.Find("Range");
    fields = absl::StrCat("Last-Modified: ", http::HttpDate(changed), "\r\nAccept-Ranges: bytes\r\n");
    left_ = 0;
    if (since != nullptr && http::ParseHttpDate(*since).value_or(changed - 1) >= changed) return 304;
    std::optional<http::ByteRange> range;
    if (part != nullptr && head.method == "GET" && head.Find("If-Range") == nullptr) range = http::ParseRange(*part, size);
    if (range.has_value()) absl::StrAppend(&fields, "Content-Range: bytes ", RangeText(*range), "/", size, "\r\n");
    if (range.has_value() && range->size == 0) {
      fields += "Content-Length: 0\r\n";
      return 416;
    }
    from = range.has_value() ? range->first : 0;
    const uint64_t length = range.has_value() ? range->size : size;
    if (head.method == "GET") left_ = length;
    absl::StrAppend(&fields, "Content-Type: ", http::ContentType(path_), "\r\nContent-Length: ", length, "\r\n");
    return range.has_value() ? 206 : 200;
  }
  static std::string RangeText(http::ByteRange range) {
    return range.size == 0 ? "*" : absl::StrCat(range.first, "-", range.first + range.size - 1);
  }

  auto Send(Found& found) {
    uint64_t from = 0;
    std::string fields;
    const int status = Describe(found, from, fields);
    BeginAnswer(status, fields);
    return If(from != 0, [&found, from] { return found.file.Seek(from).Map([](auto at) { return at.status(); }); })
        .AndThen([this, &found] {
          return If(left_ == 0, [this] { return Write(""); }, [this, &found] { return SendFile(found.file); });
        });
  }

  // A folder without the slash at its end: what is in it has other addresses.
  auto Redirect() { return Say(301, absl::StrCat("Location: ", http::EncodePath(path_ + "/"), "\r\n")); }

  auto AnswerFile() {
    const http::Head& head = parser_.head();
    path_ = http::ParsePath(head.target).value_or("");
    if (path_.empty() || absl::EndsWith(path_, "/")) path_ += "index.html";
    return Find(*site_, head.target).Then([this](StatusOr<Found>& found) -> kioto::Future<Status> {
      if (!found.ok()) return Fail(found.status());
      if (found->metadata.is_dir()) return Redirect();
      if (!found->metadata.is_file()) return Say(404);
      return Send(*found);
    });
  }
  kioto::Future<Status> Fail(const Status& why) {
    const int status = AnswerFor(why);
    if (status == 500) std::fprintf(stderr, "http_server: %s\n", why.ToString().c_str());
    return Say(status);
  }

  kioto::Future<Status> Answer() {
    if (parsed_ == Result::kError) return Say(parser_.error_status());
    if (refuse_ != 0) return Say(refuse_, refuse_ == 405 ? "Allow: GET, HEAD\r\n" : "");
    return AnswerFile();
  }

  // --- Reading.

  void AwaitRequest() {
    begun_ = false;
    parser_.Release();  // a client may idle for long
    in_.Release(kRoom);
    deadline_ = Instant::Now() + milliseconds(limits().idle_ms);
  }

  // Of the next request: read, or still in the kernel.
  bool AnythingHasCome() const {
    int unread = 0;
    return !in_.empty() || (::ioctl(stream_.fd(), FIONREAD, &unread) == 0 && unread > 0);
  }

  // Takes what has come, up to the end of a request.
  Result Parse() {
    Result result;
    do {
      result = parser_.Parse(in_.view());
      in_.Consume(parser_.consumed());
      const std::string& method = parser_.head().method;
      if (result == Result::kHead && method != "GET" && method != "HEAD") {  // before its body has come
        return Refuse(405);
      }
    } while (result == Result::kHead);
    return result;
  }
  Result Refuse(int status) {
    refuse_ = status;
    last_ = true;  // nobody knows what the client is about to send
    return Result::kEnd;
  }

  auto ReadMore() {
    return SelectBiased(Case(site_->stop.Cancelled(), [this] { return Stop(); }).When(!begun_),
                        Case(TimeoutAt(deadline_, stream_.Read(in_, kRoom)), [this](StatusOr<size_t>& n) { return Came(n); }));
  }
  // No request has begun; unless it lies in the kernel.
  Flow<> Stop() {
    if (!AnythingHasCome()) return Leave();
    BeginRequest();
    return Continue();
  }
  Flow<> Came(const StatusOr<size_t>& n) {
    if (n.ok() && *n > 0) return Continue();
    gone_ = !kioto::IsElapsed(n.status());
    if (gone_ || !begun_) return Leave();
    Refuse(408);
    return Break();
  }
  Flow<> Leave() {
    leave_ = true;
    return Break();
  }
  void BeginRequest() {
    begun_ = true;
    deadline_ = Instant::Now() + milliseconds(limits().request_ms);
  }

  // Reads until there is a request to be answered, or none will come: `leave_`.
  auto ReadRequest() {
    return Loop([this] {
      parsed_ = Parse();
      if (parsed_ == Result::kMore && parser_.inside() && !begun_) BeginRequest();
      return If(parsed_ != Result::kMore, Break, [this] { return ReadMore(); });
    });
  }
  // A client that was refused, or left, may still be sending. To close now would be a reset, which may overtake the last answer.
  auto Linger() {
    return stream_.Shutdown().AndThen([this] {
      return kioto::Timeout(milliseconds(limits().linger_ms), Loop([this] {
                              in_.Clear();
                              return stream_.Read(in_, kPiece).AndThen([this](size_t& n) -> Flow<> {
                                lingered_ += n;
                                if (n == 0 || lingered_ > kLinger) return Break();
                                return Continue();
                              });
                            }))
          .Map([](auto) { return kioto::OkStatus(); });  // however it ended
    });
  }

  auto Run() {
    return Loop([this] {
             return ReadRequest().Then([this] {
               return If(leave_, Break, [this] {
                 return Answer().AndThen([this]() -> Flow<> {
                   if (last_) return Break();
                   AwaitRequest();
                   return Continue();
                 });
               });
             });
           })
        .AndThen([this] { return If(!gone_, [this] { return Linger(); }); });
  }

 private:
  const Limits& limits() const { return site_->limits; }

  std::shared_ptr<Site> site_;
  kioto::net::TcpStream stream_;
  http::MessageParser parser_;
  kioto::ByteQueue in_;
  Result parsed_ = Result::kMore;
  int refuse_ = 0;       // the status of the answer to a request that is not looked at
  std::string path_;     // of the request
  std::string answer_;   // its first lines, until they are written
  std::array<absl::string_view, 2> pieces_;
  size_t left_ = 0;      // bytes of the file that are not sent yet
  bool begun_ = false;   // a request has begun to come
  bool last_ = false;    // this answer
  bool leave_ = false;   // without an answer
  bool gone_ = false;    // the client: it has ended, or the connection is broken
  size_t lingered_ = 0;
  Instant deadline_;     // for what is read next
};

}  // namespace

kioto::Future<Status> Serve(kioto::net::TcpStream stream, std::shared_ptr<Site> site) {
  (void)stream.SetNoDelay(true);  // answers are written whole
  return With(kioto::InPlace<Session>(std::move(stream), std::move(site)), [](Session& session) { return session.Run(); });
}

}  // namespace http_server
