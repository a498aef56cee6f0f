#include "kioto/tools/examples/mini_redis/session.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/sync/until.h"
#include "kioto/time/instant.h"
#include "kioto/time/timeout.h"
#include "kioto/tools/examples/mini_redis/command.h"
#include "kioto/tools/examples/mini_redis/farewell.h"
#include "kioto/tools/examples/mini_redis/resp.h"

namespace mini_redis {
namespace {

using kioto::Break;
using kioto::Case;
using kioto::Continue;
using kioto::Flow;
using kioto::If;
using kioto::Loop;
using kioto::With;
using kioto::time::Instant;

// How much is read at a time: at first, and by a client that has filled that again and again. A turn of one client is as
// much as one read, so this also says how long the others wait for it.
constexpr size_t kFirstRead = 4 * 1024;
constexpr size_t kMostRead = 64 * 1024;
// Replies above this are written before more commands are run.
constexpr size_t kHighWater = 64 * 1024;

Instant After(Instant from, std::chrono::seconds time) { return time.count() == 0 ? Instant::Never() : from + time; }

// An object as the frame: what the futures of a connection borrow. They are methods, to be read from the bottom up.
class Session {
 public:
  Session(kioto::net::TcpStream stream, std::shared_ptr<State> state)
      : state_(std::move(state)),
        stream_(std::move(stream)),
        write_limit_(state_->options.write_timeout.count() == 0 ? std::chrono::seconds::max()
                                                                : state_->options.write_timeout),
        parser_({state_->options.max_args, state_->options.max_bulk, state_->options.max_frame}) {
    client_.id = state_->connections.Add(1);
    client_.mailbox = std::make_shared<Mailbox>(state_->options.max_backlog);
    const auto address = stream_.peer_address();
    if (address.ok()) client_.address = address->ToString();
  }
  Session(Session&&) = delete;  // it is made where it stays
  ~Session() { UnsubscribeAll(*state_, client_); }

  // [region parse loop]
  // Runs the commands that have come, until there is no whole one left, or replies enough for one write.
  void RunCommands() {
    uint64_t count = 0;
    while (!client_.closing && replies_.size() < kHighWater) {
      const RespParser::Result result = parser_.Parse(in_.view());
      if (result == RespParser::Result::kIncomplete) break;
      if (result == RespParser::Result::kError) {
        ReplyWriter(replies_).Error(parser_.error());
        client_.closing = true;
        break;
      }
      if (!parser_.args().empty()) Execute(parser_.args(), *state_, client_, replies_);
      in_.Consume(parser_.size());
      parser_.Reset();
      ++count;
    }
    stopped_early_ = !client_.closing && replies_.size() >= kHighWater;
    if (count > 0) {
      state_->commands.Add(count);
      begun_ = Instant::Never();
    }
  }
  // [end parse loop]

  // When the client must have said something.
  void SetDeadline() {
    const Options& options = state_->options;
    if (in_.empty()) {
      const bool may_idle = options.idle_timeout.count() == 0 || !client_.channels.empty();
      deadline_ = may_idle ? Instant::Never() : After(Instant::Now(), options.idle_timeout);
    } else if (begun_ == Instant::Never()) {  // the first part of a command
      begun_ = Instant::Now();
      deadline_ = After(begun_, options.frame_timeout);
    }
  }

  // [region write]
  // Sends the replies, and what was published. A client may be slow, but not stand still.
  auto WriteReplies() {
    client_.mailbox->TakeTo(replies_);
    unsent_ = replies_;
    return Loop([this] {
             return If(unsent_.empty(), Break, [this] {
               return Timeout(write_limit_, stream_.Write(unsent_)).AndThen([this](size_t n) { unsent_.remove_prefix(n); });
             });
           })
        .AndThen([this] {
          replies_.clear();
          if (replies_.capacity() > kHighWater * 2) std::string().swap(replies_);
        });
  }
  // [end write]

