// The snippets of tools/guide/framing.md that are no part of mini_redis, compiled and run.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/stream/fold.h"
#include "kioto/runtime/io/codec/framed.h"
#include "kioto/runtime/io/codec/lines_codec.h"
#include "kioto/runtime/io/integers.h"
#include "kioto/runtime/io/pipe.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/testing/kioto_test.h"

namespace kioto {
namespace {

// [region lines]
// Answers each line; a line of more than 1000 bytes ends it with an error.
template <class Connection>
auto EchoLines(Connection connection) {
  return With(io::Framed(std::move(connection), io::LinesCodec(/*max_length=*/1000)), [](auto& lines) {
    return Loop([&lines] {
      return lines.TryNext().AndThen([&lines](std::optional<std::string>& line) {
        return If(!line.has_value(), Break, [&] { return lines.Send(absl::StrCat("you said ", *line)); });
      });
    });
  });
}
// [end lines]

KIOTO_TEST(FramingGuide, EchoesLines) {
  return With(io::Duplex(64), [](io::DuplexPipe& pipe) {
    return Join(EchoLines(std::move(pipe.first)),
                io::WriteAll(pipe.second, "one\r\ntwo")
                    .AndThen([&] { return io::Shutdown(pipe.second); })
                    .AndThen([&] { return io::ReadToEnd(pipe.second, 1000); }))
        .Then([](auto& results) {
          auto& [echo, said] = results;
          EXPECT_TRUE(echo.ok()) << echo;
          EXPECT_EQ(said.value(), "you said one\nyou said two\n");
          return OkStatus();
        });
  });
}

// [region codec]
// A byte that says what a message is about, two that say how long it is, and the message.
struct Message {
  char about;
  Bytes text;
};

class MessageCodec {
 public:
  using Item = Message;
  StatusOr<std::optional<Message>> Decode(ByteQueue& in) {
    if (in.size() < 3) return std::optional<Message>();
    const size_t length = io::LoadNumber<uint16_t>(in.view().data() + 1);  // a look: it stays until all is there
    if (in.size() < 3 + length) return std::optional<Message>();
    const char about = in.view()[0];
    in.Consume(3);
    return std::optional<Message>(Message{about, in.Split(length)});
  }
  Status Encode(const Message& message, ByteQueue& out) {
    if (message.text.size() > UINT16_MAX) return absl::InvalidArgumentError("a message has at most 65535 bytes");
    io::AppendNumber<char>(out, message.about);
    io::AppendNumber<uint16_t>(out, static_cast<uint16_t>(message.text.size()));
    out.Append(message.text);
    return OkStatus();
  }
};
// [end codec]

TEST(FramingGuide, ReadsWhatItWrote) {
  static_assert(io::IsDecoder<MessageCodec>);
  MessageCodec codec;
  ByteQueue wire;
  EXPECT_TRUE(codec.Encode({'w', Bytes::Static("rain")}, wire).ok());
  EXPECT_EQ(wire.view(), absl::string_view("w\0\x04rain", 7));
  auto message = codec.Decode(wire);
  ASSERT_TRUE(message.ok() && message->has_value());
  EXPECT_EQ((*message)->about, 'w');
  EXPECT_EQ((*message)->text, "rain");
  EXPECT_FALSE(codec.Decode(wire)->has_value());
}

}  // namespace
}  // namespace kioto
