// The snippets of tools/guide/futures.md, compiled and run.
#include <deque>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/lines.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

struct Record {
  std::string name;
  int parent;
};

Future<StatusOr<Record>> Load(int id) {
  if (id == 1) return Ready(StatusOr<Record>(Record{"child", 2}));
  if (id == 2) return Ready(StatusOr<Record>(Record{"parent", 0}));
  return Ready(StatusOr<Record>(absl::NotFoundError("no such record")));
}

// [region steps]
Future<StatusOr<std::string>> Describe(int id) {
  return Load(id)                                                     // a future of StatusOr<Record>
      .AndThen([](Record& record) { return Load(record.parent); })   // only after success; may return a future
      .AndThen([](Record& parent) { return parent.name; })           // or a value
      .OrElse([](const Status& error) -> StatusOr<std::string> {     // only after an error
        if (absl::IsNotFound(error)) return std::string("nobody");
        return error;
      });
}
// [end steps]

// [region own]
Future<Status> SayTo(net::TcpStream& s) { return s.WriteAll("hello"); }  // right, if the caller keeps s until the end
Future<Status> Say(net::TcpStream s) {                                   // right: the future owns it
  return With(std::move(s), [](net::TcpStream& s) { return s.WriteAll("hello"); });
}
// [end own]

struct Source {
  std::deque<std::string> lines;
  auto Next() {
    return Lazy([this]() -> StatusOr<std::string> {
      if (lines.empty()) return std::string();
      std::string line = std::move(lines.front());
      lines.pop_front();
      return line;
    });
  }
};

struct Sink {
  std::string* text;
  auto Put(const std::string& line) {
    return Lazy([this, &line] {
      *text += line;
      return OkStatus();
    });
  }
};

// [region borrow]
Future<Status> Copy(Source source, Sink sink) {
  return With(std::move(source), std::move(sink), [](Source& from, Sink& to) {  // both live in the future
    return Loop([&] {                                                           // so may be borrowed here
      return from.Next().AndThen([&](std::string& line) {
        return If(line.empty(), Break, [&] { return to.Put(line); });           // line lives until Put is done
      });
    });
  });
}
// [end borrow]

// [region object]
struct Session {
  Source source;
  int lines = 0;

  auto Run() {
    return Loop([this] { return source.Next().AndThen([this](std::string& line) { return Handle(line); }); });
  }
  StatusOr<Flow<>> Handle(const std::string& line) {
    if (line.empty()) return Break();
    ++lines;
    return Continue();
  }
};

Future<StatusOr<int>> CountOf(Source source) {
  return With(Session{std::move(source)}, [](Session& session) {
    return session.Run().AndThen([&session] { return session.lines; });
  });
}
// [end object]

// [region in-place]
struct EchoLines {
  explicit EchoLines(net::TcpStream s) : stream(std::move(s)) {}
  EchoLines(EchoLines&&) = delete;  // for a member borrows another

  net::TcpStream stream;
  io::Lines lines{stream, 1024};

  auto Run() {
    return ForEach(ByRef(lines), [this](std::string& line) { return stream.WriteAll(line + "\n"); });
  }
};

Future<Status> Echo(net::TcpStream stream) { return With(InPlace<EchoLines>(std::move(stream)), &EchoLines::Run); }
// [end in-place]

TEST(FuturesGuide, Runs) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_EQ(*runtime->BlockOn(Describe(1)), "parent");
  EXPECT_EQ(*runtime->BlockOn(Describe(2)), "nobody");
  std::string text;
  EXPECT_TRUE(runtime->BlockOn(Copy(Source{{"a", "b"}}, Sink{&text})).ok());
  EXPECT_EQ(text, "ab");
  EXPECT_EQ(*runtime->BlockOn(CountOf(Source{{"a", "b", "c"}})), 3);
  const auto echoed = runtime->BlockOn([] {
    return net::TcpListener::Bind("127.0.0.1:0").AndThen([](net::TcpListener& listener) {
      auto client = net::TcpStream::Connect(*listener.local_address()).AndThen([](net::TcpStream& s) {
        return s.WriteAll("one\r\ntwo").AndThen([&s] { return s.Shutdown(); }).AndThen([&s] { return s.ReadToEnd(100); });
      });
      auto server = listener.Accept().AndThen([](net::TcpStream& s) { return Echo(std::move(s)); });
      return TryJoin(std::move(client), std::move(server)).AndThen([](std::string& text, Unit) { return text; });
    });
  });
  ASSERT_TRUE(echoed.ok()) << echoed.status();
  EXPECT_EQ(*echoed, "one\ntwo\n");
  const auto heard = runtime->BlockOn([] {
    return net::TcpListener::Bind("127.0.0.1:0").AndThen([](net::TcpListener& listener) {
      auto client = net::TcpStream::Connect(*listener.local_address()).AndThen([](net::TcpStream& s) { return s.ReadToEnd(100); });
      auto server = listener.Accept().AndThen([](net::TcpStream& s) {
        return SayTo(s).AndThen([&s] { return Say(std::move(s)); });
      });
      return TryJoin(std::move(client), std::move(server)).AndThen([](std::string& text, Unit) { return text; });
    });
  });
  ASSERT_TRUE(heard.ok()) << heard.status();
  EXPECT_EQ(*heard, "hellohello");
}

}  // namespace
}  // namespace kioto