  // [region answer]
  // Runs what has come, and answers with one write (more of them only if the replies are large).
  auto Answer() {
    return Loop([this] {
             RunCommands();
             // The others read first: so who has much to say does not keep them waiting. And answers that leave together are
             // read together: a client's thread wakes once for them.
             return kioto::YieldNow()
                 .Then([this] { return WriteReplies(); })
                 .AndThen([this]() -> Flow<> {
                   if (stopped_early_) return Continue();
                   return Break();
                 });
           })
        .AndThen([this]() -> Flow<> {
          if (client_.closing) return Break();
          in_.Release(2 * room_);  // what one large command has needed
          SetDeadline();
          return Continue();
        });
  }

  auto OnInput(size_t n) {
    if (n >= room_) {
      room_ = std::min(room_ * 2, kMostRead);
    } else if (n < room_ / 4) {
      room_ = std::max(room_ / 2, kFirstRead);
    }
    return Answer();
  }
  // [end answer]

  // [region session loop]
  // Waits for what happens first: the end of the server, something to read, a message to pass on.
  auto Round(kioto::sync::CancelledFuture& stop) {
    return SelectBiased(
        Case(ByRef(stop), Break),
        Case(TimeoutAt(deadline_, stream_.Read(in_, room_)),
             [this](kioto::StatusOr<size_t>& n) {  // 0: the client has left; an error: it is gone, or too slow
               return If(!n.ok() || *n == 0, Break, [this, &n] { return OnInput(*n); });
             }),
        Case(client_.mailbox->Arrived(), [this] { return WriteReplies(); }).When(!client_.channels.empty()));
  }

  auto Run() {
    SetDeadline();
    return With(state_->stop.Cancelled(),
                [this](kioto::sync::CancelledFuture& stop) { return Loop([this, &stop] { return Round(stop); }); })
        .AndThen([this] { return Leave(); });
  }

  void Forget() {  // who is only being left costs nothing
    UnsubscribeAll(*state_, client_);
    in_.Clear();
    in_.Release();
    unsent_ = {};
    std::string().swap(replies_);
  }

  kioto::Future<absl::Status> Leave() {
    left_ = true;
    Forget();
    return Farewell(std::move(stream_));
  }

  // The last word, unless it would stand in the midst of another.
  auto LeaveWithAWord() {
    state_->overflowed.Add(1);
    const bool half_sent = !unsent_.empty() && unsent_.size() != replies_.size();
    Forget();
    if (!half_sent) replies_ = absl::StrCat("-ERR more than ", state_->options.max_backlog, " bytes wait for this client\r\n");
    return Timeout(std::chrono::seconds(1), stream_.WriteAll(replies_)).AndThen([this] { return Leave(); });
  }

  // A client that does not read what it has subscribed to is left, even if we are just writing to it.
  auto RunUntilOverflow() {
    return Until(client_.mailbox->overflow(), Run())
        .Then([this](absl::Status&) {  // whatever it was, it is over
          const bool overflow = !left_ && client_.mailbox->overflow().IsCancelled();
          return If(overflow, [this] { return LeaveWithAWord(); }, [] { return absl::OkStatus(); });
        })
        .Then([](absl::Status) { return absl::OkStatus(); });
  }
  // [end session loop]

 private:
  std::shared_ptr<State> state_;
  kioto::net::TcpStream stream_;
  std::chrono::seconds write_limit_;
  Client client_;
  RespParser parser_;
  kioto::ByteQueue in_;            // begins with the first command that was not run yet
  std::string replies_;
  absl::string_view unsent_;       // of replies_
  size_t room_ = kFirstRead;
  bool left_ = false;              // stream_ has gone
  bool stopped_early_ = false;     // there may be more commands in in_
  Instant begun_ = Instant::Never();     // when the first part of a command came that is not complete
  Instant deadline_ = Instant::Never();
};

}  // namespace

kioto::Future<absl::Status> Serve(kioto::net::TcpStream stream, std::shared_ptr<State> state) {
  (void)stream.SetNoDelay(true);  // replies are written whole
  return With(kioto::InPlace<Session>(std::move(stream), std::move(state)), &Session::RunUntilOverflow);
}

}  // namespace mini_redis
